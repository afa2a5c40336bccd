"""Regressions by boosted trees: from the inputs' values in a voxel, and from those of the patch about it.

A patch is the 27 voxels about a voxel with the means of two wider windows and the place in the brain's box, so the
second baseline sees texture, surroundings and rough anatomy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, Int
from scipy.ndimage import gaussian_filter

from ....conditioning.mri.contrasts import Contrast
from ....conditioning.seeds import stream
from ..case import Case, Missing

PER_CASE = 12_000  # voxels of each training brain
TREES = 80
WIDE = (2.0, 4.0)  # voxels: standard deviations of the wider windows
Places = Int[np.ndarray, "n 3"]
Features = Callable[[Case, Missing, Places], Float32[np.ndarray, "n features"]]


def voxel_regression(
    training: Sequence[Case], asked: Missing, seed: int
) -> Callable[[Case], Float32[np.ndarray, "x y z"]]:
    """Return a regression of the target on the inputs' values in the same voxel."""
    return _regression(training, asked, seed, voxel_features)


def patch_regression(
    training: Sequence[Case], asked: Missing, seed: int
) -> Callable[[Case], Float32[np.ndarray, "x y z"]]:
    """Return a regression of the target on the inputs' patches."""
    return _regression(training, asked, seed, patch_features)


def voxel_features(case: Case, asked: Missing, places: Places) -> Float32[np.ndarray, "n features"]:
    """Return the inputs' values at some voxels."""
    return np.stack([_relative(case, c)[tuple(places.T)] for c in asked.inputs], axis=1)


def patch_features(case: Case, asked: Missing, places: Places) -> Float32[np.ndarray, "n features"]:
    """Return the inputs' patches about some voxels, and where these lie, 0 to 1 on each axis of the brain."""
    brain = np.argwhere(case.brain)
    low, high = brain.min(axis=0), brain.max(axis=0)
    columns = [((places - low) / np.maximum(high - low, 1)).T]
    for contrast in asked.inputs:
        volume = _relative(case, contrast)
        columns += [_neighbours(volume, places)]
        columns += [gaussian_filter(volume, width, mode="nearest")[tuple(places.T)][None] for width in WIDE]
    return np.ascontiguousarray(np.concatenate(columns).T, dtype=np.float32)


def _relative(case: Case, contrast: Contrast) -> Float32[np.ndarray, "x y z"]:
    """Return a contrast in units of the brain's median: unlike the top, a lesion or a vessel hardly moves it."""
    volume = case.volumes[contrast]
    return np.asarray(volume / max(float(np.median(volume[case.brain])), 1e-3), dtype=np.float32)


def _neighbours(volume: Float32[np.ndarray, "x y z"], places: Places) -> Float32[np.ndarray, "27 n"]:
    padded = np.pad(volume, 1, mode="edge")
    x, y, z = places.T
    return np.stack([padded[x + i, y + j, z + k] for i in range(3) for j in range(3) for k in range(3)])


def _regression(
    training: Sequence[Case], asked: Missing, seed: int, features: Features
) -> Callable[[Case], Float32[np.ndarray, "x y z"]]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    rng = stream(seed, f"mri.regression/{asked.name}")
    rows, values = [], []
    for case in training:
        places = np.argwhere(case.brain)
        places = places[np.sort(rng.permutation(len(places))[:PER_CASE])]
        rows.append(features(case, asked, places))
        values.append(case.volumes[asked.target][tuple(places.T)])
    model = HistGradientBoostingRegressor(max_iter=TREES, early_stopping=False, random_state=int(rng.integers(2**31)))
    model.fit(np.concatenate(rows), np.concatenate(values))

    def fill(case: Case) -> Float32[np.ndarray, "x y z"]:
        out = np.zeros(case.brain.shape, np.float32)
        out[case.brain] = np.clip(model.predict(features(case, asked, np.argwhere(case.brain))), 0, 1)
        return out

    return fill
