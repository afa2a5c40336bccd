"""Delineators behind one face: a record in, what was found in each lead out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np

from ...conditioning.record import Record, SignalGeometry
from ...generators.readout.delineation import Delineator
from .delineation import silence
from .wave_scores import KINDS, POINTS, Found

Find = Callable[[str], Found]
NK_COLUMNS = {
    "P": {"onset": "ECG_P_Onsets", "peak": "ECG_P_Peaks", "offset": "ECG_P_Offsets"},
    "QRS": {"onset": "ECG_R_Onsets", "offset": "ECG_R_Offsets"},
    "T": {"onset": "ECG_T_Onsets", "peak": "ECG_T_Peaks", "offset": "ECG_T_Offsets"},
}


def by_network(delineator: Delineator, record: Record) -> Find:
    """Return what a trained network finds in the leads of a record, in seconds."""
    waves = delineator.read(record)
    return lambda lead: {
        kind: {"onset": w.onset_s, "peak": w.peak_s, "offset": w.offset_s} for kind, w in waves[lead].items()
    }


def by_neurokit(method: Literal["dwt", "peak", "prominence", "cwt"], record: Record) -> Find:
    """Return what neurokit2's delineator finds; where it fails it finds nothing. `peak` gives peaks alone."""

    def find(lead: str) -> Found:
        import neurokit2 as nk

        assert isinstance(record.geometry, SignalGeometry)
        fs = round(record.geometry.fs_hz)
        x = np.asarray(record.arrays["signal"], dtype=float)[record.geometry.leads.index(lead)]
        try:
            with warnings.catch_warnings():
                silence()
                clean = nk.ecg_clean(x, sampling_rate=fs)
                r = np.asarray(nk.ecg_findpeaks(clean, sampling_rate=fs)["ECG_R_Peaks"], dtype=int)
                _, found = nk.ecg_delineate(clean, rpeaks=r, sampling_rate=fs, method=method)
        except Exception:  # neurokit2 lets IndexError, ValueError and more through on real records
            return {kind: dict.fromkeys(_points(method), np.zeros(0)) for kind in KINDS}
        out = {
            kind: {
                point: np.asarray(found[name], dtype=float) / fs
                for point, name in columns.items()
                if name in found and point in _points(method)
            }
            for kind, columns in NK_COLUMNS.items()
        }
        out["QRS"]["peak"] = r / fs
        return out

    return find


def _points(method: str) -> tuple[str, ...]:
    return ("peak",) if method == "peak" else POINTS
