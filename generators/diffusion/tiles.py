"""A network on volumes larger than those it was trained on: tile by tile, overlapping, blended.

A group norm measures what it sees, so a network that was trained on patches is asked for patches of that size. Weights
fall in a line from the middle of a tile to its edge.

Source: Isensee et al. 2021, Nature Methods 18, 203-211 (sliding window with overlap).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def starts(side: int, tile: int, overlap: float) -> list[int]:
    """Return where tiles begin along an axis: evenly spread, the first at 0, the last at the end.

    Args:
        side: of the volume.
        tile: side of a tile.
        overlap: share of a tile that the next one covers at least, below 1.
    """
    if side <= tile:
        return [0]
    number = 1 + int(np.ceil((side - tile) / max(1.0, tile * (1 - overlap))))
    return [int(round(at)) for at in np.linspace(0, side - tile, number)]


def blended(
    parts: Callable[[tuple[slice, slice, slice]], Tensor], like: Float[Tensor, "b c x y z"], tile: Sequence[int],
    overlap: float,
) -> Float[Tensor, "b c x y z"]:  # fmt: skip
    """Return what a function of parts of a volume says of the whole.

    Args:
        parts: maps the slices of a tile to its values, (b, c, ...).
        like: a tensor of the result's shape and device.
        tile: largest sides of a tile.
        overlap: share of a tile that the next one covers at least.
    """
    sides = [min(t, s) for t, s in zip(tile, like.shape[2:], strict=True)]
    if list(like.shape[2:]) == sides:
        return parts((slice(0, sides[0]), slice(0, sides[1]), slice(0, sides[2])))
    weight = _weight(sides).to(like.device)
    total, weights = torch.zeros_like(like, dtype=torch.float32), torch.zeros_like(like[:1, :1], dtype=torch.float32)
    for at in _tiles(like.shape[2:], sides, overlap):
        total[(..., *at)] += weight * parts(at)
        weights[(..., *at)] += weight
    return total / weights


def _tiles(whole: Sequence[int], sides: Sequence[int], overlap: float) -> Iterator[tuple[slice, slice, slice]]:
    along = [starts(w, s, overlap) for w, s in zip(whole, sides, strict=True)]
    for first in product(*along):
        x, y, z = (slice(a, a + s) for a, s in zip(first, sides, strict=True))
        yield x, y, z


def _weight(sides: Sequence[int]) -> Tensor:
    ramps = [torch.minimum(torch.arange(s), torch.arange(s).flip(0)).float() + 1 for s in sides]
    return ramps[0][:, None, None] * ramps[1][None, :, None] * ramps[2]
