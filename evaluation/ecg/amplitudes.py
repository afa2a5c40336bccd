"""Amplitudes and frontal axis from the median beat, at the wave bounds that were found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from ...conditioning.ecg.vocabulary import LEADS
from .delineation import FEWEST_BEATS, LeadWaves

WAVES = ("p", "r", "s", "st", "t")
BEFORE_S, AFTER_S = 0.35, 0.65
# Bounds in one lead may cut the QRS of another: these are searched at least, from the R peak.
QRS_BEFORE_S, QRS_AFTER_S = 0.05, 0.06
J_POINT_S = 0.06  # ST is read 60 ms after the J point
Beats = Float[np.ndarray, "leads beat"]


def median_beats(
    signal: Float[np.ndarray, "leads samples"], r_peaks: Int[np.ndarray, " beats"], fs_hz: float, level: slice
) -> Beats | None:
    """Return the median beat of every lead, aligned at the R peaks, zero at the isoelectric level.

    Args:
        signal: mV.
        r_peaks: samples, shared by the leads.
        fs_hz: sampling rate.
        level: samples of the cut-out beat just before QRS, whose median is each beat's zero.

    Returns:
        mV, from BEFORE_S before to AFTER_S after the R peak; None with too few whole beats.
    """
    before, after = round(BEFORE_S * fs_hz), round(AFTER_S * fs_hz)
    whole = r_peaks[(r_peaks >= before) & (r_peaks + after < signal.shape[1])]
    if len(whole) < FEWEST_BEATS:
        return None
    beats = signal[:, whole[:, None] + np.arange(-before, after)]
    return np.median(beats - np.median(beats[:, :, level], axis=2, keepdims=True), axis=1)


def bounds(waves: LeadWaves, fs_hz: float) -> dict[str, float]:
    """Return the median position of each wave bound in seconds from the R peak; NaN where not found."""
    with np.errstate(all="ignore"):
        offsets = {k: v - waves.r_peaks for k, v in waves.marks.items()}
    return {k: float(np.nanmedian(v)) / fs_hz if np.isfinite(v).any() else np.nan for k, v in offsets.items()}


def amplitudes(leads: Mapping[str, Float[np.ndarray, " samples"]], waves: LeadWaves, fs_hz: float) -> dict[str, float]:
    """Return `p_mv_II`-like amplitudes of the twelve leads and `axis_deg`; NaN where not measurable.

    R is the largest deflection above, S the deepest below the isoelectric level within QRS (so a Q
    counts as S where it is the deeper one); P and T are the deflection furthest from the level, with
    sign; ST lies 60 ms after the J point. The level is the median of the 16 ms that end 4 ms before QRS.

    Args:
        leads: leads in mV by name.
        waves: R peaks and bounds of the reference lead.
        fs_hz: sampling rate.
    """
    out = {f"{wave}_mv_{lead}": float("nan") for wave in WAVES for lead in LEADS} | {"axis_deg": float("nan")}
    names = [n for n in LEADS if n in leads and np.isfinite(leads[n]).all() and np.ptp(leads[n]) >= 1e-6]
    at = bounds(waves, fs_hz)
    if not names or not np.isfinite([at.get("qrs_on", np.nan), at.get("qrs_off", np.nan)]).all():
        return out
    start, end = min(at["qrs_on"], -QRS_BEFORE_S), max(at["qrs_off"], QRS_AFTER_S)
    level = _span(start - 0.020, start - 0.004, fs_hz)
    beats = median_beats(np.stack([leads[n] for n in names]), waves.r_peaks, fs_hz, level)
    if beats is None:
        return out
    qrs = beats[:, _span(start, end, fs_hz)]
    j = end + J_POINT_S
    measured = {"r": np.maximum(qrs.max(axis=1), 0), "s": np.minimum(qrs.min(axis=1), 0)}
    measured["st"] = beats[:, _span(j - 0.01, j + 0.01, fs_hz)].mean(axis=1)
    if np.isfinite([at["p_on"], at["p_off"]]).all() and at["p_on"] > -BEFORE_S and at["p_off"] > at["p_on"]:
        measured["p"] = _furthest(beats[:, _span(at["p_on"], min(at["p_off"], start), fs_hz)])
    if np.isfinite(at["t_off"]) and at["t_off"] > end + 0.08:
        measured["t"] = _furthest(beats[:, _span(end + 0.06, min(at["t_off"], AFTER_S), fs_hz)])
    for wave, values in measured.items():
        out |= {f"{wave}_mv_{lead}": float(v) for lead, v in zip(names, values, strict=True)}
    if {"I", "aVF"} <= set(names):
        out["axis_deg"] = frontal_axis_deg(qrs[names.index("I")].sum(), qrs[names.index("aVF")].sum())
    return out


def frontal_axis_deg(net_i: float, net_avf: float) -> float:
    """Return the frontal axis from net QRS areas of I and aVF, in degrees from -120 (kept) to 240.

    aVF is scaled by 2/sqrt(3), since an augmented lead is that much shorter than a limb lead. The
    circle is cut at -120, in no man's land, so that -100 and -80 are neighbours.

    Source: Novosel et al. 1999, Croatian Medical Journal 40:77.
    """
    angle = float(np.degrees(np.arctan2(2 / np.sqrt(3) * net_avf, net_i)))
    return angle + 360 if angle < -120 else angle


def _span(start_s: float, end_s: float, fs_hz: float) -> slice:
    """Return the samples of a cut-out beat between two times from its R peak; at least one sample."""
    total = round(BEFORE_S * fs_hz) + round(AFTER_S * fs_hz)
    first = min(max(round((start_s + BEFORE_S) * fs_hz), 0), total - 1)
    return slice(first, max(first + 1, min(round((end_s + BEFORE_S) * fs_hz), total)))


def _furthest(x: Beats) -> Float[np.ndarray, " leads"]:
    return np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)[:, 0]
