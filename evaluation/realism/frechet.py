"""The Fréchet distance between Gaussians fitted to two clouds: |mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

With C = R^T R, the trace of (C1 C2)^(1/2) is the sum of the singular values of R1 R2^T: real, never
negative, and exact where a covariance is singular, which a matrix square root is not.
It is the square of a distance, as FID reports it, and grows as rows get fewer: read it beside its floor.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from .floors import Measured, floors
from .resampling import around, patient_weights
from .samples import Sample, check_sides


def frechet_gaussian(
    mu1: Float[np.ndarray, " d"], cov1: Float[np.ndarray, "d d"],
    mu2: Float[np.ndarray, " d"], cov2: Float[np.ndarray, "d d"],
) -> float:  # fmt: skip
    """Return the squared Fréchet distance between two Gaussians.

    Args:
        mu1: mean of the first.
        cov1: its covariance, symmetric and positive semi-definite.
        mu2: mean of the second.
        cov2: its covariance.

    Source: Dowson and Landau 1982.
    """
    return _between(mu1, _root(cov1), mu2, _root(cov2))


def frechet_distance(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"],
    weight_x: Float[np.ndarray, " n"] | None = None, weight_y: Float[np.ndarray, " m"] | None = None,
) -> float:  # fmt: skip
    """Return the squared Fréchet distance between the Gaussians fitted to two clouds.

    Args:
        x: rows of one cloud.
        y: rows of the other.
        weight_x: how often each row of `x` counts; once when left out.
        weight_y: likewise for `y`.

    Raises:
        ValueError: fewer than two rows on a side.
    """
    return _between(*_fitted(x, weight_x), *_fitted(y, weight_y))


def frechet(real: Sample, synthetic: Sample, *, seed: int, resamples: int = 200, splits: int = 50) -> Measured:
    """Return the squared Fréchet distance with its interval over patients and its floor.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: seed of resamples and splits.
        resamples: of the bootstrap.
        splits: random halves for the floor.

    Raises:
        ValueError: too few patients on a side.
    """
    check_sides(real, synthetic)
    weights = patient_weights([real.patients, synthetic.patients], resamples, stream(seed, "realism.frechet"))
    draws = [frechet_distance(real.x, synthetic.x, a, b) for a, b in zip(*weights, strict=True)]
    n = min(len(real), len(synthetic))
    whole = around(frechet_distance(real.x, synthetic.x), np.array(draws), n, (0.0, math.inf))
    halves = floors(real, synthetic, lambda a, b: {"frechet": frechet_distance(a.x, b.x)}, seed=seed, splits=splits)
    return Measured("frechet", whole, *halves["frechet"])


def _fitted(x: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean, and R with R^T R the unbiased covariance."""
    w = np.ones(len(x)) if weight is None else weight
    total = w.sum()
    if total < 2:
        raise ValueError(f"{len(x)} rows have no covariance; at least two are needed")
    mu = w @ x / total
    centred = (x - mu) * np.sqrt(w / (total - 1))[:, None]
    return mu, np.asarray(np.linalg.qr(centred, mode="r"))


def _root(cov: np.ndarray) -> np.ndarray:
    value, vector = np.linalg.eigh(cov)
    return np.asarray(np.sqrt(np.maximum(value, 0))[:, None] * vector.T)


def _between(mu1: np.ndarray, root1: np.ndarray, mu2: np.ndarray, root2: np.ndarray) -> float:
    shared = np.linalg.svd(root1 @ root2.T, compute_uv=False).sum()
    total = ((mu1 - mu2) ** 2).sum() + (root1**2).sum() + (root2**2).sum() - 2 * shared
    return max(0.0, float(total))
