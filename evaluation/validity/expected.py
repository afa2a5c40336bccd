"""What the real records are like, which is what synthetic ones are held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...conditioning.record import ImageGeometry, Record, SignalGeometry
from .digests import main_array

VOLTS = {"v": "voltage", "mv": "voltage", "uv": "voltage", "µv": "voltage", "nv": "voltage"}


@dataclass(frozen=True)
class Expected:
    """What the real side is like.

    Attributes:
        kinds: `image`, `volume` or `signal`.
        units: of the values; volts of all sizes are one.
        leads: names of all channels of signals.
        low: least value of all, in the records' unit.
        high: greatest value.
        labels: classes that real records bear; empty where none bears one.
        shapes: shapes with how many records have each, the commonest first.
        rates: sampling rates likewise.
        spaced: whether most state their spacing.
    """

    kinds: frozenset[str]
    units: frozenset[str]
    leads: frozenset[str]
    low: float
    high: float
    labels: frozenset[str]
    shapes: tuple[tuple[tuple[int, ...], int], ...] = ()
    rates: tuple[tuple[float, int], ...] = ()
    spaced: bool = False


@dataclass
class _Counts:
    kinds: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    leads: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    low: float = np.inf
    high: float = -np.inf
    shapes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    rates: Counter[float] = field(default_factory=Counter)
    spaced: int = 0


def expected_of(records: Iterable[Record]) -> Expected:
    """Return what records are like."""
    c = _Counts()
    for record in records:
        kind, array = main_array(record)
        c.kinds.add(kind)
        c.units.add(unit_of(record))
        c.labels.update(labels_of(record.condition) or ())
        c.shapes[array.shape] += 1
        spacing = spacing_of(record)
        c.spaced += bool(spacing) and not np.isnan(spacing).any()
        finite = array[np.isfinite(array)]
        if finite.size:
            c.low, c.high = min(c.low, float(finite.min())), max(c.high, float(finite.max()))
        if isinstance(record.geometry, SignalGeometry):
            c.leads.update(record.geometry.leads)
            c.rates[record.geometry.fs_hz] += 1
    return Expected(
        frozenset(c.kinds), frozenset(c.units), frozenset(c.leads), c.low, c.high, frozenset(c.labels),
        tuple(c.shapes.most_common()), tuple(c.rates.most_common()),
        2 * c.spaced > sum(c.shapes.values()),
    )  # fmt: skip


def unit_of(record: Record) -> str:
    """Return the unit of a record's values; all sizes of volt are `voltage`."""
    unit = record.geometry.unit
    return VOLTS.get(unit.lower(), unit)


def labels_of(condition: Any) -> tuple[str, ...] | None:
    """Return the classes that a table's row states; None where it states none or is of no table."""
    return getattr(condition, "classes", None)


def majority(records: Sequence[Record]) -> tuple[tuple[int, ...], float | None]:
    """Return the commonest shape of records, and the commonest sampling rate."""
    shapes: Counter[tuple[int, ...]] = Counter(main_array(r)[1].shape for r in records)
    rates = Counter(r.geometry.fs_hz for r in records if isinstance(r.geometry, SignalGeometry))
    return shapes.most_common(1)[0][0], rates.most_common(1)[0][0] if rates else None


def spacing_of(record: Record) -> tuple[float, ...]:
    """Return the spacing of an image or volume; empty for a signal."""
    return record.geometry.spacing_mm if isinstance(record.geometry, ImageGeometry) else ()
