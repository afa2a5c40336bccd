"""Measurements of ECGs, kept in an evaluation's folder a hundred records a file: a stopped one goes on from there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...conditioning.record import Record
from ..downstream import content_sha256
from ..kept import kept_arrays
from .measurement import Measurement, measure_all

CHUNK = 100
VERSION = 1  # of what is kept: raised when a measurement changes


def measured_once(
    records: Sequence[Record], folder: Path | None, *, workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Measurement]:  # fmt: skip
    """Return what `measure_all` gives, measured once for each folder.

    Args:
        records: ECGs.
        folder: of the evaluation; nothing is kept when None.
        workers: processes that measure.
        progress: called with how many are done.
    """
    found: list[Measurement] = []
    for start in range(0, len(records), CHUNK):
        some = records[start : start + CHUNK]
        if folder is None:
            found += measure_all(some, workers=workers)
        else:
            arrays = kept_arrays(
                folder, "measured", key_of(some), lambda some=some: _packed(measure_all(some, workers=workers))  # type: ignore[misc]
            )  # fmt: skip
            found += _unpacked(arrays)
        progress(len(found))
    return found


def key_of(records: Sequence[Record]) -> dict[str, Any]:
    """Return what tells records, as they are measured, from all others: signals, leads, rates and marks."""
    told = [f"{r.geometry}" for r in records]
    marks = [_plain(column) for r in records for _, column in sorted((r.tables.get("waves") or {}).items())]
    rhythms = [str(getattr(r.condition, "rhythm", None)) for r in records]  # marks are read by it
    signals = [np.asarray(r.arrays["signal"]) for r in records]
    return {"version": VERSION, "by": __version__, "records": content_sha256(*signals, *marks, told, rhythms)}


def _plain(column: np.ndarray) -> np.ndarray | list[str]:
    return [str(v) for v in column.tolist()] if column.dtype.hasobject else column


def _packed(measured: Sequence[Measurement]) -> dict[str, np.ndarray]:
    """Return measurements as arrays."""
    names = sorted({name for m in measured for name in m.features})
    peaks = {f"peaks/{k}/{lead}": x for k, m in enumerate(measured) for lead, x in m.r_peaks.items()}
    said = json.dumps({"names": names, "failures": [m.failures for m in measured]})
    values = np.array([[m.features[name] for name in names] for m in measured], dtype=np.float64)
    return {"said": np.array(said), "values": values, "spectra": np.stack([m.spectrum for m in measured]), **peaks}


def _unpacked(arrays: Mapping[str, np.ndarray]) -> list[Measurement]:
    said = json.loads(str(arrays["said"]))
    peaks: list[dict[str, np.ndarray]] = [{} for _ in said["failures"]]
    for key, x in arrays.items():
        if key.startswith("peaks/"):
            _, k, lead = key.split("/")
            peaks[int(k)][lead] = x
    return [
        Measurement(dict(zip(said["names"], row.tolist(), strict=True)), spectrum, found, Counter(failures))
        for row, spectrum, found, failures in zip(
            arrays["values"], arrays["spectra"], peaks, said["failures"], strict=True
        )
    ]
