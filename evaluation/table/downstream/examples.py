"""Samples of anybody's table as arrays: signals, images or volumes, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from ....conditioning.record import Record
from ....generators.readout.table.rows import Kind

MOST = {1: 2048, 2: 256, 3: 64}  # samples, pixels or voxels along an axis that are kept from a record
ARRAYS = ("image", "volume", "signal")
AGE_BANDS = ((0, 18, "under 18"), (18, 40, "18-39"), (40, 60, "40-59"), (60, 80, "60-79"), (80, 999, "80+"))


@dataclass(frozen=True)
class Examples:
    """Samples of one shape and what is known of them; what is not said of any sample is None.

    Attributes:
        x: (n, channels, *space); one, two or three axes of space.
        patients: whose each sample is.
        labels: class of each sample, or all classes that it has as a tuple; None for a sample of which it is not said.
        targets: (n,) numbers; NaN where it is not said.
        masks: (n, *space) class of each pixel, 0 background; -1 all over where it is not said.
        boxes: an array a sample, (boxes, 2 axes): low edge on each axis, then high edge on each, in pixels, axes as in
            `x`; None for a sample of which it is not said, an empty array where there is nothing.
        box_labels: what each box holds.
        sites: where each sample is from; empty where it is not known.
        groups: values by an attribute's name, such as `sex`; an empty value is not known.
    """

    x: Float32[np.ndarray, "n channels *space"]
    patients: tuple[str, ...]
    labels: tuple[str | tuple[str, ...] | None, ...] | None = None
    targets: np.ndarray | None = None
    masks: np.ndarray | None = None
    boxes: tuple[np.ndarray | None, ...] | None = None
    box_labels: tuple[tuple[str, ...], ...] | None = None
    sites: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that every column has an entry a sample.

        Raises:
            ValueError: it has not, or a sample is not finite.
        """
        n = len(self.x)
        if not 3 <= self.x.ndim <= 5:
            raise ValueError(
                f"samples have the shape {self.x.shape}; give (n, channels, *space) with 1 to 3 axes of space"
            )
        columns = ("patients", "labels", "targets", "masks", "boxes", "box_labels")
        named = {name: getattr(self, name) for name in columns} | {"sites": self.sites or None, **self.groups}
        for name, column in named.items():
            if column is not None and len(column) != n:
                raise ValueError(f"{name} has {len(column)} entries for {n} samples")
        if self.masks is not None and self.masks.shape[1:] != self.x.shape[2:]:
            raise ValueError(
                f"masks are {self.masks.shape[1:]}, the samples {self.x.shape[2:]}; give them the same axes"
            )
        bad = int((~np.isfinite(self.x.reshape(n, -1))).any(axis=1).sum()) if n else 0
        if bad:
            raise ValueError(f"{bad} of {n} samples hold NaN or infinity; remove them or mend them")

    def only(self, mask: np.ndarray) -> Examples:
        """Return the samples that a mask marks."""
        at = np.flatnonzero(mask)
        columns = ("patients", "labels", "targets", "masks", "boxes", "box_labels", "sites")
        taken: dict[str, Any] = {name: _taken(getattr(self, name), at) for name in columns}
        groups = {name: _taken(column, at) for name, column in self.groups.items()}
        return replace(self, x=self.x[at], groups=groups, **taken)

    def __len__(self) -> int:
        return len(self.x)


def kinds_of(examples: Examples) -> tuple[Kind, ...]:
    """Return which tasks the samples allow."""
    found: list[Kind] = []
    said = [one for one in examples.labels or () if one is not None]
    if said:
        found.append("multilabel" if any(isinstance(one, tuple) for one in said) else "classification")
    if examples.masks is not None and (examples.masks > 0).any():
        found.append("segmentation")
    if examples.targets is not None and np.isfinite(examples.targets).any():
        found.append("regression")
    if examples.boxes is not None and any(one is not None and len(one) for one in examples.boxes):
        found.append("detection")
    return tuple(found)


