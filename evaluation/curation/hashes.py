"""Perceptual hashes of 64 bits: alike where two records look alike, whatever their brightness or size.

Images are averaged over areas onto a small grid in float; what a hash is made of are signs, so gain and offset do not
matter. Differences that are rounding alone count as none.

Source: Krawetz 2013, "Kind of like that" (dHash); Zauner 2010, "Implementation and benchmarking of perceptual image
hash functions" (pHash by DCT); Charikar 2002 (signs of random projections).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt64
from scipy.fft import dctn

from ...conditioning.seeds import stream

BITS = 64
_EVEN = 1e-6  # of an image's range: a smaller difference is none
_BATCH = 512
_SAMPLES = 128  # of a lead that a sketch sees


def dhash(images: Float[np.ndarray, "n h w"]) -> UInt64[np.ndarray, " n"]:
    """Return whether each of 8 x 9 areas is brighter than the one to its left.

    Args:
        images: any finite values; all the same size.
    """
    return _over(images, lambda x: _rising(averaged(x, (8, 9)), x))


def phash(images: Float[np.ndarray, "n h w"]) -> UInt64[np.ndarray, " n"]:
    """Return which of the 64 lowest frequencies, constants left out, lie above their median.

    Args:
        images: any finite values; all the same size.
    """
    return _over(images, _low_frequencies)


def volume_hash(volumes: Float[np.ndarray, "n z y x"]) -> UInt64[np.ndarray, " n"]:
    """Return dHash in space: 4 x 4 x 5 areas along the last axis.

    Slices of one volume are hashed with `dhash(volume)`.
    """
    return _over(volumes, lambda x: _rising(averaged(x, (4, 4, 5)), x))


def signal_hash(signals: Float[np.ndarray, "n leads samples"]) -> UInt64[np.ndarray, " n"]:
    """Return signs of 64 random projections of the leads, each averaged onto 128 samples and about its own mean.

    Two signals of correlation r differ in 64 arccos(r) / pi bits on average: 32 where they have nothing in common.
    """
    n, leads, _ = signals.shape
    way = stream(0, "curation.signal_hash").standard_normal((BITS, leads * _SAMPLES))

    def sketch(x: np.ndarray) -> np.ndarray:
        low = averaged(x, (leads, min(_SAMPLES, x.shape[-1])))
        low = low - low.mean(axis=-1, keepdims=True)
        flat = low.reshape(len(x), -1)
        return np.asarray(flat @ way[:, : flat.shape[1]].T > _EVEN * np.abs(flat).sum(axis=1, keepdims=True))

    return _over(signals, sketch)


def _over(x: np.ndarray, bits: object) -> np.ndarray:
    if not len(x):
        return np.empty(0, np.uint64)
    if not np.isfinite(x).all():
        broken = int((~np.isfinite(x).reshape(len(x), -1).all(axis=1)).sum())
        raise ValueError(f"{broken} of {len(x)} records hold a value that is not finite; leave them out")
    assert callable(bits)
    rows = [packed(bits(x[k : k + _BATCH].astype(np.float64))) for k in range(0, len(x), _BATCH)]
    return np.concatenate(rows)


def packed(bits: np.ndarray) -> UInt64[np.ndarray, " n"]:
    """Return rows of 64 bits as one number each, the first bit the highest."""
    return np.ascontiguousarray(np.packbits(bits.reshape(len(bits), BITS), axis=1)).view(">u8")[:, 0].astype(np.uint64)


def _rising(small: np.ndarray, whole: np.ndarray) -> np.ndarray:
    least = _least(whole)
    return np.asarray(np.diff(small, axis=-1) > least.reshape(-1, *(1,) * (small.ndim - 1)))


def _low_frequencies(x: np.ndarray) -> np.ndarray:
    low = dctn(averaged(x, (32, 32)), axes=(1, 2), norm="ortho")[:, 1:9, 1:9].reshape(len(x), BITS)
    return np.asarray(low > np.median(low, axis=1, keepdims=True) + _least(x)[:, None])


def _least(x: np.ndarray) -> np.ndarray:
    """Return the smallest difference of each record that is more than rounding."""
    flat = x.reshape(len(x), -1)
    return np.asarray(_EVEN * np.ptp(flat, axis=1) + 1e-12 * np.abs(flat).max(axis=1))


def averaged(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the means of equal areas; an area that cuts a pixel takes its share of it."""
    for axis, size in enumerate(shape, start=1):
        if x.shape[axis] != size:
            x = np.moveaxis(np.tensordot(x, _areas(x.shape[axis], size), axes=([axis], [1])), -1, axis)
    return x


def _areas(n: int, size: int) -> Float[np.ndarray, "size n"]:
    edges, at = np.linspace(0, n, size + 1), np.arange(n)
    low, high = np.maximum(edges[:-1, None], at), np.minimum(edges[1:, None], at + 1)
    return np.maximum(high - low, 0) * size / n
