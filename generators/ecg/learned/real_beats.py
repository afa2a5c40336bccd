"""Beats of a real record: the cardiologists' marks, and beats found before the first and after the last of them.

LUDB's first and last beats carry no marks. They are found as peaks of the joint height of all leads from 5 to 30 Hz,
above 0.4 of what the marked beats have. Inside the marked part of the 60 tuning records the same rule finds all 574
beats and no other, in the median 6 ms from the marks.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

from ....conditioning.record import Record, SignalGeometry
from .beat_times import BeatTimes
from .signal import FS_HZ, eight_leads

_BAND_HZ = (5.0, 30.0)
_SMOOTH_S = 0.024
_SHARE = 0.4  # of the marked beats' median height
_APART_S = 0.2
_FEWEST_LEADS = 4  # that mark a beat
_WIDER = 1.3  # than the record's median QRS: a beat outside the conduction system


def real_beats(record: Record) -> BeatTimes:
    """Return all beats of a marked record; those found beside the marks count as conducted.

    Raises:
        ValueError: the record has no marked beats.
    """
    marked = marked_beats(record)
    found = found_beats(eight_leads(record), marked)
    beside = found[(found < marked.at_s[0] - _APART_S) | (found > marked.at_s[-1] + _APART_S)]
    at_s = np.concatenate([marked.at_s, beside])
    order = np.argsort(at_s)
    return BeatTimes(at_s[order], np.concatenate([marked.ventricular, np.zeros(beside.size, bool)])[order])


def marked_beats(record: Record) -> BeatTimes:
    """Return the beats that four leads or more mark: the median of their peaks.

    Raises:
        ValueError: there are none.
    """
    geometry, waves = record.geometry, record.tables["waves"]
    assert isinstance(geometry, SignalGeometry)
    qrs = np.asarray(waves["wave"]) == "QRS"
    beat, peak = np.asarray(waves["beat"])[qrs], np.asarray(waves["peak"])[qrs]
    width = (np.asarray(waves["offset"]) - np.asarray(waves["onset"]))[qrs]
    names = [k for k in np.unique(beat) if (beat == k).sum() >= _FEWEST_LEADS]
    if not names:
        raise ValueError(f"record {record.record_id} has no marked beats")
    at_s = np.array([np.median(peak[beat == k]) for k in names]) / geometry.fs_hz
    wide = np.array([np.median(width[beat == k]) for k in names])
    order = np.argsort(at_s)
    return BeatTimes(at_s[order], (wide > _WIDER * np.median(wide))[order])


def found_beats(leads: Float[np.ndarray, "8 1250"], marked: BeatTimes) -> Float[np.ndarray, " beats"]:
    """Return R peaks in seconds over the whole record, by a threshold that the marked beats set."""
    height = _joint_height(leads)
    apart = round(_APART_S * FS_HZ / 4)
    at = np.rint(marked.at_s * FS_HZ).astype(int)
    own = [height[max(0, k - apart) : k + apart + 1].max() for k in at]
    padded = np.pad(height, 1)  # so that a peak may lie at an edge
    peaks, _ = find_peaks(padded, height=_SHARE * np.median(own), distance=round(_APART_S * FS_HZ))
    return np.asarray((peaks - 1) / FS_HZ)


def _joint_height(leads: np.ndarray) -> np.ndarray:
    sos = butter(2, _BAND_HZ, "bandpass", fs=FS_HZ, output="sos")
    band = sosfiltfilt(sos, leads.astype(np.float64), axis=-1, padtype="even")
    return np.asarray(gaussian_filter1d(np.sqrt(np.square(band).sum(0)), _SMOOTH_S * FS_HZ))
