"""Hashes and small pictures of records of any kind, taken one batch at a time so that a large set fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Float, UInt64

from ...conditioning.record import Record, SignalGeometry
from .hashes import averaged, dhash, phash, signal_hash, volume_hash

EDGE = 16  # of a small picture
_SIGNAL = (8, 64)  # leads and samples of a small signal
_BATCH = 256
KINDS = ("dhash", "phash")


@dataclass(frozen=True)
class Sketches:
    """What curation sees of records.

    Attributes:
        ids: names.
        patients: whose each is; its own name where nobody is named.
        words: hashes.
        small: each record averaged onto a small grid, about its mean and over its spread.
        kind: `image`, `volume` or `signal`; empty where there are no records.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    words: UInt64[np.ndarray, " n"]
    small: Float[np.ndarray, "n d"]
    kind: str


def sketches(records: Iterable[Record], hashed: str = "phash") -> Sketches:
    """Return hashes and small pictures.

    Args:
        records: images, volumes or signals; their sizes may differ.
        hashed: `dhash` or `phash` for images (dHash takes frontal chest radiographs of different patients for one far
            more often: 70 % of 160 within 6 bits, against 1 % by pHash); volumes and signals have one hash each.

    Raises:
        ValueError: a hash that is not known, records of several kinds, or one without an array.
    """
    if hashed not in KINDS:
        raise ValueError(f"hash {hashed!r} is not known (allowed: {', '.join(KINDS)})")
    ids, patients, words, small, kinds = [], [], [np.empty(0, np.uint64)], [], set()
    for batch in _batches(records):
        ids += [record.record_id for record in batch]
        patients += [_patient(record) for record in batch]
        arrays = [array_of(record) for record in batch]
        kinds |= {kind for kind, _ in arrays}
        if len(kinds) > 1:
            raise ValueError(f"records are of several kinds ({', '.join(sorted(kinds))}); curate them apart")
        for word, picture in (_sketched(kind, x, hashed) for kind, x in arrays):
            words.append(word)
            small.append(picture)
    stacked = np.stack(small) if small else np.empty((0, 1))
    return Sketches(tuple(ids), tuple(patients), np.concatenate(words), stacked, next(iter(kinds), ""))


def array_of(record: Record) -> tuple[str, np.ndarray]:
    """Return the kind of a record and the array that it is judged by.

    Raises:
        ValueError: it has no array of two or three axes.
    """
    if isinstance(record.geometry, SignalGeometry) and "signal" in record.arrays:
        return "signal", np.asarray(record.arrays["signal"])
    for name in ("image", "volume", *record.arrays):
        x = np.asarray(record.arrays[name]) if name in record.arrays else np.empty(0)
        if x.ndim in (2, 3):
            return ("image" if x.ndim == 2 else "volume"), x
    raise ValueError(f"record {record.record_id} has no image, volume or signal")


def _sketched(kind: str, x: np.ndarray, hashed: str) -> tuple[np.ndarray, np.ndarray]:
    if not np.isfinite(x).all():
        x = np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    one = x[None].astype(np.float64)
    if kind == "signal":
        return signal_hash(one), _level(averaged(one, _SIGNAL))
    if kind == "volume":
        return volume_hash(one), _level(averaged(one, (8, 8, 8)))
    return (dhash if hashed == "dhash" else phash)(one), _level(averaged(one, (EDGE, EDGE)))


def _level(x: np.ndarray) -> np.ndarray:
    flat = x.ravel()
    sd = flat.std()
    return (flat - flat.mean()) / (sd if sd > 1e-12 else 1.0)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    source = iter(records)
    while batch := list(islice(source, _BATCH)):
        yield batch


def _patient(record: Record) -> str:
    named = getattr(record.condition, "patient_id", None) or record.provenance.get("patient_id")
    return str(named) if named else f"record {record.record_id}"
