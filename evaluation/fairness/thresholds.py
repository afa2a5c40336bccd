"""Where a score becomes a decision: found on rows that are not judged, and said."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

BALANCED = "balanced"
AS_IT_IS = 0.5  # where no rows are given to choose on


class ThresholdRow(BaseModel):
    """One threshold.

    Attributes:
        arm: whose score.
        label: what is decided.
        value: scores above it say yes, one a seed; None where none could be found.
        rule: how it was found, in words.
        positives: rows with the label that it was chosen on.
        negatives: rows without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    arm: str
    label: str
    value: tuple[float | None, ...]
    rule: str
    positives: int
    negatives: int


def balanced_threshold(label: Float[np.ndarray, " n"], score: Float[np.ndarray, " n"]) -> float:
    """Return the threshold with the best balanced accuracy, the middle one of equally good ones; NaN for one class.

    Args:
        label: 1 or 0.
        score: higher where the label is taken to be 1.

    Source: Youden 1950.
    """
    positive = label > 0.5
    if positive.all() or not positive.any():
        return float("nan")
    at, index = np.unique(score, return_inverse=True)
    middles = np.concatenate([[at[0] - 1], (at[1:] + at[:-1]) / 2, [at[-1] + 1]])
    found = 1 - np.concatenate([[0.0], np.cumsum(np.bincount(index[positive], minlength=len(at)))]) / positive.sum()
    spared = np.concatenate([[0.0], np.cumsum(np.bincount(index[~positive], minlength=len(at)))]) / (~positive).sum()
    balanced = (found + spared) / 2
    best = np.flatnonzero(balanced >= balanced.max() - 1e-12)
    return float(middles[best[len(best) // 2]])


def sensitivity_threshold(label: Float[np.ndarray, " n"], score: Float[np.ndarray, " n"], least: float) -> float:
    """Return the highest threshold at which at least that share of the positive rows lies above; NaN without them.

    Args:
        label: 1 or 0.
        score: higher where the label is taken to be 1.
        least: share of the positive rows, above 0 to 1.
    """
    positive = np.sort(score[label > 0.5])[::-1]
    if not len(positive):
        return float("nan")
    k = int(np.ceil(least * len(positive) - 1e-9))
    below = score[score < positive[k - 1]]
    return float((positive[k - 1] + below.max()) / 2) if len(below) else float(positive[k - 1] - 1)
