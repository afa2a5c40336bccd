"""DeLong's variance of areas under the ROC curve and of their differences, with rows in clusters of patients.

An area is a mean over pairs, so its error is a sum over rows of how far each row's share of pairs in order lies from
the area. Rows of one patient go together; with one row a patient it is DeLong's own estimate. The mean of areas over
seeds or over classes is the mean of those sums, so one call judges macro areas of several seeds.

Source: DeLong, DeLong, Clarke-Pearson 1988; Obuchowski 1997 (clusters); ranks as Sun and Xu 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata

from ..result import Result, unknown_result

LEVEL = 0.95


@dataclass(frozen=True)
class DeLong:
    """Areas and how they vary together.

    Attributes:
        auroc: (models,): mean over classes and seeds.
        covariance: (models, models).
        patients: that they rest on.
    """

    auroc: Float[np.ndarray, " models"]
    covariance: Float[np.ndarray, "models models"]
    patients: int

    def area(self, k: int) -> Result:
        """Return an area with its normal interval, cut to 0 to 1."""
        found = _normal(float(self.auroc[k]), float(self.covariance[k, k]), self.patients)
        return Result(found.value, max(0.0, found.low), min(1.0, found.high), found.n) if found.known else found

    def difference(self, k: int, j: int) -> tuple[Result, float]:
        """Return area k less area j with its normal interval, and the two-sided p; NaN where they never differ."""
        c = self.covariance
        variance = max(0.0, float(c[k, k] + c[j, j] - 2 * c[k, j]))
        gap = float(self.auroc[k] - self.auroc[j])
        found = _normal(gap, variance, self.patients)
        if not found.known or variance < 1e-18:
            return found, math.nan
        return found, float(2 * norm.sf(abs(gap) / math.sqrt(variance)))


def delong(
    label: Float[np.ndarray, "n classes"], score: Float[np.ndarray, "models seeds n classes"], patients: Sequence[str]
) -> DeLong:
    """Return the areas of models on the same rows.

    Args:
        label: 1, 0, or NaN where it is not said; a column a class.
        score: of each model at each seed; finite.
        patients: whose each row is.

    Returns:
        NaN everywhere where a class has fewer than two patients on a side.

    Raises:
        ValueError: a score that is not finite.
    """
    if not np.isfinite(score).all():
        raise ValueError(f"{int((~np.isfinite(score)).sum())} of {score.size} scores are not finite")
    names, who = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    models, seeds, _, classes = score.shape
    area, sums = np.zeros(models), np.zeros((models, len(names)))
    for c in range(classes):
        known = np.isfinite(label[:, c])
        up = label[known, c] > 0.5
        if min(len(np.unique(who[known][side])) for side in (up, ~up)) < 2:
            return DeLong(np.full(models, np.nan), np.full((models, models), np.nan), len(names))
        for m in range(models):
            for s in range(seeds):
                value, part = _influence(up, score[m, s, known, c], who[known], len(names))
                area[m] += value / (classes * seeds)
                sums[m] += part / (classes * seeds)
    return DeLong(area, sums @ sums.T, len(names))


def _influence(up: np.ndarray, score: np.ndarray, who: np.ndarray, patients: int) -> tuple[float, np.ndarray]:
    """Return an area, and what each patient adds to its error, scaled so that squares sum to an unbiased variance."""
    m, n = int(up.sum()), int((~up).sum())
    rank, above, below = rankdata(score), rankdata(score[up]), rankdata(score[~up])
    v10, v01 = (rank[up] - above) / n, 1 - (rank[~up] - below) / m
    area = float(v10.mean())
    total = np.zeros(patients)
    for side, v, size in ((up, v10, m), (~up, v01, n)):
        count = len(np.unique(who[side]))
        total += np.bincount(who[side], v - area, patients) / size * math.sqrt(count / (count - 1))
    return area, total


def _normal(value: float, variance: float, n: int) -> Result:
    if not math.isfinite(value) or not math.isfinite(variance):
        return unknown_result(n)
    half = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt(max(0.0, variance))
    return Result(value, value - half, value + half, n)
