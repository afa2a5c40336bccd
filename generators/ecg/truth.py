"""The truth that comes with a record: waves per lead and beat, beats, intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import LEAD_INDEX, QRS, P, T
from ...conditioning.record import Table
from .beats import BeatType, Patient
from .rhythm import Beats
from .rr import Window


def beat_table(
    patient: Patient, beats: Beats, rr_s: np.ndarray, state: np.ndarray, span: Window, fs_hz: float, n: int
) -> tuple[Table, np.ndarray]:
    """Return the beats whose R peak lies in the record, and their indices in the process."""
    peak = np.zeros(beats.r_s.size)
    for kind, beat in patient.beats.items():
        peak[beats.kind == kind] = beat.limits[12, QRS, 1]
    sample = np.rint((beats.r_s + peak - span.start_s) * fs_hz).astype(np.int64)
    inside = np.flatnonzero((sample >= 0) & (sample < n))
    rr = rr_s[inside].copy()
    rr[:1] = np.nan
    return {
        "sample": sample[inside],
        "label": beats.label[inside],
        "rr_s": rr,
        "twa_state": state[inside],
    }, inside


def wave_table(
    patient: Patient, beats: Beats, t_scale: np.ndarray, span: Window, fs_hz: float, n: int,
    leads: tuple[str, ...], inside: np.ndarray,
) -> Table:  # fmt: skip
    """Return onset, peak and offset (samples) of every wave that lies whole in the record.

    One row per wave and lead, and one for the whole heart (lead `global`: earliest onset and
    latest offset in any lead). `beat` indexes the record's beats; -1 marks a P wave that no beat
    of the record follows.
    """
    rows = np.array([LEAD_INDEX[lead] for lead in leads] + [12])
    names = np.array([*leads, "global"])
    number = np.full(beats.r_s.size + 1, -1)
    number[inside] = np.arange(inside.size)
    parts: list[tuple[np.ndarray, int, np.ndarray]] = []
    first, last = span.start_s - 1.0, span.start_s + span.duration_s + 1.0
    for kind, beat in patient.beats.items():
        at = np.flatnonzero((beats.kind == kind) & (beats.r_s > first) & (beats.r_s < last))
        r = beats.r_s[at][:, None, None]
        parts.append((r + beat.limits[rows, QRS], QRS, number[at]))
        parts.append((r + _stretched(beat, t_scale[at])[:, rows], T, number[at]))
    for p, mine in ((patient.p_sinus, ~beats.p_ectopic), (patient.p_ectopic, beats.p_ectopic)):
        at = np.flatnonzero(mine & (beats.p_s > first) & (beats.p_s < last))
        parts.append((beats.p_s[at][:, None, None] + p.limits[rows, P], P, number[beats.p_beat[at]]))
    limits = np.concatenate([part.reshape(-1, 3) for part, _, _ in parts])
    samples = np.rint((limits - span.start_s) * fs_hz)
    keep = (samples[:, 0] >= 0) & (samples[:, 2] < n)  # NaN, an absent wave, fails both
    samples = samples[keep].astype(np.int32)
    count = [part.shape[0] for part, _, _ in parts]
    return {
        "lead": np.tile(names, sum(count))[keep],
        "wave": np.repeat(["P", "QRS", "T"], 1)[np.repeat([code for _, code, _ in parts], np.array(count) * rows.size)][keep],
        "beat": np.repeat(np.concatenate([b for _, _, b in parts]), rows.size)[keep].astype(np.int32),
        "onset": samples[:, 0],
        "peak": samples[:, 1],
        "offset": samples[:, 2],
    }


def _stretched(beat: BeatType, t_factor: np.ndarray) -> np.ndarray:
    """Return T limits (beats, 13, 3) in seconds from R at each beat's own QT."""
    from .simulator import _qt_s, t_stretch

    anchor = beat.limits[12, QRS, 2]
    s = t_stretch(t_factor, beat.limits, _qt_s(beat.limits))
    return anchor + (beat.limits[None, :, T] - anchor) * s[:, None, None]


def interval_truth(c: EcgCondition, patient: Patient, rr_s: np.ndarray, t_factor: np.ndarray) -> dict[str, Any]:
    """Return the realised rate and the conducted beat's intervals over the record."""
    limits = patient.beats[min(patient.beats)].limits[12]
    qrs = float(limits[QRS, 2] - limits[QRS, 0])
    qt = float(limits[T, 2] - limits[QRS, 0])
    out: dict[str, Any] = {"qrs_ms": round(1000 * qrs, 2)}
    if rr_s.size > 1:
        out["heart_rate_bpm"] = round(60 / float(rr_s[1:].mean()), 3)
        out["rr_sd_ms"] = round(1000 * float(rr_s[1:].std()), 3)
    if np.isfinite(qt) and rr_s.size:
        out["qt_ms"] = round(1000 * qt * float(t_factor.mean()), 2)
    if c.pr_ms is not None:
        out["pr_ms"] = c.pr_ms
    return out
