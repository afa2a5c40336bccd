"""The grid that a patient's volumes lie on: how far two grids are apart, and a volume brought onto another's."""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float, Shaped

from ..readers.volume_file import FileVolume

TOLERANCE_VOXELS = 0.1  # headers keep affines as float32 or quaternions: a thousandth of a voxel
LEAST_OVERLAP = 0.5


def apart_voxels(a: FileVolume, b: FileVolume) -> float:
    """Return how far the corners of two volumes of one shape lie apart, at most, in the shortest edge of a voxel."""
    n = a.volume.shape
    corners = np.array([(x, y, z, 1) for x, y, z in product(*((-0.5, m - 0.5) for m in n))])
    steps = corners @ (affine_of(a) - affine_of(b)).T
    return float(np.linalg.norm(steps[:, :3], axis=1).max() / min(a.spacing_mm))


def affine_of(volume: FileVolume) -> Float[np.ndarray, "4 4"]:
    """Return a volume's affine.

    Raises:
        ValueError: its file has none.
    """
    if volume.affine is None:
        raise ValueError("says nothing of its place in space; a NIfTI file with its affine is needed")
    return volume.affine


def onto(volume: FileVolume, grid: FileVolume, labels: bool) -> Shaped[np.ndarray, "x y z"]:
    """Return a volume on another's grid: linear between voxels (labels: the nearest), 0 outside.

    Args:
        volume: what is brought there.
        grid: whose grid it is to lie on.
        labels: whether the values are labels.

    Raises:
        ValueError: less than half of the grid lies inside the volume: they are not of one space.
    """
    from scipy.ndimage import affine_transform

    change = np.linalg.inv(affine_of(volume)) @ affine_of(grid)
    share = _overlap(change, volume.volume.shape, grid.volume.shape)
    if share < LEAST_OVERLAP:
        raise ValueError(f"covers {share:.0%} of the grid that it is to lie on; the two are not of one space")
    order = 0 if labels else 1
    return affine_transform(
        volume.volume, change[:3, :3], change[:3, 3], output_shape=grid.volume.shape, order=order, mode="grid-constant"
    )


def _overlap(change: Float[np.ndarray, "4 4"], shape: tuple[int, ...], grid: tuple[int, ...]) -> float:
    """Return the share of a grid's voxels, one in each direction of 16, that lie inside a volume."""
    axes = [np.linspace(0, n - 1, min(n, 16)) for n in grid]
    points = np.stack([*np.meshgrid(*axes, indexing="ij"), np.ones([len(a) for a in axes])], axis=-1)
    at = points @ change.T
    inside = (at[..., :3] >= -0.5) & (at[..., :3] <= np.asarray(shape) - 0.5)
    return float(inside.all(axis=-1).mean())
