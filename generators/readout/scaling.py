"""A slope and offsets that make chances of logits, fitted to rows that the logits' maker was not trained on.

Few numbers are fitted, and held towards "as they are", for there may be few patients.

Source: Platt 1999; Guo et al. 2017, arXiv 1706.04599.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

STIFFNESS = 2.0  # how many records' worth the wish to change nothing weighs
LEAST_SLOPE = 0.05  # order is kept even where nothing could be read


class Scaling(BaseModel):
    """A slope for all logits of an attribute and an offset for each: logit -> slope * logit + offset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = 1.0
    offsets: tuple[float, ...] = (0.0,)

    def __call__(self, logits: Float[np.ndarray, "b k"]) -> Float[np.ndarray, "b k"]:
        """Return calibrated logits."""
        return self.slope * logits + np.array(self.offsets)


def scaled_classes(
    logits: Float[np.ndarray, "n k"], index: Int[np.ndarray, " n"], weight: Float[np.ndarray, " n"]
) -> Scaling:
    """Return the slope and offsets that make the classes likeliest.

    Args:
        logits: one a class.
        index: the class of each row.
        weight: how much each row counts.
    """
    n, k = logits.shape
    if not n:
        return Scaling(offsets=(0.0,) * k)
    weight = weight * n / weight.sum()

    def cost(p: np.ndarray) -> tuple[float, np.ndarray]:
        z = p[0] * logits + p[1:]
        wrong = np.exp(z - logsumexp(z, axis=1, keepdims=True)) - np.eye(k)[index]
        slope = (weight * (wrong * logits).sum(1)).sum()
        gradient = np.concatenate([[slope], (weight[:, None] * wrong).sum(0)])
        away = p - np.eye(k + 1)[0]
        likely = (weight * log_softmax(z, axis=1)[np.arange(n), index]).sum()
        return float(-likely + STIFFNESS / 2 * (away**2).sum()), gradient + STIFFNESS * away

    bounds = [(LEAST_SLOPE, None)] + [(None, None)] * k
    p = minimize(cost, np.eye(k + 1)[0], jac=True, bounds=bounds, method="L-BFGS-B").x
    return Scaling(slope=float(p[0]), offsets=tuple(float(v) for v in p[1:]))