def examples_of(records: Iterable[Record], shape: Sequence[int] | None = None) -> Examples:
    """Return records as examples.

    Reads `image` ((rows, cols) or (rows, cols, colours)), `volume` or `signal` ((leads, samples)), the array `mask`,
    and what the condition calls `label`, `labels`, `target`, `boxes` (x0, y0, x1, y1, label), `patient_id`, `site`,
    `sex`, `age_years` and `race`, where it has them. A record without a patient is its own.

    Args:
        records: of one kind of array.
        shape: length of each axis that every sample gets; that of the first record, shrunk to `MOST` with its
            proportions, when left out.

    Raises:
        ValueError: no record, one without such an array, or with other axes or channels than the first.
    """
    from .sizing import sized_boxes, sized_mask, sized_sample

    rows: list[np.ndarray] = []
    conditions: list[tuple[Record, Any]] = []
    masks: list[np.ndarray | None] = []
    boxes: list[np.ndarray | None] = []
    wanted = None if shape is None else tuple(shape)
    for record in records:
        x = sample_of(record)
        wanted = wanted or shrunk(x.shape[1:])
        if rows and (x.shape[0] != rows[0].shape[0] or x.ndim != rows[0].ndim):
            raise ValueError(
                f"record {record.record_id!r} is {x.shape}, the first one {rows[0].shape}; axes and channels differ"
            )
        rows.append(sized_sample(x, wanted))
        mask = record.arrays.get("mask")
        masks.append(None if mask is None else sized_mask(np.asarray(mask), wanted))
        found = getattr(record.condition, "boxes", None)
        boxes.append(None if found is None else sized_boxes(_edges(found), x.shape[1:], wanted))
        conditions.append((record, record.condition))
    if not rows:
        raise ValueError("there is no record to make examples of")
    said = [_label(c) for _, c in conditions]
    target = np.array([_number(getattr(c, "target", None)) for _, c in conditions])
    names = [tuple(str(b.label) for b in getattr(c, "boxes", None) or ()) for _, c in conditions]
    unknown = np.full(wanted or (), -1, dtype=np.int64)
    return Examples(
        np.stack(rows), tuple(_patient(r, c) for r, c in conditions),
        labels=tuple(said) if any(one is not None for one in said) else None,
        targets=target if np.isfinite(target).any() else None,
        masks=None if all(m is None for m in masks) else np.stack([unknown if m is None else m for m in masks]),
        boxes=None if all(b is None for b in boxes) else tuple(boxes),
        box_labels=None if all(b is None for b in boxes) else tuple(names),
        sites=tuple(str(getattr(c, "site", None) or "") for _, c in conditions),
        groups=_groups([c for _, c in conditions]),
    )  # fmt: skip


def sample_of(record: Record) -> Float32[np.ndarray, "channels ..."]:
    """Return the array of a record, channels first.

    Raises:
        ValueError: there is none, or its axes are not those of its name.
    """
    name = next((n for n in ARRAYS if n in record.arrays), None)
    if name is None:
        raise ValueError(f"record {record.record_id!r} has none of the arrays {', '.join(ARRAYS)}")
    x = np.asarray(record.arrays[name], dtype=np.float32)
    if name == "image" and x.ndim == 3 and x.shape[-1] <= 4:
        return np.ascontiguousarray(np.moveaxis(x, -1, 0))
    if name == "signal" and x.ndim == 2:
        return x
    if (name, x.ndim) in (("image", 2), ("volume", 3)):
        return x[None]
    raise ValueError(f"record {record.record_id!r} has the array {name!r} of shape {x.shape}, which it does not fit")


def shrunk(shape: Sequence[int], most: int | None = None) -> tuple[int, ...]:
    """Return a shape whose longest axis is `most` at most, with its proportions, 8 along an axis at least."""
    limit = MOST[len(shape)] if most is None else most
    factor = min(1.0, limit / max(shape))
    return tuple(max(min(8, n), round(n * factor)) for n in shape)


def _label(condition: Any) -> str | tuple[str, ...] | None:
    several, one = getattr(condition, "labels", None), getattr(condition, "label", None)
    if several is not None:
        return tuple(str(name) for name in several)
    return None if one is None else str(one)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _edges(boxes: Sequence[Any]) -> np.ndarray:
    """Return rows first: a table's boxes have x before y."""
    return np.array([[b.y0, b.x0, b.y1, b.x1] for b in boxes], dtype=float).reshape(-1, 4)


def _patient(record: Record, condition: Any) -> str:
    named = getattr(condition, "patient_id", None) or record.provenance.get("patient_id")
    return str(named) if named else f"record {record.record_id}"


def _groups(conditions: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    columns = {
        "sex": tuple(str(getattr(c, "sex", None) or "") for c in conditions),
        "age": tuple(_band(getattr(c, "age_years", None)) for c in conditions),
        "race": tuple(str(getattr(c, "race", None) or "") for c in conditions),
    }
    return {name: column for name, column in columns.items() if any(column)}


def _band(age: float | None) -> str:
    return "" if age is None else next((name for low, high, name in AGE_BANDS if low <= age < high), "")


def _taken(column: Any, at: np.ndarray) -> Any:
    if column is None or (isinstance(column, tuple) and not column):
        return column
    return column[at] if isinstance(column, np.ndarray) else tuple(column[k] for k in at.tolist())
