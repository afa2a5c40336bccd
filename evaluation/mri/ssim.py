"""Structural similarity of volumes, as a map: a Gaussian window of 1.5 voxels, mirrored at the edges.

The mean of the map over a whole volume is torchmetrics' `structural_similarity_index_measure`; here it is a chain of
one-dimensional filters, which need no network library.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num
from scipy.ndimage import correlate1d

SIGMA, K1, K2 = 1.5, 0.01, 0.03
RADIUS = int(3.5 * SIGMA + 0.5)


def ssim_map(
    a: Num[np.ndarray, "_ _ _"], b: Num[np.ndarray, "_ _ _"], data_range: float | None = None
) -> Float[np.ndarray, "_ _ _"]:
    """Return the structural similarity about each voxel, -1 to 1.

    Args:
        a: a volume of more than `RADIUS` voxels a side.
        b: another on its grid.
        data_range: of the values; the larger of the two volumes' own ranges when None.

    Raises:
        ValueError: shapes that differ or are too small, or a range that is not positive.

    Source: Wang 2004, eq. 13.
    """
    if a.shape != b.shape or min(a.shape) <= RADIUS:
        shown = " and ".join(" x ".join(map(str, v.shape)) for v in (a, b))
        raise ValueError(f"similarity needs two volumes of one grid, {RADIUS + 1} voxels a side or more; got {shown}")
    x, y = (np.asarray(v, dtype=np.float64) for v in (a, b))
    data_range = float(max(np.ptp(x), np.ptp(y))) if data_range is None else data_range
    if not data_range > 0:
        raise ValueError(f"data_range = {data_range:g} must be above 0; both volumes are constant")
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mx, my = _windowed(x), _windowed(y)
    vx = np.maximum(_windowed(x * x) - mx**2, 0)
    vy = np.maximum(_windowed(y * y) - my**2, 0)
    cov = _windowed(x * y) - mx * my
    return np.asarray((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


def _windowed(x: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
    at = np.arange(-RADIUS, RADIUS + 1)
    window = np.exp(-((at / SIGMA) ** 2) / 2)
    window /= window.sum()
    for axis in range(3):
        x = correlate1d(x, window, axis=axis, mode="mirror")
    return x
