"""Concept activation: the direction from real rows without a concept to those with it, and how far synthetic rows go.

Along the direction held-out real rows without the concept lie at 0 on average, and those with it at 1. Directions that
were learnt from shuffled labels are the control: what synthetic rows do along those says nothing of the concept.

Source: Kim et al. 2018, arXiv 1711.11279 (concept activation vectors, random concepts as the control); the direction is
Fisher's, from training rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cho_factor, cho_solve

SHRINKAGE = 0.1  # of the covariance towards a multiple of the identity
RANDOM = 200


@dataclass(frozen=True)
class Directions:
    """A concept's direction and those of shuffled labels.

    Attributes:
        concept: unit vector.
        random: unit vectors, one a row.
    """

    concept: Float[np.ndarray, " r"]
    random: Float[np.ndarray, "random r"]


def directions(
    x: Float[np.ndarray, "n r"], positive: Bool[np.ndarray, " n"], rng: np.random.Generator, random: int = RANDOM
) -> Directions:
    """Return Fisher's direction of a concept, and of labels that were dealt out anew.

    Args:
        x: training rows.
        positive: which have the concept; both kinds are needed.
        rng: of the shuffles.
        random: how many.
    """
    dealt = np.stack([positive, *rng.permuted(np.broadcast_to(positive, (random, len(x))), axis=1)]).astype(float)
    n = positive.sum()
    shift = dealt @ x / n - (1 - dealt) @ x / (len(x) - n)
    cov = np.cov(x, rowvar=False).reshape(x.shape[1], -1)
    cov = (1 - SHRINKAGE) * cov + SHRINKAGE * np.trace(cov) / len(cov) * np.eye(len(cov))
    w = cho_solve(cho_factor(cov), shift.T).T
    w = w / np.maximum(np.linalg.norm(w, axis=1, keepdims=True), 1e-300)
    return Directions(w[0], w[1:])


def effect(
    activation: Float[np.ndarray, "n m"], positive: Bool[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, "resamples m"]:
    """Return Cohen's d of positives against negatives along each direction; NaN where a side is empty or constant."""
    first, second = (_moments(activation[m], weight[:, m]) for m in (positive, ~positive))
    total = first[2] + second[2]
    within = (first[1] * first[2] + second[1] * second[2]) / np.maximum(total, 1e-300)
    d = first[0] - second[0]
    return np.divide(d, np.sqrt(within), out=np.full(d.shape, np.nan), where=np.isfinite(d) & (within > 1e-24))


def _moments(x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, variance and number of weighted rows."""
    total = weight.sum(axis=1, keepdims=True)
    shape = (len(weight), x.shape[1])
    mean = np.divide(weight @ x, total, out=np.full(shape, np.nan), where=total > 0)
    square = np.divide(weight @ x**2, total, out=np.full(shape, np.nan), where=total > 0)
    return mean, np.maximum(square - mean**2, 0.0), np.broadcast_to(total, shape)


def placed(
    activation: Float[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"],
    real: Float[np.ndarray, " m"], positive: Bool[np.ndarray, " m"], weight_real: Float[np.ndarray, "resamples m"],
) -> Float[np.ndarray, " resamples"]:  # fmt: skip
    """Return where rows lie on average: 0 with real rows without the concept, 1 with those that have it."""
    means = [
        _moments(real[m][:, None], weight_real[:, m])[0][:, 0] for m in (~positive, positive)
    ]  # fmt: skip
    mine = _moments(activation[:, None], weight)[0][:, 0]
    apart = means[1] - means[0]
    return np.divide(mine - means[0], apart, out=np.full(len(mine), np.nan), where=np.abs(apart) > 1e-12)
