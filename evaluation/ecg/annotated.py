"""Intervals from marks that were set, not searched for: cardiologists' on real ECGs, the truth on artificial ones.

A second ruler beside neurokit2, free of its bias; and a measure of that bias, where both exist.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from ...conditioning.record import Record, SignalGeometry, Table
from ..comparison import Feature
from .intervals import INTERVALS, NO_P

PR_LIMIT_S, QT_LIMIT_S = 0.4, 0.75  # a P or T further from the QRS belongs to another beat

ANNOTATED: tuple[Feature, ...] = tuple(
    Feature(name=f"marked_{name}", label=f"{label}, marked", unit="ms", family="marked") for name, label in INTERVALS
)


def marked_intervals(record: Record) -> dict[str, float]:
    """Return `marked_pr_ms` and the like: per lead the median over beats, then the median over leads.

    Rows of the lead `global` serve only where a record has no others. All NaN without `waves`.
    """
    out = {f.name: float("nan") for f in ANNOTATED}
    waves = record.tables.get("waves")
    if waves is None or not len(waves["lead"]) or not isinstance(record.geometry, SignalGeometry):
        return out
    names = [n for n in dict.fromkeys(waves["lead"].tolist()) if n != "global"] or ["global"]
    leads = [_lead(waves, name, record.geometry.fs_hz) for name in names]
    for key in out:
        values = np.array([lead[key] for lead in leads])
        if np.isfinite(values).any():
            out[key] = float(np.nanmedian(values))
    if getattr(record.condition, "rhythm", None) in NO_P:
        out |= {"marked_pr_ms": float("nan"), "marked_p_ms": float("nan")}
    return out


def _lead(waves: Table, lead: str, fs_hz: float) -> dict[str, float]:
    p, qrs, t = (_spans(waves, lead, wave) for wave in ("P", "QRS", "T"))
    ms = 1000 / fs_hz
    before = _partner(p[:, 0], qrs[:, 0], -PR_LIMIT_S * fs_hz)
    after = _partner(t[:, 1], qrs[:, 0], QT_LIMIT_S * fs_hz)
    return {
        "marked_pr_ms": _median(qrs[before >= 0, 0] - p[before[before >= 0], 0]) * ms,
        "marked_qrs_ms": _median(qrs[:, 1] - qrs[:, 0]) * ms,
        "marked_qt_ms": _median(t[after[after >= 0], 1] - qrs[after >= 0, 0]) * ms,
        "marked_p_ms": _median(p[:, 1] - p[:, 0]) * ms,
    }


def _spans(waves: Table, lead: str, wave: str) -> Int[np.ndarray, "n 2"]:
    mine = (waves["lead"] == lead) & (waves["wave"] == wave) & (waves["onset"] >= 0) & (waves["offset"] >= 0)
    rows = np.stack([np.asarray(waves["onset"])[mine], np.asarray(waves["offset"])[mine]], axis=1)
    return rows[np.argsort(rows[:, 0], kind="stable")].astype(int)


def _partner(marks: np.ndarray, onsets: np.ndarray, limit: float) -> Int[np.ndarray, " beats"]:
    """Return, per QRS onset, the index of the nearest mark within `limit` samples (signed), or -1."""
    gap = marks[None, :] - onsets[:, None]
    fits = (gap < 0) & (gap >= limit) if limit < 0 else (gap > 0) & (gap <= limit)
    if not gap.shape[1]:
        return np.full(len(onsets), -1)
    best = np.where(fits, np.abs(gap), np.inf).argmin(axis=1)
    return np.where(fits.any(axis=1), best, -1)


def _median(x: np.ndarray) -> float:
    return float(np.median(x)) if len(x) else float("nan")
