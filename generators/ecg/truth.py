"""The truth that comes with a record: waves per lead and beat, beats, intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import LEAD_INDEX, QRS, WAVES, P, T
from ...conditioning.record import Table
from . import compiled
from .beats import BeatType, Patient
from .rhythm import Beats
from .rr import Window

_WAVE_NAMES = np.array(WAVES[:3])


def t_stretch(qt_factor: np.ndarray, beat: BeatType) -> np.ndarray:
    """Return how far ST-T is stretched so that QT follows Fridericia while QRS keeps its width.

    Args:
        qt_factor: (beats,) cube root of the RR that repolarisation has adapted to.
        beat: the beat type.
    """
    qrs_s = float(beat.limits[12, QRS, 2] - beat.limits[12, QRS, 0])
    qt_s = float(beat.limits[12, T, 2] - beat.limits[12, QRS, 0])
    if not qt_s > qrs_s:  # no T wave to measure
        qt_s = 0.4
    return np.maximum(0.3, (qt_s * qt_factor - qrs_s) / (qt_s - qrs_s))


def beat_table(
    patient: Patient, beats: Beats, rr_s: np.ndarray, state: np.ndarray, span: Window, fs_hz: float, n: int
) -> tuple[Table, np.ndarray]:
    """Return the beats whose R peak lies in the record, and their indices in the process."""
    near = np.arange(*np.searchsorted(beats.r_s, (span.start_s - 0.5, span.start_s + span.duration_s + 0.5)))
    peak = np.zeros(near.size)
    for kind, beat in patient.beats.items():
        peak[beats.kind[near] == kind] = beat.limits[12, QRS, 1]
    sample = np.rint((beats.r_s[near] + peak - span.start_s) * fs_hz).astype(np.int64)
    keep = (sample >= 0) & (sample < n)
    inside = near[keep]
    rr = rr_s[inside]
    rr[:1] = np.nan
    return {
        "sample": sample[keep],
        "label": beats.label[inside],
        "rr_s": rr,
        "twa_state": state[inside],
    }, inside


def wave_table(
    patient: Patient, beats: Beats, t_factor: np.ndarray, span: Window, fs_hz: float, n: int,
    leads: tuple[str, ...], inside: np.ndarray,
) -> Table:  # fmt: skip
    """Return onset, peak and offset (samples) of every wave that lies whole in the record.

    One row per wave and lead, and one for the whole heart (lead `global`: the joint height of all
    leads). `beat` indexes the record's beats; -1 marks a P wave that no beat
    of the record follows.
    """
    rows = np.array([LEAD_INDEX[lead] for lead in leads] + [12])
    number = np.full(beats.r_s.size + 1, -1)
    number[inside] = np.arange(inside.size)
    first, last = span.start_s - 1.0, span.start_s + span.duration_s + 1.0
    r = np.arange(*np.searchsorted(beats.r_s, (first, last)))
    p = np.flatnonzero((beats.p_s > first) & (beats.p_s < last))
    out = np.empty(((2 * r.size + p.size) * rows.size, 6), np.int32)
    count = 0
    for kind, beat in patient.beats.items():
        at = r[beats.kind[r] == kind]
        s = t_stretch(t_factor[at], beat)
        for code, stretch, anchor in ((QRS, np.ones(at.size), 0.0), (T, s, beat.limits[12, QRS, 2])):
            count = compiled.fill_waves(
                beats.r_s[at], number[at], beat.limits, code, anchor, stretch, rows, span.start_s, fs_hz, n, out, count
            )
    for source, mine in ((patient.p_sinus, ~beats.p_ectopic[p]), (patient.p_ectopic, beats.p_ectopic[p])):
        at = p[mine]
        if at.size and source is not None:
            count = compiled.fill_waves(
                beats.p_s[at], number[beats.p_beat[at]], source.limits, P, 0.0, np.ones(at.size),
                rows, span.start_s, fs_hz, n, out, count,
            )  # fmt: skip
    lead, wave, beat_number, onset, peak, offset = np.ascontiguousarray(out[:count].T)
    names = np.array([*leads, "global"])
    return {
        "lead": names[lead],
        "wave": _WAVE_NAMES[wave],
        "beat": beat_number,
        "onset": onset,
        "peak": peak,
        "offset": offset,
    }


def interval_truth(c: EcgCondition, patient: Patient, rr_s: np.ndarray, t_factor: np.ndarray) -> dict[str, Any]:
    """Return the realised rate and the usual beat's intervals over the record."""
    limits = patient.usual.limits[12].tolist()
    qrs, qt = limits[QRS][2] - limits[QRS][0], limits[T][2] - limits[QRS][0]
    out: dict[str, Any] = {"qrs_ms": round(1000 * qrs, 2)}
    if rr_s.size > 1:
        rr = rr_s[1:]
        mean = float(rr.sum()) / rr.size
        out["heart_rate_bpm"] = round(60 / mean, 3)
        out["rr_sd_ms"] = round(1000 * float(np.sqrt(np.square(rr - mean).sum() / rr.size)), 3)
    if qt == qt and rr_s.size:
        out["qt_ms"] = round(1000 * qt * float(t_factor.sum()) / t_factor.size, 2)
    pr = c.pr_ms if c.pr_ms is not None else 1000 * (limits[QRS][0] - patient.p_sinus.limits[12, P, 0])
    if patient.conducts and pr == pr:
        out["pr_ms"] = round(float(pr), 2)
    return out
