"""How far the mean curves of two samples lie apart: a row is a curve, such as a distribution function or a spectrum.

With distribution functions of pixels on a grid it is the 1-Wasserstein distance of the pooled pixels; with
spectra in dB it is their mean absolute difference.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from .floors import Measured, floors
from .resampling import around, patient_weights
from .samples import Sample, check_sides


def curve_gap(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """Return the mean absolute difference of the mean rows of two samples."""
    return float(np.abs(x.mean(axis=0) - y.mean(axis=0)).mean())


def curve_distance(
    name: str, real: Sample, synthetic: Sample, *, seed: int, resamples: int = 200, splits: int = 50
) -> Measured:
    """Return the gap of the mean curves with its interval over patients and its floor.

    Args:
        name: of the metric, which also keys its streams.
        real: one curve a row.
        synthetic: likewise.
        seed: seed of resamples and splits.
        resamples: of the bootstrap.
        splits: random halves for the floor.

    Raises:
        ValueError: too few patients on a side, or curves of other lengths.
    """
    check_sides(real, synthetic)
    weights = patient_weights([real.patients, synthetic.patients], resamples, stream(seed, f"realism.curves/{name}"))
    means = [w @ s.x / w.sum(axis=1, keepdims=True) for w, s in zip(weights, (real, synthetic), strict=True)]
    draws = np.abs(means[0] - means[1]).mean(axis=1)
    n = min(len(real), len(synthetic))
    halves = floors(real, synthetic, lambda a, b: {name: curve_gap(a.x, b.x)}, seed=seed, splits=splits)
    return Measured(name, around(curve_gap(real.x, synthetic.x), draws, n, (0.0, math.inf)), *halves[name])
