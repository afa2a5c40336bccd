"""How well waves are found: one-to-one matching of onsets, peaks and offsets with the marks of a lead.

Marks often stop short of a record's ends (LUDB leaves the first and last beats unmarked), so a lead is
scored between its first marked onset and its last marked offset. A finding up to 150 ms outside may
still be a mark's partner; without one it counts neither as found nor as false, since nobody marked there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ...conditioning.record import Record, SignalGeometry
from ..result import Result
from .r_peaks import match

WINDOW_S = 0.15
KINDS = ("P", "QRS", "T")
POINTS = ("onset", "peak", "offset")
Found = Mapping[str, Mapping[str, Float[np.ndarray, " waves"]]]  # kind -> point -> seconds


@dataclass
class Tally:
    """Counts and errors of one boundary in one record.

    Attributes:
        hit: marks with a finding within 150 ms.
        missed: marks without one.
        false: findings without a mark.
        error_s: finding less mark, of each hit.
    """

    hit: int = 0
    missed: int = 0
    false: int = 0
    error_s: list[float] = field(default_factory=list)

    def add(self, marks: np.ndarray, found: np.ndarray, first: float, last: float) -> None:
        """Match findings with marks, all in seconds; what is unmatched outside first to last is not false."""
        marks, found = np.sort(marks), np.sort(found[np.isfinite(found)])
        pairs = nearest_pairs(marks, found, WINDOW_S)
        extra = np.delete(found, [j for _, j in pairs])
        self.hit += len(pairs)
        self.missed += len(marks) - len(pairs)
        self.false += int(((extra >= first) & (extra <= last)).sum())
        self.error_s.extend(float(found[j] - marks[i]) for i, j in pairs)


def nearest_pairs(marks: np.ndarray, found: np.ndarray, window_s: float) -> list[tuple[int, int]]:
    """Return as many one-to-one pairs within the window as there can be, nearest first where that costs none."""
    close = [(abs(f - m), i, j) for i, m in enumerate(marks) for j, f in _near(found, m, window_s)]
    used_i: set[int] = set()
    used_j: set[int] = set()
    pairs = []
    for _, i, j in sorted(close):
        if i not in used_i and j not in used_j:
            used_i.add(i)
            used_j.add(j)
            pairs.append((i, j))
    best = match(marks, found, window_s)
    return sorted(pairs) if len(pairs) >= len(best) else best


def _near(found: np.ndarray, mark: float, window_s: float) -> Iterable[tuple[int, float]]:
    a, b = np.searchsorted(found, [mark - window_s, mark + window_s + 1e-12])
    return ((j, float(found[j])) for j in range(int(a), int(b)))


def tally(record: Record, find: Callable[[str], Found], leads: Sequence[str]) -> dict[str, Tally]:
    """Return the tally of each `lead kind` boundary of one record, such as `II P onset`.

    Args:
        record: an ECG with marked waves.
        find: returns what was found in a lead; a point that a method does not give is left out.
        leads: leads to score; one without marks is passed over.
    """
    assert isinstance(record.geometry, SignalGeometry)
    waves, fs_hz = record.tables["waves"], record.geometry.fs_hz
    name, kind = np.asarray(waves["lead"]), np.asarray(waves["wave"])
    out: dict[str, Tally] = {}
    for lead in leads:
        mine = name == lead
        if not mine.any():
            continue
        first = np.asarray(waves["onset"])[mine].min() / fs_hz
        last = np.asarray(waves["offset"])[mine].max() / fs_hz
        found = find(lead)
        for k in KINDS:
            for point, at in found.get(k, {}).items():
                marks = np.asarray(waves[point])[mine & (kind == k)] / fs_hz
                out.setdefault(f"{lead} {k} {point}", Tally()).add(marks, np.asarray(at, dtype=float), first, last)
    return out


@dataclass(frozen=True)
class Boundary:
    """One boundary over all records: F1, and mean and standard deviation of the error in ms."""

    kind: str
    point: str
    f1: Result
    mean_ms: Result
    sd_ms: Result
    sensitivity: float
    predictive_value: float


def boundaries(
    tallies: Sequence[Mapping[str, Tally]], leads: Sequence[str], rng: np.random.Generator, resamples: int = 1000
) -> tuple[Boundary, ...]:
    """Return each boundary's score, leads pooled; intervals resample records.

    Args:
        tallies: one per record.
        leads: leads that count.
        rng: for the bootstrap.
        resamples: of the bootstrap.
    """
    return tuple(
        found
        for kind in KINDS
        for point in POINTS
        if (found := _boundary(kind, point, sums(tallies, leads, kind, point), rng, resamples)) is not None
    )


def sums(tallies: Sequence[Mapping[str, Tally]], leads: Sequence[str], kind: str, point: str) -> np.ndarray:
    """Return (records, 6): hits, misses, false, and count, sum and sum of squares of the errors in ms."""
    rows = []
    for one in tallies:
        mine = [one[key] for lead in leads if (key := f"{lead} {kind} {point}") in one]
        e = 1000 * np.array([e for t in mine for e in t.error_s])
        rows.append([sum(t.hit for t in mine), sum(t.missed for t in mine), sum(t.false for t in mine),
                     len(e), e.sum(), (e**2).sum()])  # fmt: skip
    return np.array(rows, dtype=float)


def f1(total: np.ndarray) -> np.ndarray:
    """Return F1 of (..., 6) sums; NaN where there is neither mark nor finding."""
    hit, missed, false = total[..., 0], total[..., 1], total[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * hit / (2 * hit + missed + false))


def mean_ms(total: np.ndarray) -> np.ndarray:
    """Return the mean error of (..., 6) sums in ms."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total[..., 4] / total[..., 3])


def sd_ms(total: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the error of (..., 6) sums in ms."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(np.maximum(total[..., 5] / total[..., 3] - mean_ms(total) ** 2, 0)))


def _boundary(kind: str, point: str, rows: np.ndarray, rng: np.random.Generator, resamples: int) -> Boundary | None:
    if not rows[:, :3].any():
        return None
    total = rows.sum(0)
    draws = rng.integers(len(rows), size=(resamples, len(rows)))
    many = rows[draws].sum(1)

    def result(statistic: Callable[[np.ndarray], np.ndarray]) -> Result:
        low, high = np.nanquantile(statistic(many), [0.025, 0.975])
        return Result(float(statistic(total)), float(low), float(high), int(total[0] + total[1]))

    hit, missed, false = total[:3]
    return Boundary(
        kind, point, result(f1), result(mean_ms), result(sd_ms),
        hit / max(1.0, hit + missed), hit / max(1.0, hit + false),
    )  # fmt: skip
