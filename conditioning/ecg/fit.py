"""Fitting a heart's kernels to a patient's own ECG, so that more of that patient can be made.

The median beat of the eight independent leads is carried to a dipole by a lead field that starts
at Dower's and is refined to the patient (alternating least squares, held near Dower by a ridge),
for the atria apart, which lie elsewhere than the ventricles: P is fitted first and taken away.
Kernels share place and width between the axes; their heights are linear given those and are solved
inside the search (variable projection, Golub and Pereyra 1973).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from ..record import Record, SignalGeometry
from .heart import DOWER, QRS, ST, Heart, P, T, kernels_of
from .vocabulary import INDEPENDENT_LEADS, Rhythm

if TYPE_CHECKING:
    from .condition import EcgCondition

# Kernels per wave, and the widths they may take.
_COUNT = {P: 3, QRS: 7, ST: 2, T: 3}
_WIDTH_S = {P: (0.012, 0.026), QRS: (0.0035, 0.020), ST: (0.030, 0.090), T: (0.018, 0.060)}
_RIDGE = 0.03
_FIELD_RIDGE = 0.05
_ATRIAL_RIDGE = 0.05
_EIGHT = [0, 1, 6, 7, 8, 9, 10, 11]  # rows of I, II, V1-V6 among the twelve
_BEFORE_S, _AFTER_S = 0.34, 0.72


@dataclass(frozen=True)
class MeanBeat:
    """A patient's median beat.

    Attributes:
        t_s: (samples,) time from the R peak.
        leads_mv: (8, samples) I, II, V1-V6 about their baseline.
        rr_s: mean RR of the record.
        spans: where the kernels of P, QRS, ST and T lie, (first, last) second; P may be None.
    """

    t_s: np.ndarray
    leads_mv: np.ndarray
    rr_s: float
    spans: dict[int, tuple[float, float] | None]


def eight_leads(record: Record) -> Float[np.ndarray, "8 samples"]:
    """Return I, II, V1-V6 of an ECG record in mV.

    Raises:
        ValueError: the record is no ECG or lacks one of them; the message names which.
    """
    if not isinstance(record.geometry, SignalGeometry):
        raise ValueError(f"record {record.record_id} is not a signal; an ECG is needed")
    missing = [lead for lead in INDEPENDENT_LEADS if lead not in record.geometry.leads]
    if missing:
        raise ValueError(f"record {record.record_id} lacks lead {', '.join(missing)}; kernels need I, II, V1-V6")
    rows = [record.geometry.leads.index(lead) for lead in INDEPENDENT_LEADS]
    x = np.asarray(record.arrays["signal"], float)[rows]
    if not np.isfinite(x).all():
        raise ValueError(f"record {record.record_id} has values that are not finite; kernels need a clean signal")
    return x


def steady_leads(record: Record) -> Float[np.ndarray, "8 samples"]:
    """Return I, II, V1-V6 without what is slower than 0.4 Hz."""
    from scipy.signal import butter, sosfiltfilt

    assert isinstance(record.geometry, SignalGeometry)
    sos = butter(2, 0.4, "highpass", fs=record.geometry.fs_hz, output="sos")
    return np.asarray(sosfiltfilt(sos, eight_leads(record)))


def r_peaks(record: Record) -> Int[np.ndarray, " beats"]:
    """Return R peaks: the record's own beats or annotated QRS where it has them, else neurokit2's."""
    if "beats" in record.tables:
        return np.asarray(record.tables["beats"]["sample"], int)
    if "waves" in record.tables:
        w = record.tables["waves"]
        mine = (w["wave"] == "QRS") & (w["lead"] == ("II" if "II" in set(w["lead"]) else w["lead"][0]))
        if mine.sum() >= 3:
            return np.sort(np.asarray(w["peak"][mine], int))
    import neurokit2

    assert isinstance(record.geometry, SignalGeometry)
    fs = int(record.geometry.fs_hz)
    lead = np.asarray(record.arrays["signal"][record.geometry.leads.index("II")], float)
    _, info = neurokit2.ecg_peaks(neurokit2.ecg_clean(lead, sampling_rate=fs), sampling_rate=fs)
    return np.asarray(info["ECG_R_Peaks"], int)


def mean_beat(record: Record) -> MeanBeat:
    """Return the record's median beat in the eight leads, without baseline wander.

    Raises:
        ValueError: fewer than three similar beats.
    """
    assert isinstance(record.geometry, SignalGeometry)
    x, fs = steady_leads(record), record.geometry.fs_hz
    peaks = r_peaks(record)
    rr = float(np.median(np.diff(peaks))) / fs if peaks.size > 2 else 1.0
    before, after = min(_BEFORE_S, 0.45 * rr), min(_AFTER_S, 0.66 * rr)
    grid = np.arange(-round(before * fs), round(after * fs) + 1)
    peaks = peaks[(peaks + grid[0] - 12 >= 0) & (peaks + grid[-1] + 12 < x.shape[1])]
    beats = _similar(np.array([x[:, beat_centre(x, p) + grid] for p in peaks]) if peaks.size else np.empty((0, 8, 0)))
    if len(beats) < 3:
        raise ValueError(f"record {record.record_id} has {len(beats)} similar beats in reach; at least 3 are needed")
    beat = np.median(beats, axis=0)
    beat -= beat[:, : max(3, round(0.02 * fs))].mean(axis=1, keepdims=True)
    t = grid / fs
    return MeanBeat(t, beat, rr, _spans(record, t, beat, rr))


def beat_centre(x: np.ndarray, peak: int, reach: int = 12) -> int:
    """Move a peak to where the leads' summed steepness is largest, so that beats line up."""
    part = np.abs(np.diff(x[:, peak - reach : peak + reach + 1], axis=1)).sum(axis=0)
    weight = part**2
    return peak - reach + int(np.rint((weight * np.arange(weight.size)).sum() / max(weight.sum(), 1e-12)))


