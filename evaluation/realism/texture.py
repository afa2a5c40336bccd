"""What signals, images and volumes are made of, whatever they show: how bright they are, and how fine their detail.

One becomes a curve: the share of its values at or under each level, and its power in rings (shells, bands) of equal
spatial frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Num

GREYS = 64
FLOOR_DB = -80.0  # of an image's own power: below it is rounding


def grey_shares(x: Num[np.ndarray, "n ..."], low: float = 0.0, high: float = 1.0) -> Float[np.ndarray, "n greys"]:
    """Return each image's distribution function of values, at the middles of 64 steps from `low` to `high`.

    The mean absolute difference of two such rows, times the range, is the 1-Wasserstein distance of the values, to
    within a step. Values outside the range count at its ends.

    Args:
        x: images, volumes or signals.
        low: lower end of the range, in the unit of the values.
        high: upper end.

    Raises:
        ValueError: an empty range.
    """
    if not high > low:
        raise ValueError(f"a range from {low:g} to {high:g} is empty")
    at = low + (high - low) * (np.arange(GREYS) + 0.5) / GREYS
    shares = np.empty((len(x), GREYS))
    for k, one in enumerate(x):
        flat = np.sort(one, axis=None).astype(np.float64)
        shares[k] = np.searchsorted(flat, at, side="right") / flat.size
    return shares


def value_range(x: Num[np.ndarray, "n ..."], share: float = 0.001) -> tuple[float, float]:
    """Return where all but a share of the values lie, each side; a range of 1 where all are equal."""
    low, high = (float(q) for q in np.quantile(x, [share, 1 - share]))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def frequencies(size: int) -> Float[np.ndarray, " rings"]:
    """Return the middles of the rings in cycles per pixel, up to 0.5."""
    return np.arange(1, size // 2 + 1) / size


def radial_spectra_db(x: Num[np.ndarray, "n ..."]) -> Float[np.ndarray, "n rings"]:
    """Return each image's mean power in rings of spatial frequency, in dB of its whole power.

    The mean is taken off and a Hann window applied, since an image's edges do not meet. Rings are as wide as the
    shortest edge resolves; a volume's are shells, a signal's bands.

    Args:
        x: signals (n, samples), images (n, y, x) or volumes (n, z, y, x), with pixels of equal edges.

    Raises:
        ValueError: no axis of space, or an edge of fewer than two pixels.
    """
    shape = x.shape[1:]
    if not shape or min(shape) < 2:
        raise ValueError(f"arrays of the shape {x.shape} have no spectrum; edges of two or more are needed")
    ring, size = rings(shape), min(shape)
    window = np.ones(shape)
    for axis, n in enumerate(shape):
        window = window * np.hanning(n).reshape([-1 if k == axis else 1 for k in range(len(shape))])
    count = np.maximum(np.bincount(ring, minlength=size // 2 + 1)[1 : size // 2 + 1], 1)
    out = np.empty((len(x), size // 2))
    for k, one in enumerate(x):
        y = (one - one.mean(dtype=np.float64)) * window
        power = (np.abs(np.fft.fftn(y)) ** 2).ravel()
        mean = np.bincount(ring, power, minlength=size // 2 + 1)[1 : size // 2 + 1] / count
        relative = mean / max(float(power.sum() - power[0]), 1e-300)
        out[k] = np.maximum(10 * np.log10(np.maximum(relative, 1e-300)), FLOOR_DB)
    return out


def rings(shape: Sequence[int]) -> np.ndarray:
    """Return the ring of each frequency of a transform of this shape, flat; ring r is about r cycles a short edge."""
    squared = np.zeros(tuple(shape))
    for axis, n in enumerate(shape):
        f = np.fft.fftfreq(n).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        squared = squared + f**2
    return np.rint(np.sqrt(squared) * min(shape)).astype(np.int64).ravel()
