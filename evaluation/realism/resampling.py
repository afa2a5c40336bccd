"""Bootstrap over patients: how often each row is drawn, and the interval that the draws give.

A resample holds rows twice. That alone moves a Fréchet distance (its bias grows) and anything that looks
at neighbours, so the resamples' own middle is no estimate: their spread is put round the value. The
interval is that of the metric at this number of rows, which is what a floor at matched rows is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..result import Result, unknown_result
from ..statistics import Z

LEVEL = 0.95


def patient_weights(
    sides: Sequence[Sequence[str]], resamples: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "resamples rows"], ...]:
    """Return how often each row is drawn when patients are drawn with replacement.

    All rows of a patient are drawn together, on every side where the patient stands. Patients are drawn
    among those that stand on the same sides, so each side keeps its number of patients.

    Args:
        sides: whose each row is, side by side.
        resamples: how many draws.
        rng: the stream of the draws.

    Returns:
        One array of counts a side.
    """
    names = sorted(set().union(*sides))
    code = {name: i for i, name in enumerate(names)}
    rows = [np.array([code[name] for name in side], dtype=np.int64) for side in sides]
    stands = np.zeros((len(names), len(sides)), dtype=np.int64)
    for k, index in enumerate(rows):
        stands[index, k] = 1
    stratum = stands @ (1 << np.arange(len(sides)))
    counts = np.zeros((resamples, len(names)))
    for value in np.unique(stratum):
        mine = np.flatnonzero(stratum == value)
        counts[:, mine] = rng.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), size=resamples)
    return tuple(counts[:, index] for index in rows)


def around(
    value: float, draws: Float[np.ndarray, " resamples"], n: int, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Result:
    """Return a value with the spread of its resamples about their median.

    Args:
        value: the metric of the rows as they are.
        draws: the metric of each resample; NaN where it had no answer.
        n: rows it rests on.
        bounds: what the metric can be at most and at least; the interval is cut there.
    """
    draws = draws[np.isfinite(draws)]
    if not math.isfinite(value) or not len(draws):
        return unknown_result(n)
    low, middle, high = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return Result(value, max(bounds[0], value + low - middle), min(bounds[1], value + high - middle), n)


def share_around(value: float, draws: Float[np.ndarray, " resamples"], n: int, patients: int) -> Result:
    """Return a share with its interval, which is Wilson's where nobody or everybody counts.

    Resampling cannot show what was never drawn: 0 of 20 patients is no proof of 0.

    Args:
        value: the share, 0 to 1.
        draws: the share in each resample.
        n: rows it rests on.
        patients: patients it rests on, for Wilson's interval.
    """
    result = around(value, draws, n, (0.0, 1.0))
    z2 = Z**2
    if value == 0:
        return Result(value, 0.0, max(result.high, z2 / (patients + z2)), n)
    if value == 1:
        return Result(value, min(result.low, patients / (patients + z2)), 1.0, n)
    return result
