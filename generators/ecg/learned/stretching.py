"""More of a real record: the same heart, slower, with its pauses between T and P drawn out beat by beat.

QRS, ST-T and P keep their course but for the slowing as a whole, so that shapes stay real while the beats come at other
times; the beats move along.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .beat_times import BeatTimes
from .signal import FS_HZ, SAMPLES

_SLOWEST = 1.06
_LONGEST = 0.5  # by which all pauses of a copy may grow
_UNEVEN = 0.12  # standard deviation of a pause's own change
_PAUSES = (0.85, 1.7)
_LOUDER = 0.08
# A beat reaches from R - 0.30 s to R + 0.45 s at 60 beats a minute, and with the root of RR at other rates.
_BEFORE_S, _AFTER_S = 0.30, 0.45


Course = Callable[[np.ndarray], np.ndarray]  # places in samples, (n,) -> leads in mV, (n, 8)


def between_samples(leads: Float[np.ndarray, "8 1250"]) -> Course:
    """Return leads at any place from the first sample to the last, by cubic splines."""
    from scipy.interpolate import make_interp_spline

    spline: Course = make_interp_spline(np.arange(SAMPLES), leads.T.astype(np.float64), k=3)
    return spline


def varied(course: Course, beats: BeatTimes, rng: np.random.Generator) -> tuple[Float[np.ndarray, "8 1250"], BeatTimes]:
    """Return a copy of a record: slowed by up to 6 %, pauses drawn out, a little louder or softer, cut at random.

    Args:
        course: the leads of ten seconds.
        beats: all beats of it.
        rng: what the copy is drawn from.
    """
    factor, longer = rng.uniform(1, _SLOWEST), rng.uniform(0, _LONGEST)
    pauses = np.clip(1 + longer + _UNEVEN * rng.standard_normal(max(0, beats.at_s.size - 1)), *_PAUSES)
    before, after = knots(beats, pauses)
    after = after * max(factor, (SAMPLES / FS_HZ + 0.02) / after[-1])
    leads, moved = cut(course, beats, before, after, rng.random())
    return leads * np.float32(math.exp(_LOUDER * rng.standard_normal())), moved


def knots(
    beats: BeatTimes, pauses: Float[np.ndarray, " pauses"]
) -> tuple[Float[np.ndarray, " knots"], Float[np.ndarray, " knots"]]:
    """Return times in the record and where they come to lie when each pause grows by its factor.

    Args:
        beats: all beats of ten seconds.
        pauses: a factor for each pair of neighbouring beats; without effect where one beat runs into the next.
    """
    before, after = [0.0], [0.0]
    for r, rr, factor in zip(beats.at_s, np.diff(beats.at_s), pauses, strict=False):
        root = math.sqrt(min(rr, 1.5))
        start, end = r + _AFTER_S * root, r + rr - _BEFORE_S * root
        if end > start and start > before[-1]:
            after += [after[-1] + start - before[-1], after[-1] + start - before[-1] + factor * (end - start)]
            before += [start, end]
    last = SAMPLES / FS_HZ
    if last > before[-1]:
        after.append(after[-1] + last - before[-1])
        before.append(last)
    return np.array(before), np.array(after)


def cut(
    course: Course,
    beats: BeatTimes,
    before: Float[np.ndarray, " knots"],
    after: Float[np.ndarray, " knots"],
    place: float,
) -> tuple[Float[np.ndarray, "8 1250"], BeatTimes]:
    """Return ten seconds of a record whose time `before` came to lie at `after`.

    Args:
        course: the leads of ten seconds.
        beats: its beats.
        before: rising times in the record from 0 to 10 s.
        after: where they lie now; the last at 10 s or later.
        place: from 0, the earliest cut, to 1, the latest.
    """
    whole = int(np.interp((SAMPLES - 1) / FS_HZ, before, after) * FS_HZ)
    start = int(place * max(0, whole + 1 - SAMPLES))
    old = np.interp((start + np.arange(SAMPLES)) / FS_HZ, after, before) * FS_HZ
    moved = BeatTimes(np.interp(beats.at_s, before, after) - start / FS_HZ, beats.ventricular)
    leads = np.ascontiguousarray(course(np.clip(old, 0, SAMPLES - 1)).T, np.float32)
    return leads, moved.within(SAMPLES / FS_HZ)
