"""The area under the ROC curve of rows that count as often as they were drawn, all resamples at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float


def concordance(
    positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> tuple[Float[np.ndarray, " resamples"], Float[np.ndarray, " resamples"]]:
    """Return how many pairs of a positive and a negative row are in order (a tie is half of one), and all pairs.

    Args:
        positive: which rows are positive.
        score: higher for rows taken to be positive.
        weight: how often each row counts.

    Raises:
        ValueError: a score that is not finite.

    Source: Mann and Whitney 1947.
    """
    if not np.isfinite(score).all():
        raise ValueError(f"{int((~np.isfinite(score)).sum())} of {len(score)} scores are not finite")
    order = np.argsort(score, kind="stable")
    w, s, p = weight[:, order], score[order], positive[order]
    start = np.flatnonzero(np.diff(s, prepend=-np.inf) > 0)
    if not len(start):
        return np.zeros(len(weight)), np.zeros(len(weight))
    above = np.add.reduceat(w * p, start, axis=1)
    below = np.add.reduceat(w * ~p, start, axis=1)
    lower = np.cumsum(below, axis=1) - below
    in_order = (above * (lower + below / 2)).sum(axis=1)
    return in_order, above.sum(axis=1) * below.sum(axis=1)


def auroc(
    positive: Bool[np.ndarray, " n"],
    score: Float[np.ndarray, " n"],
    weight: Float[np.ndarray, "resamples n"] | None = None,
) -> Float[np.ndarray, " resamples"]:
    """Return the area under the ROC curve of each resample; NaN where a class was not drawn.

    Args:
        positive: which rows are positive.
        score: higher for rows taken to be positive; finite.
        weight: how often each row counts; once when left out.
    """
    weight = np.ones((1, len(score))) if weight is None else weight
    in_order, pairs = concordance(positive, score, weight)
    return np.divide(in_order, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
