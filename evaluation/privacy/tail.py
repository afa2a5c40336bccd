"""Records that lie nearer to training than real ones ever would: the tail of real distances, carried on below them.

Counting needs a hundred controls to draw a line at 1 %. But a copy does not lie a little nearer than the nearest
control: it lies far below. Nearest distances have a power law as lower tail, whose exponent is the dimension that the
data fill; fitted to the nearest fifth of the controls, and taken at the lower end of its interval, it says how near
chance alone would bring one of so many records.

Source: Hill 1975, Ann Stat 3:1163 (the exponent of a tail); Levina and Bickel 2004 (nearest distances and dimension).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats

from ..result import Result, unknown_result
from ..statistics import wilson
from .view import View

CHANCE = 0.05  # that one record of the whole set is accused wrongly
SHARE = 0.2  # of the controls are its tail
FEWEST = 10  # controls in the tail
HALF = 0.5  # of the median distance: nobody farther off is accused, whatever the tail says
_TINY = 1e-12


def tail_line(controls: Float[np.ndarray, " r"], n: int, chance: float = CHANCE) -> float:
    """Return the distance under which one of n records like the controls comes with a chance of 5 %, at most.

    It is never more than half of the controls' median.

    Args:
        controls: nearest distances of real records that copied nobody.
        n: records that are judged.
        chance: that one of them is under the line.

    Returns:
        The line; NaN where fewer than ten controls are in the tail, or the tail has no spread.
    """
    d = np.sort(controls[np.isfinite(controls)])
    k = max(FEWEST, int(round(SHARE * len(d))))
    if len(d) <= k or not d[k] > 0:
        return math.nan
    fall = np.log(d[k] / np.maximum(d[:k], _TINY * d[k])).mean()
    if not fall > 0:
        return math.nan
    exponent = float(stats.chi2.ppf(0.025, 2 * k)) / (2 * k) / fall
    line = d[k] * min(1.0, chance / n * len(d) / k) ** (1 / exponent)
    return float(min(line, HALF * np.median(d)))


def tail_rates(view: View) -> tuple[Result, Result]:
    """Return how many synthetic records lie under the line, and how many chance would put there."""
    n = len(view.synthetic.first)
    line = tail_line(np.concatenate([view.held_out.first, view.reference]), n)
    if not math.isfinite(line):
        return unknown_result(n), unknown_result(len(view.held_out.first))
    expected = CHANCE / n
    share = float((view.synthetic.first < line).mean())
    return wilson(share, n, view.synthetic.n_patients), Result(expected, expected, expected, len(view.held_out.first))


METHOD = (
    "Fits the lower tail of distances between real records of different patients, and counts synthetic records that "
    "lie so near to a training record that chance would bring one there in one set of twenty at most."
)
