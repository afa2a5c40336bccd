"""What an attack gains over guessing: risk = (attack - control) / (1 - control), with an interval.

The attack succeeds on records that were trained on (or on what was made from them), the control is the same attack on
records that were not. Risk is 0 where both succeed as often and 1 where the attack always does.

Source: Giomi et al. 2023, arXiv 2211.10459 (Anonymeter, equation 3).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats

from ..realism.resampling import LEVEL
from ..result import Result, unknown_result
from ..statistics import wilson


def clopper_pearson(share: float, n: int, patients: int | None = None) -> Result:
    """Return a share with the exact interval of a binomial count.

    Args:
        share: of the records that count, 0 to 1; NaN where there are none.
        n: records.
        patients: independent ones among them; a count that is no whole number is taken as it is.

    Source: Clopper and Pearson 1934.
    """
    k = n if patients is None else patients
    if k < 1 or not math.isfinite(share):
        return unknown_result(n)
    tail, x = (1 - LEVEL) / 2, share * k
    low = float(stats.beta.ppf(tail, x, k - x + 1)) if x > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, x + 1, k - x)) if x < k else 1.0
    return Result(share, low, high, n)


def ranked_control(k: int, n: int, patients: int | None = None) -> Result:
    """Return how many records like the controls lie beyond the controls' own k-th most suspicious one.

    Whatever the distribution, that share is Beta(k, n + 1 - k): a line that is drawn at the first of a few controls
    is known that badly, and the interval says so.

    Args:
        k: rank, 1 or more.
        n: controls.
        patients: independent ones among them.
    """
    if n < 1:
        return unknown_result(n)
    few = (n if patients is None else patients) / n
    a, b = k * few, (n + 1 - k) * few
    low, high = (float(stats.beta.ppf(q, a, b)) for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Result(k / (n + 1), low, high, n)


def risk(attack: Result, control: Result) -> Result:
    """Return (attack - control) / (1 - control) of two independent rates.

    The interval is that of the ratio (1 - attack) / (1 - control) by the method of variance estimates recovery, which
    needs only the two intervals and holds at rates of 0 and 1.

    Source: Donner and Zou 2012, Stat Methods Med Res 21:347 (equation 9).
    """
    n = attack.n
    if not attack.known or not control.known or control.value >= 1:
        return unknown_result(n)
    p, p_low, p_high = 1 - attack.value, 1 - attack.high, 1 - attack.low
    q, q_low, q_high = 1 - control.value, 1 - control.high, 1 - control.low
    least = _limit(p, p_low, q, q_high, -1.0)
    most = _limit(p, p_high, q, q_low, 1.0)
    return Result(1 - p / q, 1 - most, min(1.0, 1 - least), n)


def _limit(p: float, p_end: float, q: float, q_end: float, sign: float) -> float:
    below, ends = q_end * (2 * q - q_end), p_end * (2 * p - p_end)
    if abs(below) < 1e-12:  # the limit of what follows
        return math.inf if sign > 0 else ends / (2 * p * q) if p > 0 else 0.0
    return max(0.0, (p * q + sign * math.sqrt(max(0.0, (p * q) ** 2 - ends * below))) / below)


def line_rank(n: int, share: float) -> int:
    """Return the rank at which a line lets `share` of records like the controls pass, at most; 0 where n is too few."""
    return int(math.floor(share * (n + 1) + 1e-9))


def beyond(
    suspects: Float[np.ndarray, " m"], controls: Float[np.ndarray, " h"], share: float, patients: tuple[int, int]
) -> tuple[Result, Result]:
    """Return how many suspects and controls lie beyond the line that the most suspicious controls draw.

    Args:
        suspects: scores, higher is more suspicious.
        controls: scores of records that cannot be guilty.
        share: of the controls beyond the line; the most suspicious one alone where they are too few for it.
        patients: independent records among suspects and controls.
    """
    if not len(suspects) or not len(controls):
        return unknown_result(len(suspects)), unknown_result(len(controls))
    k = max(1, line_rank(len(controls), share))
    line = np.partition(controls, len(controls) - k)[len(controls) - k]
    caught = float((suspects > line).mean())
    return wilson(caught, len(suspects), patients[0]), ranked_control(k, len(controls), patients[1])
