"""The kernel distance (KID): squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, without bias.

Unlike a Fréchet distance it does not grow as rows get fewer: rows of one distribution give 0 on average, and
a negative value is one below that. Two rows of one patient are alike for a reason that is none of the
distribution's, so pairs of one patient are left out, as pairs of a row with itself always are.

Source: Bińkowski et al. 2018, arXiv 1801.01401.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from .floors import Measured, floors
from .resampling import around, patient_weights
from .samples import Sample, check_sides


def kernel_distance(real: Sample, synthetic: Sample) -> float:
    """Return the unbiased squared maximum mean discrepancy of two clouds; NaN where a side is of one patient.

    Args:
        real: rows of one cloud.
        synthetic: rows of the other.
    """
    ones = (np.ones((1, len(real))), np.ones((1, len(synthetic))))
    return float(_Kernel(real, synthetic).distances(*ones)[0])


def kid(real: Sample, synthetic: Sample, *, seed: int, resamples: int = 200, splits: int = 50) -> Measured:
    """Return the kernel distance with its interval over patients and its floor.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: seed of resamples and splits.
        resamples: of the bootstrap.
        splits: random halves for the floor.

    Raises:
        ValueError: too few patients on a side, or other numbers of features.
    """
    check_sides(real, synthetic)
    weights = patient_weights([real.patients, synthetic.patients], resamples, stream(seed, "realism.kid"))
    kernel = _Kernel(real, synthetic)
    value = kernel_distance(real, synthetic)
    whole = around(value, kernel.distances(*weights), min(len(real), len(synthetic)))
    halves = floors(real, synthetic, lambda a, b: {"kid": kernel_distance(a, b)}, seed=seed, splits=splits)
    return Measured("kid", whole, *halves["kid"])


class _Kernel:
    """Kernel values within and between two clouds; pairs of one patient count nothing."""

    def __init__(self, real: Sample, synthetic: Sample) -> None:
        x, y, d = real.x, synthetic.x, real.x.shape[1]
        self.within = [(_cubic(z, z, d), _other_patients(s)) for z, s in ((x, real), (y, synthetic))]
        self.between = _cubic(x, y, d)

    def distances(
        self, real: Float[np.ndarray, "draws n"], synthetic: Float[np.ndarray, "draws m"]
    ) -> Float[np.ndarray, " draws"]:
        """Return the distance when rows count as often as weighted."""
        parts = [_mean(w, k * other, w, other) for w, (k, other) in zip((real, synthetic), self.within, strict=True)]
        across = _mean(real, self.between, synthetic, np.ones_like(self.between))
        return np.asarray(parts[0] + parts[1] - 2 * across)


def _cubic(x: np.ndarray, y: np.ndarray, d: int) -> np.ndarray:
    return np.asarray((x @ y.T / d + 1) ** 3)


def _other_patients(sample: Sample) -> np.ndarray:
    _, code = np.unique(np.asarray(sample.patients), return_inverse=True)
    return np.asarray(code[:, None] != code[None, :], dtype=float)


def _mean(w: np.ndarray, k: np.ndarray, v: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the mean of k over weighted pairs that are counted; NaN where there is none."""
    pairs = ((w @ counted) * v).sum(axis=1)
    total = ((w @ k) * v).sum(axis=1)
    return np.divide(total, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
