"""Electrode noise added to any ECG at a stated signal-to-noise ratio."""

from __future__ import annotations

import dataclasses

import numpy as np

from ....conditioning.ecg.fit import eight_leads
from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS, Noise
from ....conditioning.record import Record, SignalGeometry
from ....conditioning.seeds import stream
from ....generators.ecg.noise import Workspace, electrode_noise
from .insertion import derive

_WORK = Workspace()


def with_noise(record: Record, snr_db: float | None, seed: int) -> Record:
    """Return the record with the simulator's electrode noise added; itself where `snr_db` is None.

    Args:
        record: an ECG with I, II, V1-V6 in mV; what noise it has counts as signal.
        snr_db: power of the record about its mean over that of the noise, both over the eight leads.
        seed: of the noise.
    """
    if snr_db is None:
        return record
    assert isinstance(record.geometry, SignalGeometry)
    x, leads = eight_leads(record), record.geometry.leads
    work = _WORK.resize(x.shape[1])
    power = electrode_noise(tuple(Noise), record.geometry.fs_hz, 50, stream(seed, "alternans.noise"), work)
    gain = np.sqrt(np.var(x, axis=1).mean() / power * 10 ** (-snr_db / 10))
    signal = np.array(record.arrays["signal"], dtype=np.float64)
    for k, lead in enumerate(INDEPENDENT_LEADS):
        signal[leads.index(lead)] += gain * work.noise[k]
    signal = derive(signal.astype(np.asarray(record.arrays["signal"]).dtype), leads)
    return dataclasses.replace(record, arrays={**record.arrays, "signal": signal})
