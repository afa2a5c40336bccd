"""Squared maximum mean discrepancy under a Gaussian kernel, as CMMD measures it, of any features.

CMMD is the v-statistic of rows of length 1 with sigma 10, times 1,000. Rows of length 1 lie at most 2 apart, so at
that width the kernel is all but 1 - |x - y|^2 / 200 and the metric sees the means and little else; `median` (half
of the real pairs lie within sigma of each other) sees shape too. CMMD takes CLIP's features, which know no medical
images; whose features these are is for the caller to say.

Source: Jayasumana et al. 2024, arXiv 2401.09603; Gretton et al. 2012, eq. 3 (unbiased) and 5 (v).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...conditioning.seeds import stream
from .distances import squared_distances
from .floors import Measured, floors
from .kernels import Estimator, KernelSums, gaussian, once
from .resampling import around, patient_weights
from .samples import Sample, check_sides

SIGMA, SCALE = 10.0, 1000.0
_PAIRS = 100_000  # that the median is taken over


def unit(sample: Sample) -> Sample:
    """Return rows over their length; a row of zeros stays."""
    length = np.linalg.norm(sample.x, axis=1, keepdims=True)
    return Sample(sample.x / np.where(length > 0, length, 1), sample.patients)


def median_sigma(sample: Sample, seed: int = 0) -> float:
    """Return the median distance of two rows, over at most 100,000 random pairs; 0 where rows are equal."""
    rng = stream(seed, "realism.mmd/median")
    i, j = rng.integers(len(sample), size=(2, _PAIRS))
    kept = i != j
    return float(np.sqrt(np.median(squared_distances(sample.x, i[kept], sample.x, j[kept])))) if kept.any() else 0.0


def gaussian_mmd(real: Sample, synthetic: Sample, sigma: float, estimator: Estimator = "unbiased") -> float:
    """Return the squared discrepancy times 1,000.

    Args:
        real: rows of one cloud.
        synthetic: rows of the other.
        sigma: width of the kernel, in the unit of the features.
        estimator: `unbiased`, or `v` as CMMD has it.

    Raises:
        ValueError: sigma is not above 0.
    """
    sums = KernelSums(real, synthetic, gaussian(sigma), estimator)
    return SCALE * float(sums.distances(once(real), once(synthetic))[0])


def mmd(
    real: Sample, synthetic: Sample, *, seed: int, sigma: float | Literal["median"] = "median",
    estimator: Estimator = "unbiased", resamples: int = 200, splits: int = 50,
) -> Measured:  # fmt: skip
    """Return the squared discrepancy times 1,000 of rows over their length, with interval and floor.

    The name is `cmmd` under CMMD's own settings (sigma 10, `v`), and `mmd_rbf` else.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: of pairs, resamples and splits.
        sigma: width of the kernel, or `median` for that of the real rows.
        estimator: `unbiased` or `v`.
        resamples: of the bootstrap over patients.
        splits: random halves for the floor.

    Raises:
        ValueError: too few patients on a side, other numbers of features, or real rows that are all equal.
    """
    check_sides(real, synthetic)
    name = "cmmd" if (sigma, estimator) == (SIGMA, "v") else "mmd_rbf"
    r, s = unit(real), unit(synthetic)
    width = median_sigma(r, seed) if sigma == "median" else float(sigma)
    if width <= 0:
        raise ValueError("real rows are all equal, so their median distance is 0 and no kernel's width; name a sigma")
    weights = patient_weights([r.patients, s.patients], resamples, stream(seed, f"realism.mmd/{name}"))
    value = gaussian_mmd(r, s, width, estimator)
    draws = SCALE * KernelSums(r, s, gaussian(width), estimator).distances(*weights)
    bounds = (0.0, np.inf) if estimator == "v" else (-np.inf, np.inf)
    whole = around(value, draws, min(len(r), len(s)), bounds)
    halves = floors(r, s, lambda a, b: {name: gaussian_mmd(a, b, width, estimator)}, seed=seed, splits=splits)
    return Measured(name, whole, *halves[name])
