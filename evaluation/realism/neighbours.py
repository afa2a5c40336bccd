"""Whether synthetic rows lie nearer to the rows that a generator was trained on than other real rows do.

A screen for copies and no proof of privacy: data that pass it can still be vulnerable to membership
inference (arXiv 2505.01524).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from ...conditioning.seeds import stream
from ..result import Result
from .auroc import auroc
from .floors import Measured, floors
from .resampling import around, patient_weights, share_around
from .samples import Sample, check_sides

QUANTILE = 0.01
_BLOCK = 4_000_000  # distances held at once


@dataclass(frozen=True)
class Pair:
    """A synthetic row and the training row nearest to it.

    Attributes:
        synthetic: row number of the synthetic one.
        training: row number of the training one.
        distance: between them, in the unit of the features.
        held_out_nearer: share of held-out real rows that lie at least as near to some training row.
    """

    synthetic: int
    training: int
    distance: float
    held_out_nearer: float


@dataclass(frozen=True)
class Neighbours:
    """Nearest training rows.

    Attributes:
        closer: share of synthetic rows nearer to training than the held-out's 1st percentile. With h held-out rows,
            rows like them give (0.99 + 0.01 h) / (h + 1), so few held-out rows raise it; the floor is raised alike.
        nearer: chance that a synthetic row lies nearer to training than a held-out one; 0.5 where they are alike.
        median_ratio: median distance of a synthetic row to its nearest training row over that of a held-out one; 1
            where they are alike.
        threshold: the held-out's 1st percentile, in the unit of the features.
        synthetic_distance: distance of each synthetic row to its nearest training row.
        held_out_distance: likewise for each held-out row.
        pairs: the closest pairs, the closest first.
    """

    closer: Measured
    nearer: Measured
    median_ratio: Measured
    threshold: Result
    synthetic_distance: Float[np.ndarray, " m"]
    held_out_distance: Float[np.ndarray, " h"]
    pairs: tuple[Pair, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, without the distances of every row."""
        parts = {name: getattr(self, name).as_dict() for name in ("closer", "nearer", "median_ratio")}
        return parts | {"threshold": self.threshold.as_dict(), "pairs": [vars(pair) for pair in self.pairs]}


