"""A volume of any shape as a cube of the size wanted: its proportions in space kept, padded with its least value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

SMALLEST, LARGEST = 8, 512


@dataclass(frozen=True)
class Cube:
    """How a volume becomes a cube.

    Attributes:
        size: voxels along an edge.
        step_mm: size of a voxel of the cube.
        shape: voxels along each axis of what the volume fills.
        offset: voxels before it.
    """

    size: int
    step_mm: float
    shape: tuple[int, int, int]
    offset: tuple[int, int, int]


def check_cube(size: int | None) -> None:
    """Refuse a size that there is not.

    Raises:
        ValueError: it is named, with what is allowed.
    """
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size = {size} is not from {SMALLEST} to {LARGEST} voxels")


def cube_of(shape: tuple[int, ...], spacing_mm: tuple[float, ...], size: int) -> Cube:
    """Return the cube for a volume; a spacing that is not known counts as 1 mm along each axis."""
    spacing = np.asarray(spacing_mm, dtype=float)
    spacing = spacing if np.isfinite(spacing).all() else np.ones(3)
    extent = np.asarray(shape) * spacing
    step = float(extent.max() / size)
    filled = np.clip(np.rint(extent / step), 1, size).astype(int)
    x, y, z = (int(n) for n in filled)
    a, b, c = (int(n) for n in (size - filled) // 2)
    return Cube(size, step, (x, y, z), (a, b, c))


def cubed(volume: Float[np.ndarray, "x y z"], cube: Cube) -> Float[np.ndarray, "size size size"]:
    """Return the volume as a cube: means of voxels where it becomes coarser, linear in between."""
    out = volume
    for axis in range(3):
        out = _along(out, cube.shape[axis], axis)
    return _padded(out.astype(np.float32), cube, float(np.nanmin(volume)))


def cubed_labels(labels: Shaped[np.ndarray, "x y z"], cube: Cube) -> Shaped[np.ndarray, "size size size"]:
    """Return a segmentation as a cube: the label at the nearest voxel, 0 around it."""
    picks = [_centres(labels.shape[axis], cube.shape[axis]) for axis in range(3)]
    nearest = [np.clip(np.rint(at), 0, n - 1).astype(int) for at, n in zip(picks, labels.shape, strict=True)]
    return _padded(labels[np.ix_(*nearest)], cube, 0)


def cube_affine(affine: Float[np.ndarray, "4 4"], shape: tuple[int, ...], cube: Cube) -> Float[np.ndarray, "4 4"]:
    """Return the affine of the cube for that of the volume."""
    step = np.asarray(shape) / np.asarray(cube.shape)
    change = np.eye(4)
    change[:3, :3] = np.diag(step)
    change[:3, 3] = (0.5 - np.asarray(cube.offset)) * step - 0.5
    return affine @ change


def _centres(n: int, new: int) -> Float[np.ndarray, " new"]:
    """Return where the middles of the new voxels lie among the old ones."""
    return (np.arange(new) + 0.5) * (n / new) - 0.5


def _along(volume: np.ndarray, new: int, axis: int) -> np.ndarray:
    n = volume.shape[axis]
    if n == new:
        return volume
    moved = np.moveaxis(volume, axis, 0)
    if new < n:  # the mean of what lies below each new voxel, parts of a voxel counted by their share
        edges, voxel = np.linspace(0, n, new + 1), np.arange(n)
        weights = np.minimum(edges[1:, None], voxel + 1) - np.maximum(edges[:-1, None], voxel)
        weights = np.clip(weights, 0, 1)
        out = np.tensordot((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), moved, axes=1)
    else:
        at = np.clip(_centres(n, new), 0, n - 1)
        low = np.minimum(at.astype(int), max(n - 2, 0))
        share = (at - low).astype(np.float32).reshape(-1, *[1] * (volume.ndim - 1))
        out = moved[low] * (1 - share) + moved[np.minimum(low + 1, n - 1)] * share
    return np.moveaxis(out, 0, axis)


def _padded(volume: np.ndarray, cube: Cube, value: float) -> np.ndarray:
    out = np.full((cube.size,) * 3, value, dtype=volume.dtype)
    a, b, c = cube.offset
    x, y, z = volume.shape
    out[a : a + x, b : b + y, c : c + z] = volume
    return out
