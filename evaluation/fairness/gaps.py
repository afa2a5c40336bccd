"""How far groups lie apart, and how far they would by chance: a largest less a smallest is above 0 even if all is fair.

The null deals the patients' groups out anew, among those patients that the rate counts, so that groups keep their
sizes. Where an attribute changes within a patient (the view of an image) groups cannot be dealt out: there each
group's rate is drawn about its own mean by resampling patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .cells import codes
from .rates import Cells, cell_rates

PERMUTED, RECENTRED = "groups dealt out anew among patients", "rates drawn about their own mean"


@dataclass(frozen=True)
class Null:
    """What chance alone gives.

    Attributes:
        middle: mean gap.
        high: the gap that 95 of 100 such draws stay under.
        p: share of draws at or above what was found, the found one included.
        by: how it was made.
    """

    middle: float
    high: float
    p: float
    by: str


def spread(rates: Float[np.ndarray, "resamples cells"]) -> Float[np.ndarray, " resamples"]:
    """Return the largest less the smallest; NaN with fewer than two cells or where a cell has no rate."""
    if rates.shape[1] < 2:
        return np.full(len(rates), np.nan)
    return np.asarray(rates.max(axis=1) - rates.min(axis=1))


def wandering(
    value: Float[np.ndarray, " n"], cells: Cells, weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the gaps of rates that are drawn about their own mean: how far rates of equal cells wander apart."""
    return spread(cell_rates(value, cells, weight) - cell_rates(value, cells, np.ones((1, len(value)))))


def null(
    gap: float, value: Float[np.ndarray, " n"], cells: Cells, patient: Int[np.ndarray, " n"],
    weight: Float[np.ndarray, "resamples n"], rng: np.random.Generator, permutations: int, most: int,
) -> Null:  # fmt: skip
    """Return what gap chance alone gives.

    Args:
        gap: found.
        value: from `rates.counted`.
        cells: that are compared.
        patient: a number for each patient.
        weight: resamples of patients, for attributes that change within a patient.
        rng: of the permutations.
        permutations: how many.
        most: how many at most, where a small p is still to be resolved.
    """
    code, counts = codes(cells, len(value)), np.isfinite(value)
    rows = counts & (code >= 0)
    names, index = np.unique(patient[rows], return_inverse=True)
    own = np.full(len(names), -1)
    own[index] = code[rows]
    if not np.isfinite(gap) or len(cells) < 2:
        return Null(np.nan, np.nan, np.nan, PERMUTED)
    if not np.array_equal(own[index], code[rows]):
        draws = wandering(value, cells, weight)
        return _said(gap, draws[np.isfinite(draws)], RECENTRED)
    total = np.bincount(index, minlength=len(names)).astype(float)
    summed = np.bincount(index, weights=value[rows], minlength=len(names))
    draws = _permuted(summed, total, own, len(cells), permutations, rng)
    while len(draws) < most and (draws >= gap - 1e-12).sum() < 5:
        draws = np.concatenate([draws, _permuted(summed, total, own, len(cells), len(draws), rng)])
    return _said(gap, draws, PERMUTED)


def _permuted(
    summed: np.ndarray, total: np.ndarray, own: np.ndarray, n_cells: int, n: int, rng: np.random.Generator
) -> np.ndarray:
    made: list[np.ndarray] = []
    step = max(1, 4_000_000 // max(1, len(own)))
    for start in range(0, n, step):
        dealt = rng.permuted(np.broadcast_to(own, (min(step, n - start), len(own))), axis=1)
        rates = np.empty((len(dealt), n_cells))
        for k in range(n_cells):
            mine = (dealt == k).astype(float)
            rates[:, k] = (mine @ summed) / np.maximum(mine @ total, 1e-300)
        made.append(spread(rates))
    return np.concatenate(made)


def _said(gap: float, draws: np.ndarray, by: str) -> Null:
    if not len(draws):
        return Null(np.nan, np.nan, np.nan, by)
    p = (1 + int((draws >= gap - 1e-12).sum())) / (1 + len(draws))
    return Null(float(draws.mean()), float(np.quantile(draws, 0.95)), p, by)


def holm(p: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Return p-values corrected for their number; NaN stays and does not count.

    Source: Holm 1979.
    """
    out, known = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * (len(order) - np.arange(len(order)))
    out[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return out
