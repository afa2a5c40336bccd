"""Electrode noise added to any ECG at a stated signal-to-noise ratio."""

from __future__ import annotations

import dataclasses

import numpy as np

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS, Noise
from ....conditioning.record import Record, SignalGeometry
from ....conditioning.seeds import stream
from ....generators.ecg.noise import Workspace, electrode_noise
from .insertion import derive

_WORK = Workspace()


def with_noise(record: Record, snr_db: float | None, seed: int) -> Record:
    """Return the record with the simulator's electrode noise added; itself where `snr_db` is None.

    Args:
        record: an ECG in mV with any of I, II, V1-V6; what noise it has counts as signal.
        snr_db: power of the record about its mean over that of the noise, both over those of the eight leads that
            it has.
        seed: of the noise.

    Raises:
        ValueError: it has none of the eight leads.
    """
    if snr_db is None:
        return record
    assert isinstance(record.geometry, SignalGeometry)
    leads = record.geometry.leads
    there = [lead for lead in INDEPENDENT_LEADS if lead in leads]
    if not there:
        raise ValueError(f"record {record.record_id} has none of {', '.join(INDEPENDENT_LEADS)}")
    signal = np.array(record.arrays["signal"], dtype=np.float64)
    rows = [leads.index(lead) for lead in there]
    work = _WORK.resize(signal.shape[1])
    electrode_noise(tuple(Noise), record.geometry.fs_hz, 50, stream(seed, "alternans.noise"), work)
    noise = work.noise[[INDEPENDENT_LEADS.index(lead) for lead in there]].astype(np.float64)
    power = float((noise**2).mean())
    gain = np.sqrt(np.var(signal[rows], axis=1).mean() / power * 10 ** (-snr_db / 10))
    signal[rows] += gain * noise
    signal = derive(signal.astype(np.asarray(record.arrays["signal"]).dtype), leads)
    return dataclasses.replace(record, arrays={**record.arrays, "signal": signal})
