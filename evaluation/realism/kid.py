"""The kernel distance (KID): squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, without bias.

Unlike a Fréchet distance it does not grow as rows get fewer: rows of one distribution give 0 on average, and
a negative value is one below that. Two rows of one patient are alike for a reason that is none of the
distribution's, so pairs of one patient are left out, as pairs of a row with itself always are.

Source: Bińkowski et al. 2018, arXiv 1801.01401.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Num

from ...conditioning.seeds import stream
from .floors import Measured, floors
from .kernels import KernelSums, cubic, once
from .resampling import around, patient_weights
from .samples import Sample, check_sides


def kernel_distance(real: Sample, synthetic: Sample) -> float:
    """Return the unbiased squared maximum mean discrepancy of two clouds; NaN where a side is of one patient.

    Args:
        real: rows of one cloud.
        synthetic: rows of the other.
    """
    return float(_sums(real, synthetic).distances(once(real), once(synthetic))[0])


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
    value = kernel_distance(real, synthetic)
    draws = _sums(real, synthetic).distances(*weights)
    whole = around(value, draws, min(len(real), len(synthetic)))
    halves = floors(real, synthetic, lambda a, b: {"kid": kernel_distance(a, b)}, seed=seed, splits=splits)
    return Measured("kid", whole, *halves["kid"])


def kid_over_subsets(
    x: Num[np.ndarray, "n d"], y: Num[np.ndarray, "m d"], *, seed: int, subsets: int = 100, size: int = 1000
) -> tuple[float, float]:
    """Return mean and standard deviation of the distance over random subsets, as papers report it.

    With as few rows as a subset has, every subset is all of them and the deviation is 0 and means nothing: it is NaN
    then. It tells how a subset's value scatters, and is no interval of the mean; `kid` gives that.

    Args:
        x: rows of one cloud; each counts as a patient.
        y: rows of the other.
        seed: of the subsets.
        subsets: how many.
        size: rows of a subset, a side; all rows where there are fewer.

    Raises:
        ValueError: fewer than two rows on a side, or no subsets.
    """
    size = min(size, len(x), len(y))
    if size < 2 or subsets < 1:
        raise ValueError(f"{subsets} subsets of {size} rows cannot be compared; one or more of two or more can")
    rng, values = stream(seed, "realism.kid/subsets"), []
    for _ in range(subsets):
        a, b = (z[rng.choice(len(z), size, replace=False)] for z in (x, y))
        values.append(_plain(a, b))
    whole = size == len(x) == len(y)
    return float(np.mean(values)), float("nan") if whole or subsets < 2 else float(np.std(values, ddof=1))


def _sums(real: Sample, synthetic: Sample) -> KernelSums:
    return KernelSums(real, synthetic, cubic(real.x.shape[1]))


def _plain(x: np.ndarray, y: np.ndarray) -> float:
    """Return the unbiased distance of two clouds of as many rows, each a patient of its own."""
    d, n = x.shape[1], len(x)
    kernel = cubic(d)
    none = np.zeros((1, 1))
    a, b, c = (kernel((p @ q.T).astype(np.float64, copy=False), none, none) for p, q in ((x, x), (y, y), (x, y)))
    within = (a.sum() - np.trace(a) + b.sum() - np.trace(b)) / (n * (n - 1))
    return float(within - 2 * c.mean())
