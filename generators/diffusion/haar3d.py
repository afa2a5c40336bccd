"""The orthonormal Haar transform of volumes, one level: eight bands of half the size, and back.

Neighbours a and b become (a + b) / sqrt(2) and (a - b) / sqrt(2), along z, then y, then x: a butterfly an axis, first
along the one whose voxels lie side by side in memory. On a CPU a few slices are taken at a time, so that what lies
between two butterflies stays in the cache. Being orthonormal the transform keeps energy, turns white noise into white
noise, and its transpose, which is its gradient, is its inverse.

Source: Mallat 1989, IEEE TPAMI 11(7), 674-693; signs as in PyWavelets (`haar`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

# Bands are low (L) or high (H) along x, y and z, as the three bits of their number say, x first.
BANDS = ("LLL", "LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH")
_SCALE = math.sqrt(0.5) ** 3
_SLAB = 8  # slices of a volume that go through together


def haar3d(x: Float[Tensor, "b c x y z"]) -> Float[Tensor, "b c8 x2 y2 z2"]:
    """Return the bands of volumes, the eight of a channel one behind the other in the order of `BANDS`.

    Args:
        x: volumes of even sides.

    Raises:
        ValueError: an odd side.
    """
    if any(side % 2 for side in x.shape[2:]):
        raise ValueError(f"volumes of {tuple(x.shape[2:])}: each side must be even; pad them")
    bands: Tensor = _Forward.apply(x)
    return bands


def inverse_haar3d(bands: Float[Tensor, "b c8 x2 y2 z2"]) -> Float[Tensor, "b c x y z"]:
    """Return the volumes of bands; the inverse of `haar3d`.

    Raises:
        ValueError: a number of channels that is no multiple of 8.
    """
    if bands.shape[1] % 8:
        raise ValueError(f"{bands.shape[1]} channels are no bands of volumes; a multiple of 8 is needed")
    x: Tensor = _Inverse.apply(bands)
    return x


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _analysed(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        moved: Tensor = _Inverse.apply(gradient)
        return moved


class _Inverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bands: Tensor) -> Tensor:
        return _synthesised(bands)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        moved: Tensor = _Forward.apply(gradient)
        return moved


def _analysed(x: Tensor) -> Tensor:
    b, c, *sides = x.shape
    out = x.new_empty((b, c, 8, *(side // 2 for side in sides)))
    for volume, bands in _slabs(x, out):
        for z, h in enumerate(_pair(volume[..., 0::2], volume[..., 1::2])):
            h *= _SCALE
            for y, g in enumerate(_pair(h[..., 0::2, :], h[..., 1::2, :])):
                first, second = g[..., 0::2, :, :], g[..., 1::2, :, :]
                torch.add(first, second, out=bands[..., 2 * y + z, :, :, :])
                torch.sub(first, second, out=bands[..., 4 + 2 * y + z, :, :, :])
    return out.flatten(1, 2)


def _synthesised(bands: Tensor) -> Tensor:
    bands = bands.unflatten(1, (-1, 8))
    b, c, _, *sides = bands.shape
    out = bands.new_empty((b, c, *(2 * side for side in sides)))
    for volume, part in _slabs(out, bands):
        scaled = part * _SCALE
        for x, h in enumerate(_pair(scaled[..., :4, :, :, :], scaled[..., 4:, :, :, :])):
            for y, g in enumerate(_pair(h[..., :2, :, :, :], h[..., 2:, :, :, :])):
                first, second = g[..., 0, :, :, :], g[..., 1, :, :, :]
                rows = volume[..., x::2, y::2, :]
                torch.add(first, second, out=rows[..., 0::2])
                torch.sub(first, second, out=rows[..., 1::2])
    return out


def _pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return a + b, a - b


def _slabs(volume: Tensor, bands: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield parts of volumes (b, c, x, y, z) with the places of their bands (b, c, 8, x2, y2, z2)."""
    if volume.device.type != "cpu":
        yield volume, bands
        return
    for i in range(volume.shape[0]):
        for j in range(volume.shape[1]):
            for start in range(0, volume.shape[2], _SLAB):
                yield volume[i, j, start : start + _SLAB], bands[i, j, :, start // 2 : (start + _SLAB) // 2]
