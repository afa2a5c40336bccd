"""Records of all sides as arrays of one shape: one size and colour of images, one cube, one rate and length of signals.

What had to be changed for that is said in words; what cannot be compared is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.readers.cube import cube_of, cubed
from ...conditioning.readers.resample import resampled
from ...conditioning.readers.square import squared
from ...conditioning.record import Record, SignalGeometry
from ...conditioning.table import TableCondition
from ..downstream import content_sha256
from ..validity import main_array

MOST_PIXELS, MOST_VOXELS, MOST_SAMPLES = 256, 64, 5000  # along an edge; samples of a signal
LEAST_SAMPLES = 32
RANGE = (0.5, 99.5)  # percentiles of real values that become 0 and 1 where values have a range of their own
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # Rec. 601


@dataclass(frozen=True)
class Cohort:
    """Records of one side.

    Attributes:
        name: of the side, such as `real`.
        x: images (n, y, x) or (n, y, x, 3) and volumes (n, x, y, z), 0 to 1; signals (n, leads, samples) in their unit.
        ids: of the records.
        patients: whose each one is; a record that names nobody is of a patient of its own.
        conditions: what the table says of each.
    """

    name: str
    x: Float[np.ndarray, "n ..."]
    ids: tuple[str, ...]
    patients: tuple[str, ...]
    conditions: tuple[TableCondition, ...]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.x)

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of values, names and conditions."""
        said = [c.model_dump_json(exclude_none=True) for c in self.conditions]
        return content_sha256(np.ascontiguousarray(self.x), self.ids, self.patients, said)


@dataclass(frozen=True)
class Compared:
    """All sides in one shape.

    Attributes:
        kind: `image`, `volume` or `signal`.
        real: held-out real records.
        synthetic: what is judged.
        training: what the generator was trained on; None where it was not named.
        notes: what was changed to make them alike, a sentence each.
        leads: channels of signals.
        fs_hz: their rate; NaN for images.
        unit: of the values as they came.
    """

    kind: str
    real: Cohort
    synthetic: Cohort
    training: Cohort | None
    notes: tuple[str, ...]
    leads: tuple[str, ...] = ()
    fs_hz: float = float("nan")
    unit: str = "1"


@dataclass(frozen=True)
class _Shaped:
    """Arrays of each side in one shape, and what was done."""

    arrays: list[np.ndarray]
    notes: list[str]
    leads: tuple[str, ...] = ()
    fs_hz: float = float("nan")


def compared(real: Sequence[Record], synthetic: Sequence[Record], training: Sequence[Record] = ()) -> Compared:
    """Return all sides in one shape.

    Args:
        real: real records.
        synthetic: synthetic records.
        training: real records that were trained on.

    Raises:
        ValueError: no record on a side, images beside signals, or nothing that both sides have.
    """
    sides = {"real": real, "synthetic": synthetic} | ({"training": training} if training else {})
    for name, records in sides.items():
        if not records:
            raise ValueError(f"no {name} record is left to compare")
    kinds = {name: {main_array(r)[0] for r in records} for name, records in sides.items()}
    kind = next(iter(kinds["real"]))
    for name, found in kinds.items():
        if found != {kind}:
            raise ValueError(f"the {name} side holds {', '.join(sorted(found))}s and the real one {kind}s")
    shapers: dict[str, Callable[[dict[str, Sequence[Record]]], _Shaped]] = {
        "image": _images, "volume": _volumes, "signal": _signals,
    }  # fmt: skip
    shaped = shapers[kind](sides)
    cohorts = {name: _cohort(name, x, records) for (name, records), x in zip(sides.items(), shaped.arrays, strict=True)}
    return Compared(
        kind, cohorts["real"], cohorts["synthetic"], cohorts.get("training"), tuple(shaped.notes), shaped.leads,
        shaped.fs_hz, real[0].geometry.unit,
    )  # fmt: skip


def _patient_of(record: Record, side: str) -> str:
    """Return the patient of a record; each one without a name is a patient of its own, whatever its file is called."""
    named = getattr(record.condition, "patient_id", None)
    if not named:
        return f"{side} record {record.record_id}"
    return f"synthetic {named}" if side == "synthetic" else str(named)


def _cohort(name: str, x: np.ndarray, records: Sequence[Record]) -> Cohort:
    conditions = tuple(r.condition if isinstance(r.condition, TableCondition) else TableCondition() for r in records)
    patients = tuple(_patient_of(r, name) for r in records)
    return Cohort(name, x, tuple(r.record_id for r in records), patients, conditions)


def _images(sides: dict[str, Sequence[Record]]) -> _Shaped:
    raw = {name: [main_array(r)[1] for r in records] for name, records in sides.items()}
    notes: list[str] = []
    colour = all(any(x.ndim == 3 for x in side) for side in raw.values())
    if not colour and any(x.ndim == 3 for side in raw.values() for x in side):
        coloured = [name for name, side in raw.items() if any(x.ndim == 3 for x in side)]
        notes.append(f"Only the {' and '.join(coloured)} side has colour: all images were turned grey (Rec. 601).")
    scaled = _to_unit(raw, notes)
    size = min([_commonest([max(x.shape[:2]) for x in side]) for side in raw.values()] + [MOST_PIXELS])
    _say_sizes(raw, f"{size} x {size}", "padded to a square, then Lanczos", notes)
    arrays = [np.stack([_square(_coloured(x, colour), size) for x in side]) for side in scaled.values()]
    return _Shaped(arrays, notes)


def _coloured(x: np.ndarray, colour: bool) -> np.ndarray:
    if colour:
        return x if x.ndim == 3 else np.repeat(x[..., None], 3, axis=2)
    return x if x.ndim == 2 else x @ GREY


