"""Samples, masks and boxes at another size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int


def sized_sample(x: Float32[np.ndarray, "channels ..."], shape: Sequence[int]) -> Float32[np.ndarray, "channels ..."]:
    """Return a sample at another size: means over areas where every axis shrinks, else linear.

    Args:
        x: channels first.
        shape: length of each axis.
    """
    if x.shape[1:] == tuple(shape):
        return x
    import torch
    from torch.nn import functional

    pool = (functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d)
    mode = ("linear", "bilinear", "trilinear")
    t, dims = torch.from_numpy(np.ascontiguousarray(x))[None], len(shape)
    if all(a >= b for a, b in zip(x.shape[1:], shape, strict=True)):
        return np.asarray(pool[dims - 1](t, tuple(shape))[0].numpy())
    return np.asarray(functional.interpolate(t, tuple(shape), mode=mode[dims - 1])[0].numpy())


def sized_mask(mask: np.ndarray, shape: Sequence[int]) -> Int[np.ndarray, "*other"]:
    """Return a mask at another size; each pixel takes the class at its centre.

    Raises:
        ValueError: it has other axes, or values that are no whole numbers of 0 or more (-1 where nothing is said).
    """
    if mask.ndim != len(shape):
        raise ValueError(f"a mask is {mask.shape}; the samples have {len(shape)} axes")
    whole = np.rint(mask).astype(np.int64)
    if not np.array_equal(whole, mask) or (whole < -1).any():
        raise ValueError("a mask holds values that are no whole numbers of 0 or more")
    at = [
        np.minimum((np.arange(n) + 0.5) * m / n, m - 1).astype(np.int64) for n, m in zip(shape, mask.shape, strict=True)
    ]
    return np.asarray(whole[np.ix_(*at)])


def sized_boxes(boxes: np.ndarray, before: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """Return boxes, (boxes, 2 axes), in the pixels of another size."""
    scale = np.asarray(shape, dtype=float) / np.asarray(before, dtype=float)
    return np.asarray(boxes * np.concatenate([scale, scale]))
