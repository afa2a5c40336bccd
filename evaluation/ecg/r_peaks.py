"""Are the R peaks of a record found? One-to-one matching of a detector against the record's truth.

Edges: neurokit2's detector cannot report an R peak in the first 0.3 s, since it counts its refractory
time from sample 0, and a QRS cut by the end has no downstroke. So matching uses every beat; then
pairs whose true beat lies within EDGE_S of an edge are dropped, and so are unmatched beats and
unmatched detections there: a beat at an edge counts neither as found, missed, nor false. How many
true beats at the edges went unfound is counted beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Num

from ...conditioning.record import Record
from ..result import Result, unknown_result
from ..statistics import bootstrap

WINDOW_S = 0.15  # the 150 ms of ANSI/AAMI EC57
EDGE_S = 0.3


@dataclass(frozen=True)
class Matches:
    """Outcome of one record.

    Attributes:
        found: true beats with a detection.
        missed: true beats without one.
        false: detections without a beat.
        edge: true beats near an edge, which are not scored.
        edge_found: how many of these have a detection.
    """

    found: int
    missed: int
    false: int
    edge: int = 0
    edge_found: int = 0


def match(
    truth: Num[np.ndarray, " beats"],
    detected: Num[np.ndarray, " peaks"],
    window: float,
) -> list[tuple[int, int]]:
    """Return index pairs (truth, detected) at most `window` apart, one to one.

    Sweeping both in order and taking the earliest detection that still fits gives the largest
    possible number of pairs.
    """
    truth, detected = np.sort(truth), np.sort(detected)
    pairs, i, j = [], 0, 0
    while i < len(truth) and j < len(detected):
        gap = detected[j] - truth[i]
        if abs(gap) <= window:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif gap > 0:
            i += 1
        else:
            j += 1
    return pairs


def score(
    truth: Int[np.ndarray, " beats"],
    detected: Int[np.ndarray, " peaks"],
    *,
    fs_hz: float,
    n_samples: int,
    window_s: float = WINDOW_S,
    edge_s: float = EDGE_S,
) -> Matches:
    """Count found, missed and false beats of one record, edges aside.

    Args:
        truth: true R peaks in samples.
        detected: a detector's R peaks in samples.
        fs_hz: sampling rate.
        n_samples: length of the record.
        window_s: farthest that a detection may lie from its beat.
        edge_s: zone at both ends that is not scored.
    """
    truth, detected = np.sort(truth), np.sort(detected)
    pairs = match(truth, detected, window_s * fs_hz)

    def inside(x: np.ndarray) -> np.ndarray:
        return (x >= edge_s * fs_hz) & (x <= n_samples - 1 - edge_s * fs_hz)

    scored = inside(truth)
    hit = np.zeros(len(truth), bool)
    hit[[i for i, _ in pairs]] = True
    extra = np.delete(detected, [j for _, j in pairs])
    return Matches(
        found=int((hit & scored).sum()),
        missed=int((~hit & scored).sum()),
        false=int(inside(extra).sum()),
        edge=int((~scored).sum()),
        edge_found=int((hit & ~scored).sum()),
    )


def true_beats(record: Record) -> Int[np.ndarray, " beats"] | None:
    """Return the true R peaks of a record, or None where it carries no beats."""
    beats = record.tables.get("beats")
    return None if beats is None else np.asarray(beats["sample"], dtype=int)


def sensitivity(matches: Sequence[Matches], *, rng: np.random.Generator) -> Result:
    """Return the share of true beats that were found; the interval resamples records; n is beats."""
    return _share([m.found for m in matches], [m.missed for m in matches], rng)


def predictive_value(matches: Sequence[Matches], *, rng: np.random.Generator) -> Result:
    """Return the share of detections that are beats; the interval resamples records; n is detections."""
    return _share([m.found for m in matches], [m.false for m in matches], rng)


def _share(good: Sequence[int], bad: Sequence[int], rng: np.random.Generator) -> Result:
    """Return sum(good) / sum(good + bad), resampling records and not beats: beats of a record are alike."""
    hits, all_ = np.array(good, dtype=float), np.array(good, dtype=float) + np.array(bad, dtype=float)
    total = int(all_.sum())
    if total == 0:
        return unknown_result()

    def statistic(index: np.ndarray) -> np.ndarray:
        rows = index.astype(int)
        return hits[rows].sum(axis=-1) / np.maximum(all_[rows].sum(axis=-1), 1)

    value = hits.sum() / total
    if len(hits) < 2:
        return Result(float(value), float("nan"), float("nan"), total)
    spread = bootstrap([np.arange(len(hits), dtype=float)], statistic, rng=rng)
    return Result(float(value), spread.low, spread.high, total)
