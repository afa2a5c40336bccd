"""How well masks agree: Dice and the 95 % Hausdorff distance of each class."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import binary_erosion, distance_transform_edt

SHARE = 95.0


def dice(truth: Bool[np.ndarray, "*space"], said: Bool[np.ndarray, "*space"]) -> float:
    """Return twice the common part over the sum of both; NaN where both are empty."""
    total = int(truth.sum()) + int(said.sum())
    return 2 * int((truth & said).sum()) / total if total else math.nan


def hausdorff95(truth: Bool[np.ndarray, "*space"], said: Bool[np.ndarray, "*space"]) -> float:
    """Return the larger of the two 95 % distances from one surface to the other, in pixels.

    NaN where both are empty; where one is, the diagonal of the sample, so that to say nothing does not pay.
    """
    if not truth.any() and not said.any():
        return math.nan
    if not truth.any() or not said.any():
        return float(np.linalg.norm(truth.shape))
    box = _box(truth | said)
    a, b = _surface(truth[box]), _surface(said[box])
    there, back = distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]
    return float(max(np.percentile(there, SHARE), np.percentile(back, SHARE)))


def overlaps(
    truth: Int[np.ndarray, "n ..."], said: Int[np.ndarray, "n ..."], classes: int
) -> Float[np.ndarray, "n columns"]:
    """Return Dice of each class but the background, then the 95 % Hausdorff distance of each, a row a sample."""
    rows = []
    for t, s in zip(truth, said, strict=True):
        each = [(t == c, s == c) for c in range(1, classes + 1)]
        rows.append([dice(a, b) for a, b in each] + [hausdorff95(a, b) for a, b in each])
    return np.array(rows, dtype=float).reshape(len(truth), 2 * classes)


def _surface(mask: np.ndarray) -> np.ndarray:
    return np.asarray(mask & ~binary_erosion(mask))


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask; beyond it there is no surface."""
    axes = [np.flatnonzero(mask.any(axis=tuple(j for j in range(mask.ndim) if j != k))) for k in range(mask.ndim)]
    return tuple(slice(int(a[0]), int(a[-1]) + 1) for a in axes)
