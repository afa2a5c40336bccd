"""Multi-scale structural similarity in float, with as many scales as an image's size allows.

The published five scales need more than 160 pixels under an 11 x 11 window. With fewer scales the weights of
those that are left are scaled to sum to 1, so values of different numbers of scales are not comparable. Volumes are
treated alike, under a cube of the window's edge.

Source: Wang, Simoncelli and Bovik 2003, eq. 7, with the weights found there; window and constants of Wang et al. 2004.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import correlate1d

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
_BATCH = 8_000_000  # pixels of pairs held at once


def scales_for(size: int) -> int:
    """Return how many scales an image's edge allows: its coarsest must hold the window.

    Raises:
        ValueError: not even one.
    """
    if size < WINDOW:
        raise ValueError(f"an edge of {size} pixels is too short; structural similarity needs {WINDOW}")
    return min(len(WEIGHTS), int(np.log2(size / WINDOW)) + 1)


def weights_for(scales: int) -> Float[np.ndarray, " scales"]:
    """Return the weights of the first scales, which sum to 1."""
    kept = np.array(WEIGHTS[:scales])
    return kept / kept.sum()


def ms_ssim_pairs(
    x: Float[np.ndarray, "n ..."], y: Float[np.ndarray, "m ..."], first: Int[np.ndarray, " pairs"],
    second: Int[np.ndarray, " pairs"], scales: int | None = None,
) -> Float[np.ndarray, " pairs"]:  # fmt: skip
    """Return the similarity of pairs of images, 0 to 1.

    Args:
        x: images or volumes, 0 to 1.
        y: likewise; may be `x`.
        first: row numbers of `x`.
        second: row numbers of `y`, as many.
        scales: how many; as many as fit when left out.
    """
    scales = scales_for(min(x.shape[1:])) if scales is None else scales
    value = np.ones(len(first))
    a, b = x.astype(np.float64), y.astype(np.float64)
    for k, weight in enumerate(weights_for(scales)):
        value *= _at_scale(a, b, first, second, luminance=k == scales - 1) ** weight
        if k < scales - 1:
            a, b = _halved(a), _halved(b)
    return value


def _at_scale(
    a: np.ndarray, b: np.ndarray, first: np.ndarray, second: np.ndarray, *, luminance: bool
) -> Float[np.ndarray, " pairs"]:
    """Return contrast and structure of pairs, times luminance at the coarsest scale; never below 0."""
    moments = [(_smooth(z), _smooth(z * z)) for z in (a, b)]
    out = np.empty(len(first))
    step = max(1, _BATCH // a[0].size)
    for start in range(0, len(first), step):
        i, j = first[start : start + step], second[start : start + step]
        mu_a, mu_b = moments[0][0][i], moments[1][0][j]
        var_a, var_b = moments[0][1][i] - mu_a**2, moments[1][1][j] - mu_b**2
        cov = _smooth(a[i] * b[j]) - mu_a * mu_b
        value = (2 * cov + K2**2) / (var_a + var_b + K2**2)
        if luminance:
            value = value * (2 * mu_a * mu_b + K1**2) / (mu_a**2 + mu_b**2 + K1**2)
        out[start : start + step] = np.maximum(value.reshape(len(value), -1).mean(axis=1), 0)
    return out


def _smooth(x: np.ndarray) -> np.ndarray:
    """Return images under the Gaussian window, where it lies wholly inside."""
    half = WINDOW // 2
    kernel = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * SIGMA**2))
    kernel /= kernel.sum()
    inside = tuple([slice(None)] + [slice(half, -half)] * (x.ndim - 1))
    for axis in range(1, x.ndim):
        x = correlate1d(x, kernel, axis=axis)
    return np.asarray(x[inside])


def _halved(x: np.ndarray) -> np.ndarray:
    """Return images at half the size, each pixel the mean of four, or of eight in a volume."""
    for axis in range(1, x.ndim):
        even = [slice(None)] * x.ndim
        pairs = []
        for first in (0, 1):
            even[axis] = slice(first, x.shape[axis] // 2 * 2, 2)
            pairs.append(x[tuple(even)])
        x = (pairs[0] + pairs[1]) / 2
    return x
