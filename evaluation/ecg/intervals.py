"""Intervals and rates of one ECG, real or artificial alike, by neurokit2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ...conditioning.ecg.vocabulary import LEADS, Rhythm
from ...conditioning.record import Record
from ..comparison import Feature
from .amplitudes import WAVES, amplitudes
from .delineation import FEWEST_BEATS, LeadWaves, delineate
from .r_peaks import match
from .spectrum import BANDS, band_powers_db, millivolts

DELINEATED = ("II", "V5", "I", "V2")  # in order of trust; an interval is the median over them
AGREE_S = 0.1  # R peaks of one beat in two leads lie this close
# Rhythms whose QRS follows no P wave of its own: PR and P would measure something else.
NO_P = frozenset({Rhythm.atrial_fibrillation, Rhythm.atrial_flutter, Rhythm.av_block_third_degree, Rhythm.paced})
INTERVALS: tuple[tuple[str, str], ...] = (
    ("pr_ms", "PR interval"),
    ("qrs_ms", "QRS duration"),
    ("qt_ms", "QT interval"),
    ("p_ms", "P duration"),  # neurokit2 searches 100 ms and most P waves fill them
)
_BOUNDS = {
    "pr_ms": ("p_on", "qrs_on"),
    "qrs_ms": ("qrs_on", "qrs_off"),
    "qt_ms": ("qrs_on", "t_off"),
    "p_ms": ("p_on", "p_off"),
}
_WAVE_LABEL = {"p": "P", "r": "R", "s": "Q or S", "st": "ST level", "t": "T"}

FEATURES: tuple[Feature, ...] = (
    Feature(name="heart_rate_bpm", label="Heart rate", unit="bpm", family="rate"),
    Feature(name="rr_sd_ms", label="RR standard deviation", unit="ms", family="rate"),
    Feature(name="n_r_peaks", label="R peaks in a lead (median)", unit="", family="rate"),
    *(Feature(name=name, label=label, unit="ms", family="interval") for name, label in INTERVALS),
    Feature(name="qtcf_ms", label="QTc (Fridericia)", unit="ms", family="interval"),
    Feature(name="axis_deg", label="QRS axis", unit="deg", family="axis"),
    *(
        Feature(
            name=f"{w}_mv_{lead}",
            label=f"{_WAVE_LABEL[w]} in {lead}",
            unit="mV",
            family="amplitude",
            digits=2,
            deflection=True,
        )  # fmt: skip
        for w in WAVES
        for lead in LEADS
    ),
    *(
        Feature(name=f"band_{name}_hz_db", label=f"Power {name} Hz", unit="dB", family="spectrum", digits=1)
        for name, _, _ in BANDS
    ),
)


def features(record: Record) -> tuple[dict[str, float], Counter[str], dict[str, LeadWaves]]:
    """Measure one record.

    Returns:
        Value by feature name (NaN where not measured; spectra are left to `spectrum`), reasons of
        failure with how many leads they struck, and what was found in each delineated lead. Nothing that a
        condition says is looked at; see `without_p`.

    Raises:
        ValueError: the record is no ECG in mV, uV or V.
    """
    leads = millivolts(record)
    fs_hz = record.geometry.fs_hz  # type: ignore[union-attr]
    found = {name: delineate(leads[name], fs_hz) for name in DELINEATED if name in leads}
    failures = Counter(w.failure for w in found.values() if w.failure)
    out = {f.name: float("nan") for f in FEATURES if f.family != "spectrum"}
    out["n_r_peaks"] = float(np.median([len(w.r_peaks) for w in found.values()])) if found else float("nan")
    reference = reference_lead(found, fs_hz)
    if reference is None:
        failures["no lead with enough R peaks"] += 1
        return out, failures, found
    out |= _rates(found[reference], fs_hz) | _intervals(found, fs_hz)
    out["qtcf_ms"] = out["qt_ms"] / np.cbrt(_rr_s(found[reference], fs_hz)) if "qt_ms" in out else float("nan")
    out |= amplitudes(leads, found[reference], fs_hz)
    return out, failures, found


def without_p(values: Mapping[str, float], rhythm: Rhythm | None) -> dict[str, float]:
    """Return what was measured, without PR and P where the rhythm has no P wave of its own before its QRS."""
    if rhythm not in NO_P:
        return dict(values)
    gone = {name for name in values if name in ("pr_ms", "p_ms") or name.startswith("p_mv_")}
    return {name: float("nan") if name in gone else value for name, value in values.items()}


def reference_lead(found: Mapping[str, LeadWaves], fs_hz: float) -> str | None:
    """Return the lead whose R peaks agree best with the other leads', in order of trust where equal.

    One lead may take T waves for R or miss low R waves (lead II does where the axis is near -30
    degrees); the others seldom err with it.
    """
    usable = {name: w.r_peaks for name, w in found.items() if w.marks and len(w.r_peaks) >= FEWEST_BEATS}
    if not usable:
        return None

    def agreement(name: str) -> float:
        mine = usable[name]
        others = [peaks for other, peaks in usable.items() if other != name]
        return sum(2 * len(match(mine, peaks, AGREE_S * fs_hz)) / (len(mine) + len(peaks)) for peaks in others)

    return min(usable, key=lambda name: (-round(agreement(name), 6), DELINEATED.index(name)))


def _rates(waves: LeadWaves, fs_hz: float) -> dict[str, float]:
    rr_s = np.diff(waves.r_peaks) / fs_hz
    return {"heart_rate_bpm": float(60 / rr_s.mean()), "rr_sd_ms": float(1000 * rr_s.std(ddof=1))}


def _rr_s(waves: LeadWaves, fs_hz: float) -> float:
    return float(np.mean(np.diff(waves.r_peaks))) / fs_hz


def _intervals(found: Mapping[str, LeadWaves], fs_hz: float) -> dict[str, float]:
    """Return each interval as the median over leads of the median over beats."""
    out = {}
    for name, (start, end) in _BOUNDS.items():
        leads = [_median(w.marks[end] - w.marks[start]) for w in found.values() if w.marks]
        out[name] = 1000 / fs_hz * _median(np.array(leads))
    return out


def _median(x: Float[np.ndarray, " n"]) -> float:
    x = x[np.isfinite(x)]
    return float(np.median(x)) if len(x) else float("nan")


def spectrum_features(spectrum: Float[np.ndarray, " bins"]) -> dict[str, float]:
    """Return the band powers of one spectrum under their feature names."""
    return {f"band_{name}_hz_db": float(v) for name, v in band_powers_db(spectrum).items()}
