"""How well one mask covers another: Dice, and the distance in mm within which 95 % of the two surfaces lie."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Integer
from scipy.ndimage import binary_erosion, distance_transform_edt

from .regions import PARTS, tumour_parts

Mask = Bool[np.ndarray, "x y z"]


def dice(said: Mask, truth: Mask) -> float:
    """Return twice the overlap by the sum of both; NaN where both are empty: nothing was there to find."""
    both = int(said.sum()) + int(truth.sum())
    return 2 * int((said & truth).sum()) / both if both else math.nan


def hausdorff95_mm(said: Mask, truth: Mask, spacing_mm: Sequence[float]) -> float:
    """Return the larger of the two directed 95th percentiles of the distance between surfaces.

    NaN where both are empty. Where one is, the diagonal of the grid: no distance is longer.

    Source: as MONAI's `compute_hausdorff_distance(percentile=95)`.
    """
    if not said.any() and not truth.any():
        return math.nan
    if not said.any() or not truth.any():
        return math.sqrt(sum((n * s) ** 2 for n, s in zip(said.shape, spacing_mm, strict=True)))
    near = _box(said | truth)
    a, b = (_surface(mask[near]) for mask in (said, truth))
    return max(_directed(a, b, spacing_mm), _directed(b, a, spacing_mm))


def tumour_overlap(
    said: Integer[np.ndarray, "x y z"], truth: Integer[np.ndarray, "x y z"], spacing_mm: Sequence[float]
) -> dict[str, tuple[float, float]]:
    """Return Dice and the 95 % Hausdorff distance in mm of ET, TC and WT; see `tumour_parts` for the labels."""
    a, b = tumour_parts(said), tumour_parts(truth)
    return {part: (dice(a[part], b[part]), hausdorff95_mm(a[part], b[part], spacing_mm)) for part in PARTS}


def _surface(mask: Mask) -> Mask:
    return np.asarray(mask & ~binary_erosion(mask))


def _directed(a: Mask, b: Mask, spacing_mm: Sequence[float]) -> float:
    return float(np.percentile(distance_transform_edt(~b, sampling=tuple(spacing_mm))[a], 95))


def _box(mask: Mask) -> tuple[slice, ...]:
    """Return the box about a mask, a voxel wider where the grid goes on, so that no surface is at its edge."""
    spans = [np.flatnonzero(mask.any(axis=tuple(j for j in range(3) if j != i))) for i in range(3)]
    return tuple(slice(max(0, int(s[0]) - 1), int(s[-1]) + 2) for s in spans)
