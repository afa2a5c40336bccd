"""The measure of the BraSyn challenge, as it is defined there, and the same similarity taken inside the mask alone.

There each volume is cut at its own percentiles, masked, and compared over the whole volume: the zeros outside count as
perfectly similar, which lifts the figure of a small tumour towards 1, and a gain of the whole volume is not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num

from .ssim import ssim_map

PERCENTILES = (0.5, 99.5)


class BraSyn(NamedTuple):
    """Structural similarity in and outside the tumour.

    Attributes:
        ssim_tumour: of the volumes times the mask, mean over the whole volume (the challenge's).
        ssim_non_tumour: of the volumes times its complement, mean over the whole volume (the challenge's).
        inside_tumour: of the unmasked volumes, mean over the voxels of the tumour.
        inside_non_tumour: likewise over all other voxels of the brain.
    """

    ssim_tumour: float
    ssim_non_tumour: float
    inside_tumour: float
    inside_non_tumour: float


def own_range(volume: Num[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
    """Return a volume cut at its own 0.5th and 99.5th percentile (the lower one not below 0), as 0 to 1.

    Raises:
        ValueError: the percentiles are one.
    """
    low, high = np.percentile(volume, PERCENTILES)
    low = max(float(low), 0.0)
    if not high > low:
        raise ValueError(f"percentiles {low:g} and {high:g} of a volume give no range; it is nearly constant")
    return np.asarray((np.clip(volume, low, high) - low) / (high - low), dtype=np.float64)


def brasyn(
    made: Num[np.ndarray, "x y z"],
    real: Num[np.ndarray, "x y z"],
    tumour: Bool[np.ndarray, "x y z"],
    brain: Bool[np.ndarray, "x y z"],
) -> BraSyn:
    """Return the challenge's two figures and the two of the masked voxels.

    Args:
        made: the made contrast, on any scale.
        real: the real one.
        tumour: all of it, oedema included.
        brain: for the fourth figure; the challenge does not use it.

    Raises:
        ValueError: a nearly constant volume, or no voxel of the tumour.
    """
    if not tumour.any():
        raise ValueError("no voxel is of a tumour; BraSyn's measure needs one")
    a, b = own_range(made), own_range(real)
    inside, outside = (float(ssim_map(a * mask, b * mask).mean()) for mask in (tumour, ~tumour))
    whole = ssim_map(a, b)
    return BraSyn(inside, outside, float(whole[tumour].mean()), float(whole[brain & ~tumour].mean()))
