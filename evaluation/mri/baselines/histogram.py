"""The one input that comes nearest on other patients, its grey levels set to those of the wanted contrast there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32

from ....conditioning.mri.contrasts import Contrast
from ....conditioning.seeds import stream
from ..case import Case, Missing

PER_CASE = 50_000  # voxels of each training brain in the histogram


def histogram_matched(
    training: Sequence[Case], asked: Missing, seed: int
) -> Callable[[Case], Float32[np.ndarray, "x y z"]]:
    """Return the input that misses least on the training cases, matched to their histogram of the target.

    Source: scikit-image's `match_histograms`.
    """
    rng = stream(seed, f"mri.histogram/{asked.name}")
    pool = np.concatenate([some(case.volumes[asked.target][case.brain], PER_CASE, rng) for case in training])

    def missed(contrast: Contrast) -> float:
        errors = (_matched(c, contrast, pool) - c.volumes[asked.target] for c in training)
        return float(np.mean([np.mean(e[c.brain] ** 2) for e, c in zip(errors, training, strict=True)]))

    best = min(asked.inputs, key=missed)
    return lambda case: _matched(case, best, pool)


def some(values: Float32[np.ndarray, " n"], most: int, rng: np.random.Generator) -> Float32[np.ndarray, " m"]:
    """Return so many of the values, drawn; all where there are fewer."""
    return values if len(values) <= most else rng.choice(values, most, replace=False)


def _matched(case: Case, contrast: Contrast, pool: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "x y z"]:
    from skimage.exposure import match_histograms

    out = np.zeros(case.brain.shape, np.float32)
    out[case.brain] = match_histograms(case.volumes[contrast][case.brain], pool)
    return out
