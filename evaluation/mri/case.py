"""A patient's brain as baselines and segmenters take it: contrasts from 0 to 1, and where the brain is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8

from ...conditioning.mri.contrasts import CONTRASTS, Contrast
from ...conditioning.record import ImageGeometry, Record
from .paired import top_of
from .regions import brain_of

MARGIN = 6  # voxels kept about the brain: one more than a window of similarity reaches


@dataclass(frozen=True)
class Case:
    """One patient, cut to the box about the brain.

    Attributes:
        name: of the record.
        patient: whose it is; records of one patient are never on both sides of a split.
        volumes: contrasts, 0 to 1: 1 is the 99.5th percentile of the brain.
        brain: where it is.
        labels: of the tumour (1 necrosis, 2 oedema, 3 enhancing); None where nobody drew it.
        spacing_mm: of the voxels.
        tops: what 1 was on the scanner's scale.
        near: the box, on the record's grid.
        record: as it was read.
    """

    name: str
    patient: str
    volumes: Mapping[Contrast, Float32[np.ndarray, "x y z"]]
    brain: Bool[np.ndarray, "x y z"]
    labels: UInt8[np.ndarray, "x y z"] | None
    spacing_mm: tuple[float, ...]
    tops: Mapping[Contrast, float]
    near: tuple[slice, slice, slice]
    record: Record = field(repr=False)

    def on_grid(self, volume: Shaped[np.ndarray, "_ _ _"]) -> Shaped[np.ndarray, "x y z"]:
        """Return a volume of the box on the record's grid, 0 elsewhere."""
        out = np.zeros(next(iter(contrasts_of(self.record).values())).shape, volume.dtype)
        out[self.near] = volume
        return out


class Missing(NamedTuple):
    """One question that can be asked: this contrast from these."""

    inputs: tuple[Contrast, ...]
    target: Contrast

    @property
    def name(self) -> str:
        """Return it as `t1+t2>flair`."""
        return f"{'+'.join(self.inputs)}>{self.target}"


def questions(contrasts: Sequence[Contrast] = CONTRASTS) -> Iterator[Missing]:
    """Yield every non-empty subset of contrasts with each contrast that it lacks; 28 of the four."""
    for mask in range(1, 2 ** len(contrasts) - 1):
        inputs = tuple(c for k, c in enumerate(contrasts) if mask >> k & 1)
        for target in contrasts:
            if target not in inputs:
                yield Missing(inputs, target)


def contrasts_of(record: Record) -> dict[Contrast, np.ndarray]:
    """Return the contrasts that a record has."""
    return {c: np.asarray(record.arrays[c]) for c in CONTRASTS if c in record.arrays}


def patient_of(record: Record) -> str:
    """Return whose a record is: what its provenance or condition says, else its name."""
    said = record.provenance.get("patient") or getattr(record.condition, "patient_id", None)
    return str(said or record.record_id)


def case_of(record: Record) -> Case:
    """Return a record as a case.

    Raises:
        ValueError: it has no contrast, or one whose brain has no values above 0.
    """
    volumes = contrasts_of(record)
    if not volumes:
        raise ValueError(f"record {record.record_id} has none of {', '.join(CONTRASTS)}")
    brain = brain_of({str(c): v for c, v in volumes.items()})
    near = box_about(brain)
    tops = {c: top_of(v, brain) for c, v in volumes.items()}
    scaled = {c: np.clip(v[near] / np.float32(tops[c]), 0, 1).astype(np.float32) for c, v in volumes.items()}
    labels = record.arrays.get("segmentation")
    cut = None if labels is None else np.asarray(labels, dtype=np.uint8)[near]
    assert isinstance(record.geometry, ImageGeometry)
    spacing_mm = record.geometry.spacing_mm
    return Case(record.record_id, patient_of(record), scaled, brain[near], cut, spacing_mm, tops, near, record)


def box_about(brain: Bool[np.ndarray, "x y z"], margin: int = MARGIN) -> tuple[slice, slice, slice]:
    """Return the box about a brain, some voxels wider where the grid goes on."""
    spans = [np.flatnonzero(brain.any(axis=tuple(j for j in range(3) if j != i))) for i in range(3)]
    a, b, c = (slice(max(0, int(s[0]) - margin), int(s[-1]) + 1 + margin) for s in spans)
    return a, b, c
