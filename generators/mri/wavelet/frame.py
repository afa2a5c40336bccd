"""The part of a volume that the network sees: the box of its foreground on the network's grid, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from ...diffusion.unet3d import padded_side

_NEAR = 0.2  # a voxel size that differs by less is taken as it is
Sides = tuple[int, int, int]


@dataclass(frozen=True)
class Frame:
    """Where the network's volume lies.

    Attributes:
        shape: sides of the whole volume.
        grid: its sides at the network's voxel size.
        start: first voxel of the network's volume on that grid; below 0 where it reaches beyond.
        sides: of the network's volume.
    """

    shape: Sides
    grid: Sides
    start: tuple[int, int, int]
    sides: Sides

    def into(self, volume: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "i j k"]:
        """Return the network's part of a volume, 0 beyond its edges."""
        fine = _resized(volume, self.grid)
        out = np.zeros(self.sides, np.float32)
        inner, outer = self._overlap()
        out[inner] = fine[outer]
        return out

    def back(self, part: Float[np.ndarray, "i j k"]) -> Float[np.ndarray, "x y z"]:
        """Return a whole volume that is 0 outside the network's part."""
        out = np.zeros(self.grid, np.float32)
        inner, outer = self._overlap()
        out[outer] = part[inner]
        return _resized(out, self.shape)

    def moved(self, start: tuple[int, int, int], sides: Sides) -> Frame:
        """Return a frame of other sides somewhere else on the same grid."""
        return Frame(self.shape, self.grid, start, sides)

    def _overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        inner, outer = [], []
        for start, side, whole in zip(self.start, self.sides, self.grid, strict=True):
            first, last = max(start, 0), min(start + side, whole)
            inner.append(slice(first - start, max(last, first) - start))
            outer.append(slice(first, max(last, first)))
        return tuple(inner), tuple(outer)


def frame_of(
    inside: Bool[np.ndarray, "x y z"], spacing_mm: tuple[float, ...], wanted_mm: float | None, multiple: int
) -> Frame:
    """Return the frame around a foreground, its sides multiples of what the network needs.

    Args:
        inside: the foreground.
        spacing_mm: voxel size.
        wanted_mm: the network's; None takes the volume's.
        multiple: what the sides are multiples of.

    Raises:
        ValueError: no voxel is foreground.
    """
    if not inside.any():
        raise ValueError("no voxel differs from 0; there is nothing to look at")
    shape: Sides = inside.shape
    grid = _grid(shape, spacing_mm, wanted_mm)
    found = np.argwhere(_resized(inside.astype(np.float32), grid) > 0)
    low, high = found.min(0), found.max(0) + 1
    sides = [padded_side(int(side), multiple) for side in high - low]
    start = [int(a - (side - (b - a)) // 2) for a, b, side in zip(low, high, sides, strict=True)]
    return Frame(shape, grid, tuple(start), tuple(sides))  # type: ignore[arg-type]


def _grid(shape: Sides, spacing_mm: tuple[float, ...], wanted_mm: float | None) -> Sides:
    if wanted_mm is None or not np.isfinite(spacing_mm).all():
        return shape
    ratio = [mm / wanted_mm for mm in spacing_mm]
    if all(1 - _NEAR <= r <= 1 + _NEAR for r in ratio):
        return shape
    return tuple(max(1, round(side * r)) for side, r in zip(shape, ratio, strict=True))  # type: ignore[return-value]


def _resized(volume: Float[np.ndarray, "x y z"], sides: Sides) -> Float[np.ndarray, "i j k"]:
    """Return a volume on another grid over the same field: the mean of what a coarser voxel covers, else linear."""
    if volume.shape == sides:
        return np.asarray(volume, np.float32)
    x = torch.from_numpy(np.ascontiguousarray(volume, np.float32))[None, None]
    shrinks = all(a >= b for a, b in zip(volume.shape, sides, strict=True))
    mode = {"mode": "area"} if shrinks else {"mode": "trilinear", "align_corners": False}
    return torch.nn.functional.interpolate(x, size=sides, **mode)[0, 0].numpy()
