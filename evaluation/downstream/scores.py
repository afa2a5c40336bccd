"""Metrics of outcomes that count as often as their patients were drawn, all resamples at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from ..realism.auroc import auroc

__all__ = ["accuracy", "auroc", "balanced_accuracy", "correlation", "f1", "mean", "r2"]


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


def f1(
    label: Num[np.ndarray, " n"], predicted: Num[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the mean over the classes of `label` of 2 hits / (2 hits + misses + false alarms).

    NaN where a class was neither drawn nor said.
    """
    if not len(label):
        return np.full(len(weight), np.nan)
    each = []
    for c in np.unique(label):
        hit, wrong = ((label == c) & (predicted == c)).astype(float), ((label == c) != (predicted == c)).astype(float)
        found, missed = 2 * (weight @ hit), weight @ wrong
        each.append(np.divide(found, found + missed, out=np.full(len(weight), np.nan), where=found + missed > 0))
    return np.asarray(np.mean(each, axis=0))


def r2(
    truth: Float[np.ndarray, " n"], said: Float[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return 1 less the squared error as a share of the variance; NaN where the truth does not vary."""
    w = _shares(weight)
    variance = w @ truth**2 - (w @ truth) ** 2
    error = w @ (truth - said) ** 2
    ok = variance > 1e-12 * (1 + (w @ truth) ** 2)
    return np.asarray(1 - np.divide(error, variance, out=np.full(len(w), np.nan), where=ok))


def correlation(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return Pearson's correlation; NaN where one of the two does not vary."""
    w = _shares(weight)
    a, b = a - a.mean(), b - b.mean()
    ma, mb = w @ a, w @ b
    spread = np.sqrt(np.maximum(w @ a**2 - ma**2, 0) * np.maximum(w @ b**2 - mb**2, 0))
    ok = spread > 1e-12 * (1 + a.std() * b.std())
    return np.asarray(np.divide(w @ (a * b) - ma * mb, spread, out=np.full(len(w), np.nan), where=ok))


def _shares(weight: np.ndarray) -> np.ndarray:
    total = weight.sum(axis=1, keepdims=True)
    return np.divide(weight, total, out=np.full(weight.shape, np.nan), where=total > 0)
