"""Metrics of outcomes that count as often as their patients were drawn, all resamples at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from ..realism.auroc import auroc

__all__ = ["accuracy", "auroc", "balanced_accuracy", "mean"]


def mean(value: Float[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]) -> Float[np.ndarray, " resamples"]:
    """Return the mean of the values that are not NaN; NaN where none was drawn."""
    known = np.isfinite(value)
    total = weight[:, known].sum(axis=1)
    return np.divide(weight[:, known] @ value[known], total, out=np.full(len(total), np.nan), where=total > 0)


def accuracy(
    label: Num[np.ndarray, " n"], predicted: Num[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the share of rows whose predicted class is theirs."""
    return mean((label == predicted).astype(float), weight)


def balanced_accuracy(
    label: Num[np.ndarray, " n"], predicted: Num[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the mean over classes of the share found; NaN where a class was not drawn."""
    hit = (label == predicted).astype(float)
    if not len(label):
        return np.full(len(weight), np.nan)
    return np.mean([mean(hit[label == c], weight[:, label == c]) for c in np.unique(label)], axis=0)
