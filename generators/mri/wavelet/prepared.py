"""A patient's volumes as the network sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ....conditioning.record import ImageGeometry, Record
from .frame import Frame, frame_of
from .intensity import Scale, scale_of
from .settings import N_FACTS, ModelConfig

SEGMENTATION = "segmentation"


@dataclass(frozen=True)
class Prepared:
    """One patient.

    Attributes:
        x: values as the network has them, 0 where an array is absent; arrays in the order of `ModelConfig.names`.
        there: which of them are present.
        inside: the foreground.
        labels: of the segmentation; 0 where there is none.
        labelled: whether there is one.
        facts: age in units of 50 years less 1, whether it is said, sex as -1 or 1, whether it is said.
        scales: of the arrays that are present.
        frame: where this lies.
    """

    x: Float[np.ndarray, "n i j k"]
    there: Bool[np.ndarray, " n"]
    inside: Bool[np.ndarray, "i j k"]
    labels: UInt8[np.ndarray, "i j k"]
    labelled: bool
    facts: Float[np.ndarray, " f"]
    scales: Mapping[str, Scale]
    frame: Frame


def prepared(record: Record, model: ModelConfig, use: Sequence[str] | None = None) -> Prepared:
    """Return a patient's volumes as the network sees them.

    Args:
        record: arrays by name, all on one grid.
        model: names, scaling and grid.
        use: which of the arrays to look at; all when None.

    Raises:
        ValueError: none is there, one is no volume or lies on another grid, or its values cannot be scaled.
    """
    names = [name for name in model.names if name in record.arrays and (use is None or name in use)]
    volumes = {name: _volume(record, name) for name in names}
    if not volumes:
        raise ValueError(f"{record.record_id}: none of {', '.join(use or model.names)} is there")
    _check_one_grid(record.record_id, volumes)
    inside = _foreground(volumes, model)
    spacing = record.geometry.spacing_mm if isinstance(record.geometry, ImageGeometry) else (np.nan,) * 3
    try:
        frame = frame_of(inside, spacing, model.spacing_mm, model.multiple)
        scales = {name: scale_of(name, v, inside & (v != 0), model.intensity_of(name)) for name, v in volumes.items()}
    except ValueError as error:
        raise ValueError(f"{record.record_id}: {error}") from error
    x = np.zeros((len(model.names), *frame.sides), np.float32)
    for name, volume in volumes.items():
        top = model.intensity_of(name).top
        x[model.names.index(name)] = frame.into(scales[name].scaled(volume, top))
    seen = frame.into(inside.astype(np.float32)) > 0
    x *= seen
    labels, labelled = _labels(record, frame)
    there = np.array([name in volumes for name in model.names])
    return Prepared(x, there, seen, labels, labelled, facts_of(record), scales, frame)


def _volume(record: Record, name: str) -> Float[np.ndarray, "x y z"]:
    volume = np.asarray(record.arrays[name], np.float32)
    if volume.ndim != 3:
        said = " x ".join(map(str, volume.shape))
        raise ValueError(f"{record.record_id}: {name} is {said or 'a number'}; a volume has three axes")
    return volume


def _check_one_grid(record_id: str, volumes: Mapping[str, np.ndarray]) -> None:
    (first, shape), *others = ((name, volume.shape) for name, volume in volumes.items())
    for name, other in others:
        if other != shape:
            said = f"{name} is {' x '.join(map(str, other))} and {first} {' x '.join(map(str, shape))}"
            raise ValueError(f"{record_id}: {said}; all arrays must lie on one grid")


def _foreground(volumes: Mapping[str, np.ndarray], model: ModelConfig) -> Bool[np.ndarray, "x y z"]:
    """Return where some array is not 0."""
    shape = next(iter(volumes.values())).shape
    if model.foreground == "all":
        return np.ones(shape, bool)
    return np.logical_or.reduce([volume != 0 for volume in volumes.values()])


def _labels(record: Record, frame: Frame) -> tuple[UInt8[np.ndarray, "i j k"], bool]:
    found = record.arrays.get(SEGMENTATION)
    out = np.zeros(frame.sides, np.uint8)
    if found is None:
        return out, False
    for label in np.unique(found[found > 0]).tolist():
        out[frame.into((np.asarray(found) == label).astype(np.float32)) >= 0.5] = int(label)
    return out, True


def facts_of(record: Record) -> Float[np.ndarray, " f"]:
    """Return age and sex, and which of them are said, as numbers of about size 1."""
    age, sex = getattr(record.condition, "age_years", None), getattr(record.condition, "sex", None)
    out = np.zeros(N_FACTS, np.float32)
    if age is not None:
        out[:2] = age / 50 - 1, 1
    if sex is not None:
        out[2:] = (1 if str(sex) == "F" else -1), 1
    return out