def _square(x: np.ndarray, size: int) -> np.ndarray:
    if x.ndim == 3:
        return np.stack([squared(x[..., k], size) for k in range(x.shape[2])], axis=-1)
    return squared(np.ascontiguousarray(x, dtype=np.float32), size)


def _to_unit(raw: dict[str, list[np.ndarray]], notes: list[str]) -> dict[str, list[np.ndarray]]:
    """Return values from 0 to 1; where they have a range of their own, by the real ones' percentiles, for all sides."""
    least = min(float(x.min()) for side in raw.values() for x in side)
    most = max(float(x.max()) for side in raw.values() for x in side)
    if least >= -1e-3 and most <= 1 + 1e-3:
        return {name: [np.clip(x, 0, 1).astype(np.float32) for x in side] for name, side in raw.items()}
    some = np.concatenate([x.reshape(-1)[:: max(1, x.size // 20_000)] for x in raw["real"]])
    low, high = (float(v) for v in np.percentile(some, RANGE))
    high = high if high > low else low + 1.0
    notes.append(
        f"Values have a range of their own: {low:.4g} to {high:.4g}, the {RANGE[0]:g}th and {RANGE[1]:g}th percentiles "
        "of the real ones, became 0 to 1 on all sides; what lies outside was cut."
    )
    return {n: [np.clip((x - low) / (high - low), 0, 1).astype(np.float32) for x in side] for n, side in raw.items()}


def _volumes(sides: dict[str, Sequence[Record]]) -> _Shaped:
    raw = {name: [main_array(r)[1] for r in records] for name, records in sides.items()}
    notes: list[str] = []
    size = min([_commonest([max(x.shape) for x in side]) for side in raw.values()] + [MOST_VOXELS])
    how = "proportions in space kept, padded with the least value, means of voxels"
    _say_sizes(raw, f"cubes of {size} voxels", how, notes)
    cubes = {
        name: [cubed(x, cube_of(x.shape, _spacing(r), size)) for x, r in zip(side, sides[name], strict=True)]
        for name, side in raw.items()
    }
    scaled = _to_unit(cubes, notes)
    return _Shaped([np.stack(side) for side in scaled.values()], notes)


def _spacing(record: Record) -> tuple[float, ...]:
    return tuple(record.geometry.spacing_mm)  # type: ignore[union-attr]


def _signals(sides: dict[str, Sequence[Record]]) -> _Shaped:
    notes: list[str] = []
    leads = _common_leads(sides, notes)
    rates = {name: _commonest([_geometry(r).fs_hz for r in records]) for name, records in sides.items()}
    fs_hz = min(rates.values())
    if {_geometry(r).fs_hz for records in sides.values() for r in records} != {fs_hz}:
        said = ", ".join(f"{name} {rate:g} Hz" for name, rate in rates.items())
        notes.append(f"Signals were resampled to {fs_hz:g} Hz by a zero-phase polyphase filter ({said}).")
    alike = {name: [_at(r, leads, fs_hz) for r in records] for name, records in sides.items()}
    lengths = {name: [x.shape[1] for x in side] for name, side in alike.items()}
    n = min([min(side) for side in lengths.values()] + [MOST_SAMPLES])
    if n < LEAST_SAMPLES:
        raise ValueError(f"the shortest signal has {n} samples at {fs_hz:g} Hz; {LEAST_SAMPLES} or more are needed")
    if {m for side in lengths.values() for m in side} != {n}:
        notes.append(f"Signals were cut to their first {n / fs_hz:g} s ({n} samples).")
    return _Shaped([np.stack([x[:, :n] for x in side]) for side in alike.values()], notes, leads, fs_hz)


def _common_leads(sides: dict[str, Sequence[Record]], notes: list[str]) -> tuple[str, ...]:
    names = [_geometry(r).leads for records in sides.values() for r in records]
    common = [lead for lead in names[0] if all(lead in other for other in names)]
    if not common:
        first, other = names[0], next(n for n in names if not set(n) & set(names[0])) if len(names) > 1 else names[0]
        said = f"{', '.join(first[:4])} and {', '.join(other[:4])}"
        raise ValueError(f"no lead is in every signal ({said}); name them alike in the column leads")
    left = sorted({lead for other in names for lead in other} - set(common))
    if left:
        notes.append(
            f"Only the leads of all signals were compared: {', '.join(common)}; without {', '.join(left[:8])}."
        )
    return tuple(common)


def _at(record: Record, leads: Sequence[str], fs_hz: float) -> np.ndarray:
    geometry, x = _geometry(record), main_array(record)[1]
    rows = np.asarray(x[[geometry.leads.index(lead) for lead in leads]], dtype=np.float32)
    return resampled(rows, geometry.fs_hz, fs_hz)


def _geometry(record: Record) -> SignalGeometry:
    assert isinstance(record.geometry, SignalGeometry)
    return record.geometry


def _commonest(values: Sequence[Any]) -> Any:
    counts = Counter(values)
    return min(counts, key=lambda v: (-counts[v], v))


def _say_sizes(raw: dict[str, list[np.ndarray]], to: str, how: str, notes: list[str]) -> None:
    shapes = {name: Counter(x.shape for x in side) for name, side in raw.items()}
    dims = {shape[:2] if len(shape) == 3 and shape[-1] == 3 else shape for c in shapes.values() for shape in c}
    if len(dims) == 1 and len({*next(iter(dims))}) == 1 and f"{next(iter(dims))[0]}" in to:
        return
    came = "; ".join(
        f"{name} {', '.join(' x '.join(map(str, s)) + f' ({k})' for s, k in counts.most_common(3))}"
        + (f" and {len(counts) - 3} other sizes" if len(counts) > 3 else "")
        for name, counts in shapes.items()
    )
    notes.append(f"They came as {came}. All were brought to {to}: {how}.")
