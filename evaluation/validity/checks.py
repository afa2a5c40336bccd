"""The questions asked of one record: each gives the reason why it fails, or None."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...conditioning.record import Record, SignalGeometry
from .digests import main_array
from .expected import Expected, labels_of, spacing_of, unit_of

LEAST_SIDE = 8  # pixels, voxels or samples
FLAT = 1e-6  # of the range of real values: below it a record shows nothing
UNIT_SLACK = 1e-3  # images are from 0 to 1
MOST_MV = 20.0  # no surface ECG reaches it, and an amplifier's rail lies below
_MV = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "nv": 1e-6}

Asked = Callable[[Record, "Side", Expected], str | None]


@dataclass(frozen=True)
class Side:
    """What is common among the records that are asked.

    Attributes:
        shape: the commonest.
        fs_hz: the commonest sampling rate; None for images.
    """

    shape: tuple[int, ...]
    fs_hz: float | None


def finite(record: Record, side: Side, real: Expected) -> str | None:
    """Say how many values are no numbers."""
    _, x = main_array(record)
    bad = int(x.size - np.count_nonzero(np.isfinite(x)))
    return f"{bad} of {x.size} values are NaN or infinite" if bad else None


def varied(record: Record, side: Side, real: Expected) -> str | None:
    """Say that a record is the same everywhere."""
    _, x = main_array(record)
    if x.size == 0:
        return "is empty"
    span = real.high - real.low
    wide = float(np.nanmax(x) - np.nanmin(x)) if np.isfinite(x).any() else np.nan
    least = FLAT * span if np.isfinite(span) and span > 0 else 0.0
    return f"is constant, {float(np.nanmin(x)):g} everywhere" if wide <= least else None


def leads_varied(record: Record, side: Side, real: Expected) -> str | None:
    """Name the leads of a signal that are flat, or the colour channels that are."""
    if not isinstance(record.geometry, SignalGeometry):
        return None
    _, x = main_array(record)
    if x.ndim != 2 or x.shape[1] == 0 or len(x) != len(record.geometry.leads):
        return None
    flat = [name for name, row in zip(record.geometry.leads, x, strict=True) if np.ptp(row) == 0]
    return f"{', '.join(flat)} constant" if 0 < len(flat) < len(x) else None


def in_range(record: Record, side: Side, real: Expected) -> str | None:
    """Say that values lie where none can: images outside 0 to 1, others far outside all real ones."""
    kind, x = main_array(record)
    good = x[np.isfinite(x)]
    if not good.size:
        return None
    low, high = _range(kind, record, real)
    least, most = float(good.min()), float(good.max())
    if least < low or most > high:
        return f"values from {least:g} to {most:g}; {low:g} to {high:g} is the range"
    return None


def _range(kind: str, record: Record, real: Expected) -> tuple[float, float]:
    unit = record.geometry.unit
    if kind == "image" and unit == "1":
        return -UNIT_SLACK, 1 + UNIT_SLACK
    if unit.lower() in _MV:
        most = MOST_MV / _MV[unit.lower()]
        return -most, most
    span = real.high - real.low
    if not np.isfinite(span):
        return -np.inf, np.inf
    return real.low - span, real.high + span


def shaped(record: Record, side: Side, real: Expected) -> str | None:
    """Say that a record is of another kind or size than it should be."""
    kind, x = main_array(record)
    shown = " x ".join(map(str, x.shape))
    if real.kinds and kind not in real.kinds:
        return f"is a {kind}; the real ones are {', '.join(sorted(real.kinds))}s"
    sides = x.shape[1:] if kind == "signal" else x.shape[: 2 if kind == "image" else 3]
    if not sides or min(sides) < LEAST_SIDE:
        return f"is {shown}; a side has at least {LEAST_SIDE}"
    if isinstance(record.geometry, SignalGeometry):
        return _signal_shaped(record, record.geometry, x, shown)
    if len(real.shapes) == 1 and x.shape != side.shape:
        return f"is {shown}; most are {' x '.join(map(str, side.shape))}"
    return None


def _signal_shaped(record: Record, geometry: SignalGeometry, x: np.ndarray, shown: str) -> str | None:
    if x.ndim != 2 or len(x) != len(geometry.leads):
        return f"is {shown}; {len(geometry.leads)} leads are named"
    asked = getattr(record.condition, "duration_s", None)
    if asked is not None and abs(x.shape[1] / geometry.fs_hz - asked) > 1 / geometry.fs_hz:
        return f"lasts {x.shape[1] / geometry.fs_hz:g} s; its condition says {asked:g} s"
    return None


def measured_in(record: Record, side: Side, real: Expected) -> str | None:
    """Say that unit, rate, leads or spacing are not those of the real records or of the condition."""
    unit = unit_of(record)
    if real.units and unit not in real.units:
        return f"is in {unit!r}; the real ones are in {', '.join(sorted(real.units))}"
    if isinstance(record.geometry, SignalGeometry):
        return _sampled(record, record.geometry, real)
    spacing = np.asarray(spacing_of(record), dtype=float)
    if (spacing <= 0).any() or np.isinf(spacing).any():
        return f"has a spacing of {', '.join(f'{s:g}' for s in spacing)} mm"
    return None


def _sampled(record: Record, geometry: SignalGeometry, real: Expected) -> str | None:
    asked = getattr(record.condition, "fs_hz", None)
    if not (np.isfinite(geometry.fs_hz) and geometry.fs_hz > 0):
        return f"is sampled at {geometry.fs_hz:g} Hz"
    if asked is not None and asked != geometry.fs_hz:
        return f"is sampled at {geometry.fs_hz:g} Hz; its condition says {asked:g} Hz"
    if real.leads and not real.leads & set(geometry.leads):
        return f"has none of the leads of the real ones ({', '.join(sorted(real.leads)[:6])})"
    return None


def known_label(record: Record, side: Side, real: Expected) -> str | None:
    """Name a label that no real record bears."""
    strange = [label for label in labels_of(record.condition) or () if label not in real.labels]
    return f"bears the label {strange[0]!r}; real ones are {_some(sorted(real.labels))}" if strange else None


def _some(words: list[str]) -> str:
    return ", ".join(words[:6]) + (f" and {len(words) - 6} others" if len(words) > 6 else "")
