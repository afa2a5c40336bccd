"""Whether a voxel-wise uncertainty tells where the error is: rank correlation, error by decile, coverage."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ..statistics import Z

MOST = 200_000  # voxels that are ranked; more change nothing but the time
DECILES = 10


class Decile(BaseModel):
    """Voxels of one tenth, ordered by their uncertainty.

    Attributes:
        uncertainty: mean.
        error: mean absolute error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    uncertainty: float
    error: float


class Trust(BaseModel):
    """How far a volume's uncertainty can be trusted.

    Attributes:
        voxels: that were looked at.
        rank_correlation: Spearman's, of uncertainty and absolute error; None where either is constant.
        deciles: from the surest tenth to the least sure.
        covered_68: share of voxels whose error lies within one standard deviation; 0.683 of a normal one do.
        covered_95: within 1.96.
        overconfidence: root mean squared error by root mean squared uncertainty; 1 is right, more is too sure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    voxels: int
    rank_correlation: float | None
    deciles: tuple[Decile, ...]
    covered_68: float
    covered_95: float
    overconfidence: float | None


def trust(error: Float[np.ndarray, " n"], uncertainty: Float[np.ndarray, " n"]) -> Trust:
    """Return what uncertainty says of error.

    Args:
        error: made minus real, in the brain's voxels.
        uncertainty: standard deviation of the samples there, in the same unit.

    Raises:
        ValueError: fewer voxels than deciles, or an uncertainty below 0.
    """
    from scipy.stats import spearmanr

    if len(error) < DECILES or uncertainty.min() < 0:
        least = float(uncertainty.min()) if len(uncertainty) else math.nan
        raise ValueError(f"{len(error)} voxels with uncertainties from {least:g}; {DECILES} or more from 0 are needed")
    step = -(-len(error) // MOST)
    miss, sigma = np.abs(error[::step]), uncertainty[::step]
    varied = np.ptp(miss) > 0 and np.ptp(sigma) > 0
    tenths = np.array_split(np.argsort(sigma, kind="stable"), DECILES)
    power = float(np.mean(sigma**2))
    return Trust(
        voxels=len(error),
        rank_correlation=float(spearmanr(miss, sigma).statistic) if varied else None,
        deciles=tuple(Decile(uncertainty=float(sigma[t].mean()), error=float(miss[t].mean())) for t in tenths),
        covered_68=float(np.mean(miss <= sigma)),
        covered_95=float(np.mean(miss <= Z * sigma)),
        overconfidence=math.sqrt(float(np.mean(miss**2)) / power) if power > 0 else None,
    )