def nearest(
    x: Float[np.ndarray, "m d"], training: Float[np.ndarray, "n d"]
) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Return the distance of each row to its nearest training row, and that row's number (the first, in a tie)."""
    step = max(1, _BLOCK // max(1, len(training)))
    distances, rows = [np.empty(0)], [np.empty(0, np.int64)]
    for start in range(0, len(x), step):
        d = cdist(x[start : start + step], training)
        rows.append(d.argmin(axis=1))
        distances.append(d[np.arange(len(d)), rows[-1]])
    return np.concatenate(distances), np.concatenate(rows)


def neighbours(
    training: Sample, held_out: Sample, synthetic: Sample, *, seed: int, resamples: int = 1000, splits: int = 200,
    most_pairs: int = 20,
) -> Neighbours:  # fmt: skip
    """Return how near synthetic rows lie to training rows, against real rows that were not trained on.

    Args:
        training: the rows that the generator was trained on.
        held_out: real rows of other patients.
        synthetic: synthetic rows.
        seed: seed of resamples and splits.
        resamples: of the bootstrap, over held-out and synthetic patients; the training rows are as they are.
        splits: random halves of the held-out rows for the floor.
        most_pairs: how many closest pairs to name.

    Raises:
        ValueError: too few patients held out or synthetic, no training rows, or a held-out patient trained on.
    """
    check_sides(held_out, synthetic, ("held-out", "synthetic"))
    if not len(training) or training.x.shape[1] != held_out.x.shape[1]:
        raise ValueError(f"training features have the shape {training.x.shape}, held-out ones {held_out.x.shape}")
    both = sorted(set(training.patients) & set(held_out.patients))
    if both:
        raise ValueError(f"{len(both)} patients are both trained on and held out ({both[0]!r} is one)")
    (d_h, _), (d_s, row) = nearest(held_out.x, training.x), nearest(synthetic.x, training.x)
    h, s = Sample(d_h[:, None], held_out.patients), Sample(d_s[:, None], synthetic.patients)
    return neighbours_at(h, s, row, seed=seed, resamples=resamples, splits=splits, most_pairs=most_pairs)


def neighbours_at(
    held_out: Sample, synthetic: Sample, row: Int[np.ndarray, " m"], *, seed: int, resamples: int = 1000,
    splits: int = 200, most_pairs: int = 20,
) -> Neighbours:  # fmt: skip
    """Return the same of distances that were found in another way, such as by aligning images.

    Args:
        held_out: distance of each held-out row to its nearest training row, (h, 1).
        synthetic: likewise of each synthetic row, (m, 1).
        row: the training row nearest to each synthetic one.
        seed: seed of resamples and splits.
        resamples: of the bootstrap over held-out and synthetic patients.
        splits: random halves of the held-out rows for the floor.
        most_pairs: how many closest pairs to name.

    Raises:
        ValueError: too few patients held out or synthetic.
    """
    h, s = held_out, synthetic
    check_sides(h, s, ("held-out", "synthetic"))
    d_h, d_s = h.x[:, 0], s.x[:, 0]
    w_h, w_s = patient_weights([h.patients, s.patients], resamples, stream(seed, "realism.neighbours"))
    limits = np.array([np.quantile(np.repeat(d_h, w.astype(np.int64)), QUANTILE) for w in w_h])
    closer = ((d_s < limits[:, None]) * w_s).sum(axis=1) / w_s.sum(axis=1)
    nearer = auroc(*_ranked(d_h, d_s), np.concatenate([w_h, w_s], axis=1))
    ratio = _ratio(_medians(d_s, w_s), _medians(d_h, w_h))
    value, n = _measure(h, s), min(len(h), len(s))
    halves = floors(h, s, _measure, seed=seed, splits=splits)
    first = np.argsort(d_s, kind="stable")[:most_pairs]
    return Neighbours(
        Measured("closer_than_held_out", share_around(value["closer"], closer, n, s.n_patients), *halves["closer"]),
        Measured("nearer_than_held_out", around(value["nearer"], nearer, n, (0.0, 1.0)), *halves["nearer"]),
        Measured("median_ratio", around(value["ratio"], ratio, n, (0.0, np.inf)), *halves["ratio"]),
        around(float(np.quantile(d_h, QUANTILE)), limits, len(h), (0.0, np.inf)),
        d_s,
        d_h,
        tuple(Pair(int(i), int(row[i]), float(d_s[i]), float((d_h <= d_s[i]).mean())) for i in first),
    )


def _measure(held_out: Sample, synthetic: Sample) -> dict[str, float]:
    """Return all metrics of samples whose only feature is the distance to training."""
    d_h, d_s = held_out.x[:, 0], synthetic.x[:, 0]
    closer = float((d_s < np.quantile(d_h, QUANTILE)).mean())
    ratio = _ratio(np.median(d_s, keepdims=True), np.median(d_h, keepdims=True))[0]
    return {"closer": closer, "nearer": float(auroc(*_ranked(d_h, d_s))[0]), "ratio": float(ratio)}


def _medians(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the median of each draw; a row counts as often as it was drawn."""
    return np.array([np.median(np.repeat(x, w.astype(np.int64))) for w in weight])


def _ratio(synthetic: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    return np.divide(synthetic, held_out, out=np.full(len(held_out), np.nan), where=held_out > 0)


def _ranked(d_h: np.ndarray, d_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and scores under which a near synthetic row is a positive one ranked high."""
    return np.arange(len(d_h) + len(d_s)) >= len(d_h), -np.concatenate([d_h, d_s])
