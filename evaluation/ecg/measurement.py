"""Measures many ECGs, in processes if asked; the outcome does not depend on how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
from jaxtyping import Float, Int

from ...conditioning.record import Record
from .annotated import marked_intervals
from .intervals import features, reference_lead, spectrum_features
from .spectrum import spectrum_db

_CHUNK = 8


@dataclass(frozen=True)
class Measurement:
    """What one record gave.

    Attributes:
        features: value by name, NaN where not measured; P waves too where a rhythm has none, see `without_p`.
        spectrum: dB at spectrum.FREQUENCIES_HZ.
        r_peaks: neurokit2's R peaks in samples, in lead `II` and in the `reference` lead, where the
            record has them.
        failures: reasons, with how many leads they struck.
    """

    features: dict[str, float]
    spectrum: Float[np.ndarray, " bins"]
    r_peaks: dict[str, Int[np.ndarray, " beats"]]
    failures: Counter[str] = field(default_factory=Counter)


def measure(record: Record) -> Measurement:
    """Measure one ECG.

    Raises:
        ValueError: the record is no ECG in mV, uV or V.
    """
    values, failures, found = features(record)
    spectrum = spectrum_db(record)
    values |= spectrum_features(spectrum) | marked_intervals(record)
    peaks = {"II": found["II"].r_peaks} if "II" in found else {}
    if (reference := reference_lead(found, record.geometry.fs_hz)) is not None:  # type: ignore[union-attr]
        peaks["reference"] = found[reference].r_peaks
    return Measurement(values, spectrum, peaks, failures)


def measure_all(records: Sequence[Record], *, workers: int = 1) -> list[Measurement]:
    """Measure ECGs in order.

    Args:
        records: ECGs.
        workers: processes, one thread each; 1 stays in this process. A script that asks for more
            needs the usual `if __name__ == "__main__"`, since processes are spawned.

    Raises:
        ValueError: workers is below 1, or a record is no ECG.
    """
    if workers < 1:
        raise ValueError(f"workers = {workers}: at least 1 is needed")
    if workers == 1 or len(records) <= _CHUNK:
        return [measure(r) for r in records]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        return list(pool.map(measure, records, chunksize=_CHUNK))


def _one_thread() -> None:
    """Keep a worker to one thread: its neighbours have the other cores."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
