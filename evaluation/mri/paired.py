"""A made contrast beside the real one, voxel by voxel: errors, PSNR and structural similarity in a region.

Values are put on one scale first: 0 to the 99.5th percentile of the real brain becomes 0 to 1, and both are cut there.
A made volume must therefore meet the scanner's scale. That of a contrast that was never measured cannot be known:
`fitted` gives each made volume the one factor that brings it nearest; `own` scales each by itself, as challenges do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Num
from pydantic import BaseModel, ConfigDict

from .ssim import ssim_map

TOP = 99.5  # percentile of the brain that becomes 1
LEAST_MSE = 1e-10  # 100 dB: more is not told apart from equal
Scale = Literal["real", "fitted", "own"]


class Scores(BaseModel):
    """How far a made volume is from the real one in a region.

    Attributes:
        voxels: of the region.
        mse: mean squared error, of the scale's range squared.
        mae: mean absolute error, of the scale's range.
        psnr_db: -10 log10 of the mean squared error; 100 dB at most.
        ssim: mean structural similarity about the region's voxels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    voxels: int
    mse: float
    mae: float
    psnr_db: float
    ssim: float


def top_of(volume: Num[np.ndarray, "x y z"], brain: Bool[np.ndarray, "x y z"]) -> float:
    """Return the value that becomes 1: the 99.5th percentile of the brain.

    Raises:
        ValueError: it is not above 0.
    """
    top = float(np.percentile(volume[brain], TOP)) if brain.any() else 0.0
    if not top > 0:
        raise ValueError(f"the {TOP}th percentile of a volume's brain is {top:g}; a contrast has values above 0")
    return top


def on_one_scale(
    made: Num[np.ndarray, "x y z"],
    real: Num[np.ndarray, "x y z"],
    brain: Bool[np.ndarray, "x y z"],
    scale: Scale = "real",
) -> tuple[Float[np.ndarray, "x y z"], Float[np.ndarray, "x y z"]]:
    """Return both from 0 to 1.

    Args:
        made: the made contrast.
        real: the real one.
        brain: where the scale is taken.
        scale: `real`, both by the real volume's range; `fitted`, the same behind one factor of least squares; `own`,
            each by its own range.
    """
    top = top_of(real, brain)
    a, b = (np.asarray(v, dtype=np.float64) / top for v in (made, real))
    if scale == "own":
        a *= top / top_of(made, brain)
    if scale == "fitted":
        a *= gain_of(a[brain], b[brain])
    return np.clip(a, 0, 1), np.clip(b, 0, 1)


def gain_of(made: Float[np.ndarray, " n"], real: Float[np.ndarray, " n"]) -> float:
    """Return the factor of least squares that brings made values to real ones; 1 where all made values are 0."""
    power = float(made @ made)
    return float(made @ real) / power if power > 0 else 1.0


def psnr_db(mse: float) -> float:
    """Return the peak signal-to-noise ratio of values from 0 to 1."""
    return float(-10 * np.log10(max(mse, LEAST_MSE)))


def paired_scores(
    made: Num[np.ndarray, "_ _ _"],
    real: Num[np.ndarray, "_ _ _"],
    regions: Mapping[str, Bool[np.ndarray, "_ _ _"]],
    scale: Scale = "real",
) -> dict[str, Scores]:
    """Return the scores of each region.

    Args:
        made: the made contrast.
        real: the real one, on its grid.
        regions: from `regions_of`; `brain` is among them.
        scale: of the values.

    Raises:
        ValueError: grids that differ, or a volume without values above 0.
    """
    if made.shape != real.shape:
        shown = " and ".join(" x ".join(map(str, v.shape)) for v in (made, real))
        raise ValueError(f"a made and a real volume are compared on one grid; got {shown}")
    a, b = on_one_scale(made, real, regions["brain"], scale)
    similar = ssim_map(a, b, data_range=1.0)
    return {name: _scores(a[region], b[region], similar[region]) for name, region in regions.items()}


def _scores(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], similar: Float[np.ndarray, " n"]) -> Scores:
    mse = float(np.mean((a - b) ** 2))
    return Scores(
        voxels=a.size, mse=mse, mae=float(np.mean(np.abs(a - b))), psnr_db=psnr_db(mse), ssim=float(similar.mean())
    )
