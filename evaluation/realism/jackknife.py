"""An interval by leaving out one group of patients at a time, where rows cannot be drawn again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from scipy import stats

from ..result import Result, unknown_result
from .resampling import LEVEL
from .samples import Sample


def jackknife(
    value: float, left_out: Sequence[Sequence[float]], n: int, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Result:
    """Return a value with its interval.

    Args:
        value: of everything.
        left_out: for each independent side, the value without each of its groups in turn.
        n: rows it rests on.
        bounds: what the value can be at least and at most; the interval is cut there.

    Returns:
        Unknown where a side has fewer than two groups or a value is not finite.

    Source: Efron and Tibshirani 1993, ch. 11; variances of independent sides add up.
    """
    if not math.isfinite(value):
        return unknown_result(n)
    variance, fewest = 0.0, math.inf
    for side in left_out:
        x = np.asarray(side, dtype=float)
        if len(x) < 2 or not np.isfinite(x).all():
            return unknown_result(n)
        variance += (len(x) - 1) / len(x) * float(((x - x.mean()) ** 2).sum())
        fewest = min(fewest, len(x))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, fewest - 1)) * math.sqrt(variance)
    return Result(value, max(bounds[0], value - reach), min(bounds[1], value + reach), n)


def patient_groups(sample: Sample, groups: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Return the group of each row: whole patients, dealt out evenly at random."""
    names, code = np.unique(np.asarray(sample.patients), return_inverse=True)
    return np.asarray((rng.permutation(len(names)) % groups)[code])