def _similar(beats: np.ndarray) -> np.ndarray:
    if len(beats) == 0:
        return beats
    flat = beats.reshape(len(beats), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    middle = np.median(flat, axis=0)
    r = flat @ middle / (np.linalg.norm(flat, axis=1) * np.linalg.norm(middle) + 1e-12)
    return beats[r > 0.85]


def _spans(record: Record, t: np.ndarray, beat: np.ndarray, rr: float) -> dict[int, tuple[float, float] | None]:
    """Find where P, QRS and T lie: from the leads' joint steepness."""
    speed = np.sqrt((np.gradient(beat, t, axis=1) ** 2).sum(axis=0))
    near = np.abs(t) < 0.13
    level = 0.12 * speed[near].max()
    fast = t[near & (speed > level)]
    q_on, q_off = float(fast.min()) - 0.006, float(fast.max()) + 0.008
    t_end = min(float(t[-1]), q_on + 0.52 * float(np.sqrt(max(rr, 0.4))))
    t_peak = _summit(t, beat, q_off + 0.09, t_end - 0.05)
    p: tuple[float, float] | None = None
    rhythm = getattr(record.condition, "rhythm", None)
    if rhythm not in (Rhythm.atrial_fibrillation, Rhythm.atrial_flutter, Rhythm.av_block_third_degree):
        p_peak = _summit(t, beat, max(float(t[0]) + 0.03, q_on - 0.24), q_on - 0.035)
        p = (p_peak - 0.042, min(p_peak + 0.042, q_on - 0.008))
    late = min(t_peak + 0.060, float(t[-1]))
    return {P: p, QRS: (q_on, q_off), ST: (q_off, max(q_off + 0.02, t_peak - 0.07)), T: (t_peak - 0.075, late)}


def _summit(t: np.ndarray, beat: np.ndarray, first: float, last: float) -> float:
    """Return the moment between two where the leads together are highest over the line between them."""
    mine = np.flatnonzero((t >= first) & (t <= max(last, first + 0.02)))
    part = beat[:, mine]
    line = np.linspace(0, 1, mine.size)
    part = part - part[:, :1] * (1 - line) - part[:, -1:] * line
    return float(t[mine[np.argmax((part**2).sum(axis=0))]])


def patient_field(leads_mv: Float[np.ndarray, "8 samples"], ridge: float = _FIELD_RIDGE) -> np.ndarray:
    """Return the lead field (8, 3) that carries a dipole to these leads best, held near Dower's by a ridge."""
    field = DOWER
    power = ridge * float(np.trace(leads_mv @ leads_mv.T)) / 8
    for _ in range(8):
        v = np.linalg.lstsq(field, leads_mv, rcond=None)[0]
        gram = v @ v.T + power * np.eye(3)
        field = np.linalg.solve(gram, v @ leads_mv.T + power * DOWER.T).T
    return field


def fit_heart(beat: MeanBeat) -> tuple[Heart, float]:
    """Fit kernels to a mean beat.

    Returns:
        The heart at RR = 1 s, and the share of the eight leads' variance that it explains.
    """
    atria = _fit_atria(beat)
    x = beat.leads_mv - atria.leads(beat.t_s)[_EIGHT]
    # T counts as much as the QRS: every moment is weighed against its height.
    field = patient_field(x / (0.20 + np.sqrt((x**2).mean(axis=0))))
    v = np.linalg.lstsq(field, x, rcond=None)[0]
    wave, centre, width, dipole = _kernels(beat.t_s, v, {k: s for k, s in beat.spans.items() if k != P}, _weights(beat))
    heart = Heart(
        np.append(atria.wave, wave),
        np.append(atria.centre_s, centre),
        np.append(atria.width_s, width),
        np.vstack([atria.dipole_mv, dipole]),
        field,
        atria.atrial_field,
    )
    left = beat.leads_mv - heart.leads(beat.t_s)[_EIGHT]
    explained = 1 - float((left**2).sum() / ((beat.leads_mv - beat.leads_mv.mean(axis=1, keepdims=True)) ** 2).sum())
    return _at_one_second(heart, beat), explained


def _fit_atria(beat: MeanBeat) -> Heart:
    """Fit the P wave alone, in what lies before the QRS, with a lead field of its own."""
    span = beat.spans[P]
    if span is None:
        return Heart(np.empty(0, int), np.empty(0), np.empty(0), np.empty((0, 3)), DOWER.copy(), DOWER.copy())
    before = beat.t_s < beat.spans[QRS][0] - 0.004  # type: ignore[index]
    t, x = beat.t_s[before], beat.leads_mv[:, before]
    line = np.column_stack([np.ones(t.size), t])
    beside = (t < span[0] - 0.015) | (t > span[1] + 0.015)
    if np.ptp(t[beside]) > 0.06:
        level = np.linalg.lstsq(line[beside], x[:, beside].T, rcond=None)[0]
        during = x - (line @ level).T
    else:
        during = x - x[:, :1]
    inside = ~beside
    field = patient_field(during[:, inside], _ATRIAL_RIDGE)
    v = np.linalg.lstsq(field, x, rcond=None)[0]
    return Heart(*_kernels(t, v, {P: span}, np.ones(t.size)), DOWER.copy(), field)


def _kernels(
    t_s: np.ndarray, v: np.ndarray, spans: dict[int, tuple[float, float] | None], weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return wave, centre, width and dipole of the kernels that give the dipole `v` (3, samples) best."""
    from scipy.optimize import least_squares

    wave, start, low, high = _start(spans)
    # A constant and a slope take up what is left of baseline wander; they are not part of the heart.
    line = np.column_stack([np.ones(t_s.size), t_s]) * weight[:, None]
    ridge = np.diag([_RIDGE] * wave.size + [1e-9] * 2)
    target = (v * weight).T

    def solve(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        g = np.exp(-0.5 * ((t_s[:, None] - p[: wave.size]) / p[wave.size :]) ** 2) * weight[:, None]
        g = np.hstack([g, line])
        h = np.linalg.solve(g.T @ g + ridge, g.T @ target)
        return h, (g @ h - target).ravel()

    fit = least_squares(lambda p: solve(p)[1], start, bounds=(low, high), x_scale=high - low, max_nfev=60)
    return wave, fit.x[: wave.size], fit.x[wave.size :], solve(fit.x)[0][: wave.size]


def _start(spans: dict[int, tuple[float, float] | None]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    wave, centre, width, low, high = [], [], [], [[], []], [[], []]  # type: ignore[var-annotated]
    for code, span in spans.items():
        if span is None:
            continue
        n = _COUNT[code]
        narrow, wide = _WIDTH_S[code]
        wave += [code] * n
        inner = (span[1] - span[0]) / n
        places = span[0] + inner * (np.arange(n) + 0.5)
        centre += places.tolist()
        width += [float(np.clip(0.6 * inner, 1.05 * narrow, 0.95 * wide))] * n
        low[0] += [span[0]] * n
        high[0] += [span[1]] * n
        low[1] += [narrow] * n
        high[1] += [wide] * n
    return np.array(wave), np.array(centre + width), np.array(low[0] + low[1]), np.array(high[0] + high[1])


def _weights(beat: MeanBeat) -> np.ndarray:
    """Look less at what lies behind T."""
    weight = np.ones(beat.t_s.size)
    weight[beat.t_s > beat.spans[T][1] + 0.06] = 0.3  # type: ignore[index]
    return weight


def to_one_second(beat: MeanBeat) -> tuple[float, float]:
    """Return anchor and factor that stretch ST-T from the record's rate to RR = 1 s by Fridericia."""
    q_on, q_off = beat.spans[QRS]  # type: ignore[misc]
    qt = 0.40 * float(np.cbrt(beat.rr_s))
    return q_off, (0.40 - (q_off - q_on)) / max(0.08, qt - (q_off - q_on))


def _at_one_second(heart: Heart, beat: MeanBeat) -> Heart:
    anchor, factor = to_one_second(beat)
    late = (heart.wave == T) | (heart.wave == ST)
    centre, width = heart.centre_s.copy(), heart.width_s.copy()
    centre[late] = anchor + (centre[late] - anchor) * factor
    width[late] *= factor
    return heart.timed(centre, width)


def condition_from_record(cls: type[EcgCondition], record: Record, overrides: dict[str, Any]) -> EcgCondition:
    """Return a condition that makes more of the record's patient (see `EcgCondition.from_record`)."""
    beat = mean_beat(record)
    heart, _ = fit_heart(beat)
    known: dict[str, Any] = {"heart_rate_bpm": round(60 / beat.rr_s, 2), "patient_id": _name(record.record_id)}
    for name in ("sex", "age_years", "rhythm"):
        value = getattr(record.condition, name, None)
        if value is not None:
            known[name] = value
    known["kernels"] = kernels_of(heart)
    return cls(**{**known, **overrides})


def _name(record_id: str) -> str:
    return "".join(ch if ch.isalnum() or ch in "_.-" else "_" for ch in record_id)[:64] or "patient"
