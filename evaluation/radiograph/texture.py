"""What a radiograph is made of, whatever it shows: how bright its pixels are, and how fine its detail.

An image becomes a curve: the share of its pixels at or under each grey, and its power in rings of equal spatial
frequency.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

GREYS = 64
FLOOR_DB = -80.0  # of an image's own power: below it is rounding


def grey_shares(x: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n greys"]:
    """Return each image's distribution function of pixels, at the middles of 64 steps from 0 to 1.

    The mean absolute difference of two such rows is the 1-Wasserstein distance of the pixels, to within a step.
    """
    at = (np.arange(GREYS) + 0.5) / GREYS
    flat = np.sort(x.reshape(len(x), -1).astype(np.float64), axis=1)
    return np.stack([np.searchsorted(row, at, side="right") / flat.shape[1] for row in flat])


def frequencies(size: int) -> Float[np.ndarray, " rings"]:
    """Return the middles of the rings in cycles per pixel, up to 0.5."""
    return np.arange(1, size // 2 + 1) / size


def radial_spectra_db(x: Float[np.ndarray, "n size size"]) -> Float[np.ndarray, "n rings"]:
    """Return each image's mean power in rings of spatial frequency, in dB of its whole power.

    The mean is taken off and a Hann window applied, since an image's edges do not meet.

    Args:
        x: square images.
    """
    size = x.shape[-1]
    window = np.hanning(size)[:, None] * np.hanning(size)[None, :]
    y = (x - x.mean(axis=(1, 2), keepdims=True, dtype=np.float64)) * window
    power = np.abs(np.fft.fft2(y)) ** 2
    ring = np.rint(np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))) * size).astype(np.int64)
    rings = np.arange(1, size // 2 + 1)
    mean = np.stack([power[:, ring == r].mean(axis=1) for r in rings], axis=1)
    total = power.sum(axis=(1, 2)) - power[:, 0, 0]
    relative = mean / np.maximum(total, 1e-300)[:, None]
    return np.asarray(np.maximum(10 * np.log10(np.maximum(relative, 1e-300)), FLOOR_DB))
