"""Whether probabilities mean what they say: calibration error with what chance gives, Brier score, likelihood, bins.

A calibration error of few rows is above zero even where every probability is right, so it stands beside the errors that
outcomes drawn from the probabilities themselves would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize_scalar

from ..downstream import mean

BINS = 15
_LEAST = 1e-12  # probability at which a likelihood is cut


@dataclass(frozen=True)
class Claims:
    """Probabilities that were claimed of something, and whether it was so.

    Of two classes the claim is of the second; of more it is of the one that is likeliest.

    Attributes:
        claim: 0 to 1.
        true: whether it was so.
    """

    claim: Float[np.ndarray, " n"]
    true: Bool[np.ndarray, " n"]

    @classmethod
    def of(cls, label: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"]) -> Claims:
        """Return the claims of class probabilities."""
        if probability.shape[1] == 2:
            return cls(probability[:, 1].astype(float), label == 1)
        best = probability.argmax(axis=1)
        return cls(probability.max(axis=1).astype(float), label == best)


def bins_of(claim: Float[np.ndarray, " n"], bins: int = BINS, *, adaptive: bool = False) -> Int[np.ndarray, " n"]:
    """Return the bin of each claim: bins of equal width, or adaptive ones that hold equally many.

    Equal claims lie in one bin, so there may be fewer adaptive bins.
    """
    if not adaptive:
        return np.minimum((claim * bins).astype(np.int64), bins - 1)
    edges = np.unique(np.quantile(claim, np.linspace(0, 1, bins + 1)[1:-1])) if len(claim) else np.empty(0)
    return np.searchsorted(edges, claim, side="left").astype(np.int64)


def calibration_error(
    claims: Claims, code: Int[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the expected calibration error: mean over rows of |claimed less true| of their bin; NaN without rows.

    Source: Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599.
    """
    off = (claims.claim - claims.true) if len(code) else np.empty(0)
    total = weight.sum(axis=1)
    summed = weight @ (_one_hot(code) * off[:, None])
    return np.divide(np.abs(summed).sum(axis=1), total, out=np.full(len(weight), np.nan), where=total > 0)


def errors_by_chance(
    claims: Claims, code: Int[np.ndarray, " n"], rng: np.random.Generator, draws: int = 500
) -> Float[np.ndarray, " draws"]:
    """Return the calibration errors that perfectly calibrated claims of these sizes have by chance.

    Outcomes are drawn row by row: rows of one patient that stand or fall together would wander farther.

    Source: Brocker and Smith 2007 (consistency resampling).
    """
    if not len(code):
        return np.full(draws, np.nan)
    drawn = rng.random((draws, len(code))) < claims.claim
    off = (claims.claim - drawn) @ _one_hot(code)
    return np.asarray(np.abs(off).sum(axis=1) / len(code))


def _one_hot(code: np.ndarray) -> np.ndarray:
    return np.eye(int(code.max()) + 1)[code] if len(code) else np.empty((0, 1))


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: mean claim, share that was so, and how many rows."""

    claimed: float
    true: float
    n: int


def reliability(claims: Claims, code: Int[np.ndarray, " n"]) -> tuple[Bin, ...]:
    """Return the bins that hold a row."""
    return tuple(
        Bin(float(claims.claim[code == k].mean()), float(claims.true[code == k].mean()), int((code == k).sum()))
        for k in np.unique(code)
    )


def brier(
    label: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the Brier score: of two classes the mean squared error of the second, of more the sum over classes.

    Source: Brier 1950.
    """
    off = ((probability - np.eye(probability.shape[1])[label]) ** 2).sum(axis=1)
    return mean(off / 2 if probability.shape[1] == 2 else off, weight)


def likelihood_loss(
    label: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the mean negative log likelihood in nats; probabilities are cut at 1e-12."""
    return mean(-np.log(np.maximum(probability[np.arange(len(label)), label], _LEAST)), weight)


def temperature(label: Int[np.ndarray, " n"], probability: Float[np.ndarray, "n k"]) -> float:
    """Return the temperature that makes the labels likeliest, 0.05 to 20; 1 where there are no rows.

    Source: Guo et al. 2017, arXiv 1706.04599.
    """
    if not len(label):
        return 1.0
    once = np.ones((1, len(label)))

    def loss(log_t: float) -> float:
        return float(likelihood_loss(label, tempered(probability, float(np.exp(log_t))), once)[0])

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def tempered(probability: Float[np.ndarray, "n k"], temperature: float) -> Float[np.ndarray, "n k"]:
    """Return probabilities whose logits are divided by a temperature."""
    z = np.log(np.maximum(probability, _LEAST)) / temperature
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(z / z.sum(axis=1, keepdims=True))
