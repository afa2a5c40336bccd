"""Wavelet-band dropout: a sample is taken apart by one level of Haar's wavelets and put together without some bands.

The published augmentation drops bands of features and does not make up for them, which shifts the mean; kept bands are
divided by 1 - p here unless that is asked for. It works on the samples: there the bands' meaning is the same for every
network, while on features it would be another one for each, and named networks do not let one in between.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

RATE = 0.3


def haar(x: Float[Tensor, "b c *space"]) -> list[Float[Tensor, "b c *half"]]:
    """Return the bands of one level, orthonormal, low-pass on all axes first; axes must be even.

    Args:
        x: (batch, channels, *space), one to three axes.
    """
    bands = [x]
    for axis in range(2, x.ndim):
        bands = [part for band in bands for part in _split(band, axis)]
    return bands


def unhaar(bands: list[Float[Tensor, "b c *half"]]) -> Float[Tensor, "b c *space"]:
    """Return the samples whose bands these are."""
    for axis in range(bands[0].ndim - 1, 1, -1):
        bands = [_join(bands[k], bands[k + 1], axis) for k in range(0, len(bands), 2)]
    return bands[0]


def bands_dropped(
    x: Float[Tensor, "b c *space"], rng: np.random.Generator, rate: float = RATE, *, rescale: bool = True
) -> Float[Tensor, "b c *space"]:
    """Return samples without some of their bands, each band of each sample dropped at `rate`.

    Args:
        x: samples.
        rng: the stream of the draws.
        rate: chance of a band to be dropped, 0 to below 1.
        rescale: whether kept bands are divided by 1 - rate, so that the mean over draws is the sample.

    Raises:
        ValueError: the rate is out of range.

    Source: DINO-AugSeg, arXiv 2601.08078 (rate 0.3 on features, without rescaling).
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate = {rate} of the dropout is not from 0 to below 1")
    shape = x.shape[2:]
    odd = [n % 2 for n in shape]
    if any(odd):
        x = functional.pad(x, [p for n in reversed(odd) for p in (0, n)], mode="replicate")
    bands = haar(x)
    kept = rng.random((len(bands), len(x))) >= rate
    factor = torch.from_numpy((kept / (1 - rate if rescale else 1)).astype(np.float32)).to(x.device)
    out = unhaar([band * f.reshape(-1, *(1,) * (x.ndim - 1)) for band, f in zip(bands, factor, strict=True)])
    return out[(..., *(slice(n) for n in shape))]


def band_names(dims: int) -> tuple[str, ...]:
    """Return the names of the bands in the order of `haar`, such as LL, LH, HL, HH."""
    return tuple("".join(word) for word in product("LH", repeat=dims))


def _split(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    even, odd = (x.index_select(axis, _every(x, axis, k)) for k in (0, 1))
    return (even + odd) / 2**0.5, (even - odd) / 2**0.5


def _join(low: Tensor, high: Tensor, axis: int) -> Tensor:
    both = torch.stack([(low + high) / 2**0.5, (low - high) / 2**0.5], dim=axis + 1)
    return both.flatten(axis, axis + 1)


def _every(x: Tensor, axis: int, start: int) -> Tensor:
    return torch.arange(start, x.shape[axis], 2, device=x.device)
