"""Leads and their labels at 250 Hz, from records with marked waves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int8

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ....conditioning.record import Record, SignalGeometry
from ..signal import band_limited
from .network import CLASSES

FS_HZ = 250.0
UNKNOWN = -1  # a sample that nobody marked


@dataclass(frozen=True)
class Traces:
    """Leads of records, ready for the network.

    Attributes:
        signal: (leads, 2, samples) each lead, and the root mean square over its record's leads;
            0.5 to 40 Hz, in units of the lead's own 98th percentile.
        label: (leads, samples) class of each sample, -1 where not known.
        record: record id of each lead.
        lead: lead name of each.
    """

    signal: Float[np.ndarray, "leads 2 samples"]
    label: Int8[np.ndarray, "leads samples"]
    record: tuple[str, ...]
    lead: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.record)

    def and_(self, other: Traces, times: int = 1) -> Traces:
        """Return these leads, and those of `other` as often as asked for."""
        return Traces(
            np.concatenate([self.signal, *[other.signal] * times]),
            np.concatenate([self.label, *[other.label] * times]),
            self.record + other.record * times, self.lead + other.lead * times,
        )  # fmt: skip

    def of(self, records: Iterable[str]) -> Traces:
        """Return the leads of some records."""
        wanted = set(records)
        rows = [k for k, r in enumerate(self.record) if r in wanted]
        return Traces(
            self.signal[rows], self.label[rows],
            tuple(self.record[k] for k in rows), tuple(self.lead[k] for k in rows),
        )  # fmt: skip


def traces(records: Iterable[Record], *, leads: Sequence[str] | None = None) -> Traces:
    """Return the leads of ECGs of equal duration.

    Only what lies between the first onset and the last offset of a lead is labelled; a record that
    carries no marks in a lead is unlabelled there.

    Args:
        records: ECGs at any sampling rate.
        leads: which leads; all that a record has when None.

    Raises:
        ValueError: no record, a record that is not an ECG, or records of different duration.
    """
    signal, label, names, of = [], [], [], []
    for record in records:
        if not isinstance(record.geometry, SignalGeometry):
            raise ValueError(f"record {record.record_id} has no leads and sampling rate; it is not an ECG")
        scaled = prepare(record)
        for k, lead in enumerate(record.geometry.leads):
            if leads is None or lead in leads:
                signal.append(scaled[k])
                label.append(labels(record, lead, scaled.shape[-1]))
                names.append(record.record_id)
                of.append(lead)
    if not signal:
        raise ValueError("there is no lead to learn from: no records, or none of the leads asked for")
    if len({s.shape for s in signal}) > 1:
        raise ValueError("records differ in duration; cut them to one before training")
    return Traces(np.stack(signal), np.stack(label), tuple(names), tuple(of))


def prepare(record: Record) -> Float[np.ndarray, "leads 2 samples"]:
    """Return what the network sees of each lead of a record, at 250 Hz."""
    assert isinstance(record.geometry, SignalGeometry)
    x = np.nan_to_num(np.asarray(record.arrays["signal"], dtype=np.float64))
    x = band_limited(x, record.geometry.fs_hz, FS_HZ)
    rows = [k for k, lead in enumerate(record.geometry.leads) if lead in INDEPENDENT_LEADS] or list(range(len(x)))
    together = np.sqrt(np.mean((x[rows] / _height(x[rows])) ** 2, axis=0))
    both = np.stack([x / _height(x), np.broadcast_to(together, x.shape)], axis=1)
    return both.astype(np.float32)


def _height(x: np.ndarray) -> np.ndarray:
    """Return (leads, 1) heights that P waves and noise do not move: the 98th percentile, at least 20 uV."""
    return np.maximum(np.quantile(np.abs(x), 0.98, axis=-1, keepdims=True), 0.02)


def labels(record: Record, lead: str, samples: int) -> Int8[np.ndarray, " samples"]:
    """Return the class of each 250-Hz sample of a lead; -1 outside the marked stretch."""
    assert isinstance(record.geometry, SignalGeometry)
    out = np.full(samples, UNKNOWN, np.int8)
    waves = record.tables.get("waves")
    mine = None if waves is None else np.flatnonzero(np.asarray(waves["lead"]) == lead)
    if waves is None or mine is None or not len(mine):
        return out
    scale = FS_HZ / record.geometry.fs_hz
    onset, offset = (np.rint(np.asarray(waves[c])[mine] * scale).astype(int) for c in ("onset", "offset"))
    out[max(0, onset.min()) : offset.max() + 1] = 0
    for kind, a, b in zip(np.asarray(waves["wave"])[mine], onset, offset, strict=True):
        if str(kind) in CLASSES:
            out[max(0, a) : b + 1] = CLASSES.index(str(kind))
    return out
