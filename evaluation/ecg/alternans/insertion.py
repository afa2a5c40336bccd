"""Alternans of known size put into an ECG beat by beat, and its size by the modified-moving-average convention.

Each ST-T, from 60 ms behind J to the end of T, gets plus or minus half the asked difference times a
Tukey window, the sign changing from beat to beat; leads share it as they share the record's own mean
T wave. I, II and V1-V6 are changed and the other four follow, so Einthoven's law holds.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.signal import butter, sosfiltfilt

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ....conditioning.record import Record, SignalGeometry
from ....conditioning.seeds import stream
from ....generators.readout.alternans.beats import find_r_peaks

AFTER_J_S = 0.060
GRID = 201  # points that a course over ST-T is stated on
Shape = Literal["window", "t_wave"]
TAPER = 0.5  # share of the window that rises and falls
_J_S, _T_END_S = 0.045, 0.36  # behind R at RR = 1 s, where nobody marked them
_SHORTEST_S = 0.08
_SAME_BEAT_S = 0.25
_LEVEL_S = (-0.080, -0.048)
_DERIVED = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}  # of I and II


@dataclass(frozen=True)
class StT:
    """Where the ST-T of each beat lies.

    Attributes:
        r: (beats,) R peaks in samples.
        first: (beats,) first sample, 60 ms behind J.
        last: (beats,) last sample, the end of T; may lie behind the record's end.
    """

    r: Int[np.ndarray, " beats"]
    first: Int[np.ndarray, " beats"]
    last: Int[np.ndarray, " beats"]


def insert(
    record: Record, twa_uv: float, seed: int, *, shuffled: bool = False, taper: float = TAPER, shape: Shape = "window"
) -> Record:
    """Return the record with alternans of `twa_uv`, stated in `truth`.

    With 0 uV the four derived leads are made anew all the same, so that both kinds of record went one way.

    Args:
        record: an ECG in mV; marks of QRS and T are used where it has them.
        twa_uv: largest difference between even and odd beats in the lead where it is largest, 0 to 1000.
        seed: decides which beats are raised, the even or the odd.
        shuffled: raise and lower as many beats, but in an order that does not alternate: a control with
            the same changes of the same size, whose `twa_uv` in `truth` is 0.
        taper: share of ST-T in which the window rises and falls, above 0 and at most 1.
        shape: `window`, the same course in every lead; or `t_wave`, each lead's own mean T wave within
            the window, as if T changed in height alone.

    Raises:
        ValueError: `twa_uv` or `taper` is out of range, the signal is flat, or fewer than 2 beats are found.
    """
    assert isinstance(record.geometry, SignalGeometry)
    if not 0 <= twa_uv <= 1000:
        raise ValueError(f"twa_uv = {twa_uv:g} is out of range; it is 0 to 1000 uV")
    if not 0 < taper <= 1:
        raise ValueError(f"taper = {taper:g} is out of range; it is above 0 and at most 1")
    spans = st_t_spans(record)
    signs = _signs(len(spans.r), stream(seed, "alternans.phase"), shuffled)
    x = np.array(record.arrays["signal"], dtype=np.float64)
    if twa_uv:
        rows = changed_rows(record.geometry.leads)
        profile = profiles(record, spans, shape, taper)
        x[rows] += course(spans, x.shape[1], signs, profile[rows]) * (twa_uv / 2000)
    signal = derive(x.astype(np.asarray(record.arrays["signal"]).dtype), record.geometry.leads)
    truth = {**record.truth, "twa_uv": 0.0 if shuffled else float(twa_uv)}
    return dataclasses.replace(record, arrays={**record.arrays, "signal": signal}, truth=truth)


def measured_uv(record: Record, spans: StT | None = None) -> float:
    """Return the largest absolute difference between mean even and mean odd ST-T over time and leads, in uV.

    Each beat is taken less its level in the PR segment; where beats' ST-T differ in length, each moment
    is a mean over the beats that reach it.

    Args:
        record: an ECG in mV.
        spans: where ST-T lies; found when None.

    Raises:
        ValueError: no even or no odd beat is whole.
    """
    assert isinstance(record.geometry, SignalGeometry)
    x, fs = np.asarray(record.arrays["signal"], dtype=np.float64), record.geometry.fs_hz
    spans = st_t_spans(record) if spans is None else spans
    level = np.arange(round(_LEVEL_S[0] * fs), round(_LEVEL_S[1] * fs) + 1)
    whole = np.flatnonzero((spans.r + level[0] >= 0) & (spans.last < x.shape[1]))
    if len(set((whole % 2).tolist())) < 2:
        raise ValueError(f"record {record.record_id} has {len(whole)} whole beats; an even and an odd one are needed")
    start = int((spans.first - spans.r).min())
    size = int((spans.last - spans.r).max()) - start + 1
    beats = np.full((len(spans.r), len(x), size), np.nan)
    for k in whole:
        a, b = spans.first[k], spans.last[k] + 1
        at = a - spans.r[k] - start
        beats[k, :, at : at + b - a] = x[:, a:b] - x[:, spans.r[k] + level].mean(axis=1, keepdims=True)
    even, odd = (_mean_of_most(beats[parity::2][np.isin(np.arange(parity, len(beats), 2), whole)]) for parity in (0, 1))
    return float(1000 * np.nanmax(np.abs(even - odd)))


def _mean_of_most(beats: np.ndarray) -> np.ndarray:
    """Return the mean over beats, NaN at moments that fewer than half of them reach."""
    there = np.isfinite(beats)
    count = there.sum(axis=0)
    return np.where(2 * count >= len(beats), np.where(there, beats, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _signs(beats: int, rng: np.random.Generator, shuffled: bool) -> Float[np.ndarray, " beats"]:
    """Return +1 and -1 in turn; or shuffled until at most a quarter of the sum over even less odd beats is left."""
    turn = np.where(np.arange(beats) % 2, -1.0, 1.0) * (1 if rng.random() < 0.5 else -1)
    out = turn
    while shuffled and abs(float(out @ turn)) > max(beats / 4, 2):
        out = rng.permutation(turn)
    return out


def course(
    spans: StT, samples: int, signs: Float[np.ndarray, " beats"], profile: Float[np.ndarray, "leads grid"]
) -> Float[np.ndarray, "leads samples"]:
    """Return what is added over time at height one: the leads' profiles in each ST-T, times the beat's sign."""
    out = np.zeros((len(profile), samples))
    grid = np.linspace(0, 1, profile.shape[1])
    for sign, first, last in zip(signs, spans.first, spans.last, strict=True):
        a, b = max(first, 0), min(last + 1, samples)
        if b > a:
            u = (np.arange(a, b) - first) / max(1, last - first)
            out[:, a:b] += sign * np.stack([np.interp(u, grid, row) for row in profile])
    return out


def profiles(record: Record, spans: StT, shape: Shape, taper: float) -> Float[np.ndarray, "leads grid"]:
    """Return each lead's course over ST-T; the largest value over leads and time is 1 or -1.

    Raises:
        ValueError: the signal is flat.
    """
    mean = mean_t(record, spans)
    window = tukey(np.linspace(0, 1, GRID), taper)
    leads = record.geometry.leads  # type: ignore[union-attr]
    rows = [k for k, lead in enumerate(leads) if lead in INDEPENDENT_LEADS] or list(range(len(leads)))
    out = mean if shape == "t_wave" else mean[:, [int(np.argmax((mean[rows] ** 2).sum(axis=0)))]]
    out = out * window
    if not np.abs(out).max() > 1e-6:
        raise ValueError(f"record {record.record_id} has no T wave: the leads are flat in ST-T")
    return np.asarray(out / out.flat[np.argmax(np.abs(out))])


def tukey(u: Float[np.ndarray, " n"], taper: float = TAPER) -> Float[np.ndarray, " n"]:
    """Return a Tukey window at `u` (0 to 1): 0 at both ends, 1 in the middle 1 - `taper`, cosines between."""
    edge = np.minimum(np.minimum(u, 1 - u) / (taper / 2), 1)
    return np.asarray(0.5 * (1 - np.cos(np.pi * edge)))


def changed_rows(leads: tuple[str, ...]) -> list[int]:
    """Return the rows that are changed by themselves; the others follow from I and II."""
    follows = {"I", "II"} <= set(leads)
    return [k for k, lead in enumerate(leads) if not (follows and lead in _DERIVED)]


def derive(x: np.ndarray, leads: tuple[str, ...]) -> np.ndarray:
    """Return the leads with III, aVR, aVL and aVF made from I and II, where these are there."""
    if {"I", "II"} <= set(leads):
        i, ii = (x[leads.index(lead)].astype(np.float64) for lead in ("I", "II"))
        for k, lead in enumerate(leads):
            if lead in _DERIVED:
                x[k] = _DERIVED[lead][0] * i + _DERIVED[lead][1] * ii
    return x


def mean_t(record: Record, spans: StT) -> Float[np.ndarray, "leads grid"]:
    """Return each lead's mean course over ST-T, less the line between its ends.

    Raises:
        ValueError: no ST-T lies in the record whole.
    """
    assert isinstance(record.geometry, SignalGeometry)
    steady = butter(2, 0.5, "highpass", fs=record.geometry.fs_hz, output="sos")
    x = sosfiltfilt(steady, np.asarray(record.arrays["signal"], float), axis=-1)
    x = derive(x, record.geometry.leads)
    u = np.linspace(0, 1, GRID)
    at = np.rint(spans.first[:, None] + u * (spans.last - spans.first)[:, None]).astype(int)
    at = at[(at[:, 0] >= 0) & (at[:, -1] < x.shape[1])]
    if not len(at):
        raise ValueError(f"record {record.record_id} has no whole ST-T")
    mean = x[:, at].mean(axis=1)
    return np.asarray(mean - mean[:, :1] - (mean[:, -1:] - mean[:, :1]) * u)


def st_t_spans(record: Record) -> StT:
    """Return where ST-T lies in every beat: as marked, else at the marked beats' distance from R.

    R peaks are those of the record's table of beats; without one, the marked QRS and, where nobody
    marked, what neurokit2 finds in the best lead. J keeps its distance from R; the end of T goes
    with the cube root of RR (Fridericia).

    Raises:
        ValueError: fewer than 2 beats are found.
    """
    assert isinstance(record.geometry, SignalGeometry)
    fs = record.geometry.fs_hz
    marked = marked_beats(record)
    r, owner = _r_peaks(record, marked[:, 0], _SAME_BEAT_S * fs)
    if len(r) < 2:
        raise ValueError(f"record {record.record_id} has {len(r)} beats; alternans needs at least 2")
    rr = np.diff(r) / fs
    stretch = np.cbrt(np.clip(np.concatenate([rr[:1], rr]), 0.3, 2.0))
    own = np.where(owner[:, None] >= 0, marked[owner], np.nan) if len(marked) else np.full((len(r), 3), np.nan)
    j, end = own[:, 1] - own[:, 0], own[:, 2] - own[:, 0]
    usual_j = np.nanmedian(j) if np.isfinite(j).any() else _J_S * fs
    usual_end = np.nanmedian(end / stretch) if np.isfinite(end).any() else _T_END_S * fs
    first = r + np.rint(np.where(np.isfinite(j), j, usual_j) + AFTER_J_S * fs).astype(int)
    last = r + np.rint(np.where(np.isfinite(end), end, usual_end * stretch)).astype(int)
    before_next = np.append(r[1:] - round(0.08 * fs), np.iinfo(np.int64).max)
    last = np.maximum(np.minimum(last, before_next), first + round(_SHORTEST_S * fs))
    return StT(r, first, last)


def marked_beats(record: Record) -> Float[np.ndarray, "beats 3"]:
    """Return R, J and end of T in samples of each marked beat: medians over leads, NaN where not marked."""
    waves = record.tables.get("waves")
    if waves is None or not len(waves["lead"]):
        return np.zeros((0, 3))
    lead, wave, beat = (np.asarray(waves[c]) for c in ("lead", "wave", "beat"))
    use = (lead == "global") if (lead == "global").any() else np.ones(len(lead), bool)
    use &= beat >= 0

    def median(kind: str, column: str, k: int) -> float:
        values = np.asarray(waves[column])[use & (wave == kind) & (beat == k)]
        values = values[values >= 0]
        return float(np.median(values)) if len(values) else float("nan")

    numbers = np.unique(beat[use])
    rows = [(median("QRS", "peak", k), median("QRS", "offset", k), median("T", "offset", k)) for k in numbers]
    found = np.array(rows, dtype=float).reshape(-1, 3)
    found = found[np.isfinite(found[:, 0])]
    return found[np.argsort(found[:, 0])]


def _r_peaks(record: Record, marks: np.ndarray, window: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the R peaks, sorted, and for each the index of its mark or -1."""
    assert isinstance(record.geometry, SignalGeometry)
    if "beats" in record.tables:
        r = np.sort(np.asarray(record.tables["beats"]["sample"], int))
        same, mark = _nearest(r, marks, window)
        return r, np.where(same, mark, -1)
    found = np.sort(find_r_peaks(np.asarray(record.arrays["signal"], float), record.geometry.fs_hz))
    same, mark = _nearest(found, marks, window)
    offset = np.median(found[same] - marks[mark[same]]) if same.any() else 0.0
    r = np.rint(np.concatenate([marks, found[~same] - offset])).astype(int)
    owner = np.concatenate([np.arange(len(marks)), np.full(int((~same).sum()), -1)])
    order = np.argsort(r, kind="stable")
    return r[order], owner[order]


def _nearest(r: np.ndarray, marks: np.ndarray, window: float) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each R peak has a mark within the window, and the index of the nearest mark."""
    if not len(marks):
        return np.zeros(len(r), bool), np.zeros(len(r), int)
    nearest = np.abs(r[:, None] - marks[None, :]).argmin(axis=1)
    return np.abs(r - marks[nearest]) <= window, nearest
