"""The training image nearest to an image, pixel by pixel, after a shift of a few pixels.

Every pair is compared under all whole shifts up to a sixteenth of the edge; both images, where they overlap, are
brought to mean 0 and standard deviation 1, so that a copy that was moved, brightened or given more contrast stays
a copy. The distance is the root mean square difference: 0 is the same image, 1.41 two that have nothing in common.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

EDGE = 64  # pixels along an edge at which images are compared; larger ones are reduced to it
SHARE = 16  # shifts reach to this part of the edge
_WINDOWS = 200_000_000  # bytes of shifted training images held at once


def nearest_aligned(
    x: Float[np.ndarray, "m h w"], training: Float[np.ndarray, "n h w"]
) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Return the distance of each image to its nearest training image, and that one's number.

    Args:
        x: images, square.
        training: all training images, of the same size; none is left out.

    Raises:
        ValueError: no training image, or another size.
    """
    if not len(training) or x.shape[1:] != training.shape[1:]:
        raise ValueError(f"training images have the shape {training.shape}, the others {x.shape}")
    x, training = _reduced(x), _reduced(training)
    reach = max(1, x.shape[-1] // SHARE)
    centre = _standard(x[:, reach:-reach, reach:-reach]).astype(np.float32)
    best, row = np.full(len(x), -np.inf, np.float32), np.zeros(len(x), np.int64)
    shifts = (2 * reach + 1) ** 2
    step = max(1, _WINDOWS // (shifts * centre[0].nbytes))
    for start in range(0, len(training), step):
        windows = _windows(training[start : start + step], reach)
        likeness = centre @ windows.reshape(-1, centre.shape[1]).T
        likeness = likeness.reshape(len(x), -1, shifts).max(axis=2)
        mine = likeness.argmax(axis=1)
        found = likeness[np.arange(len(x)), mine]
        closer = found > best
        best[closer], row[closer] = found[closer], start + mine[closer]
    return _exact(x, training, row, reach), row


def aligned_distance(a: Float[np.ndarray, "h w"], b: Float[np.ndarray, "h w"], reach: int) -> float:
    """Return the least distance of the middle of `a` to `b` over all shifts, in float64."""
    centre = _standard(a[None, reach:-reach, reach:-reach].astype(np.float64))[0]
    windows = _windows(b[None].astype(np.float64), reach)[0]
    return float(np.sqrt(((windows - centre) ** 2).sum(axis=1).min()))


def _exact(x: np.ndarray, training: np.ndarray, row: np.ndarray, reach: int) -> np.ndarray:
    """Return the distances to the rows found, again in float64: a product of float32 cannot tell 0 from 0.0005."""
    return np.array([aligned_distance(a, training[r], reach) for a, r in zip(x, row, strict=True)])


def _windows(x: np.ndarray, reach: int) -> np.ndarray:
    """Return every shifted middle of every image, standardised: (n, shifts, pixels)."""
    h, w = (n - 2 * reach for n in x.shape[1:])
    views = np.lib.stride_tricks.sliding_window_view(x, (h, w), axis=(1, 2))
    out = _standard(views.reshape(-1, h, w)).reshape(len(x), -1, h * w)
    return np.ascontiguousarray(out)


def _standard(x: np.ndarray) -> np.ndarray:
    """Return images as rows of mean 0 and length 1: their distance is the root mean square one of mean 0, spread 1."""
    flat = x.reshape(len(x), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.divide(flat, length, out=np.zeros_like(flat), where=length > 0))


def _reduced(x: np.ndarray) -> np.ndarray:
    """Return images whose edge is at most 64, each pixel the mean of a square."""
    factor = x.shape[-1] // EDGE
    if factor < 2:
        return x
    size = x.shape[-1] // factor * factor
    kept = x[:, :size, :size].reshape(len(x), size // factor, factor, size // factor, factor)
    return np.asarray(kept.mean(axis=(2, 4)))
