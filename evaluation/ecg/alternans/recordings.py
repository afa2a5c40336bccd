"""Long recordings, often of few leads, as records that alternans is put into: whole windows of so many beats."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ....conditioning.readers.policy import folder
from ....conditioning.readers.wfdb_folder import header_paths, wfdb_record
from ....conditioning.readers.wfdb_header import read_header
from ....conditioning.record import Record, SignalGeometry
from .insertion import st_t_spans

FEW_LEADS = ("II", "V5")  # what two-lead ambulatory recordings have, II as MLII
LEAST_S = 30.0
_TAKEN_AS = {"MLII": "II", "MLI": "I"}  # modified limb leads, with electrodes on the chest
_BEFORE_R_S, _AFTER_R_S = 0.40, 0.60


def long_recordings(path: str | Path, left_out: list[str] | None = None) -> Iterator[Record]:
    """Yield the WFDB records in and below a folder that last 30 s or more and have at least II (or MLII) and V5.

    Args:
        path: the folder.
        left_out: receives a line for each record that is long enough and cannot be used.

    Raises:
        ValueError: no such folder, or no record in it that can be used.
    """
    root, found = folder(path), 0
    notes: list[str] = [] if left_out is None else left_out
    for header in header_paths(root):
        try:
            record = _long(header, root)
        except ValueError as error:
            notes.append(str(error))
            continue
        if record is not None:
            found += 1
            yield record
    if not found:
        why = f"; {notes[0]}" if notes else ""
        raise ValueError(f"{path} has no WFDB record of {LEAST_S:g} s or more with leads II (or MLII) and V5{why}")


def _long(header: Path, root: Path) -> Record | None:
    stated = read_header(header)
    if stated.n_samples is not None and stated.n_samples < LEAST_S * stated.fs_hz:
        return None
    names = {_TAKEN_AS.get(channel.name, channel.name) for channel in stated.channels}
    if not set(FEW_LEADS) <= names:
        raise ValueError(f"{header}: has leads {', '.join(sorted(names))}; {' and '.join(FEW_LEADS)} are needed")
    record = wfdb_record(header, root=root)
    assert isinstance(record.geometry, SignalGeometry)
    long = record.arrays["signal"].shape[-1] >= LEAST_S * record.geometry.fs_hz
    return renamed(record) if long else None


def renamed(record: Record) -> Record:
    """Return the record with modified limb leads under the name of the lead that they stand for."""
    assert isinstance(record.geometry, SignalGeometry)
    names = record.geometry.leads
    new = tuple(_TAKEN_AS[n] if n in _TAKEN_AS and _TAKEN_AS[n] not in names else n for n in names)
    return dataclasses.replace(record, geometry=dataclasses.replace(record.geometry, leads=new))


def independent(record: Record) -> tuple[str, ...]:
    """Return the leads to read a recording in: all of I, II, V1-V6 where it has them, else II and V5."""
    assert isinstance(record.geometry, SignalGeometry)
    return INDEPENDENT_LEADS if set(INDEPENDENT_LEADS) <= set(record.geometry.leads) else FEW_LEADS


def with_leads(record: Record, leads: Sequence[str]) -> Record:
    """Return the record with these leads alone.

    Raises:
        ValueError: it lacks one of them.
    """
    assert isinstance(record.geometry, SignalGeometry)
    there = record.geometry.leads
    missing = [lead for lead in leads if lead not in there]
    if missing:
        raise ValueError(f"record {record.record_id} lacks lead {', '.join(missing)}; it has {', '.join(there)}")
    signal = np.asarray(record.arrays["signal"])[[there.index(lead) for lead in leads]]
    tables = {name: table for name, table in record.tables.items() if name != "waves"}
    if "waves" in record.tables:
        waves = record.tables["waves"]
        kept = np.isin(np.asarray(waves["lead"]), [*leads, "global"])
        tables["waves"] = {column: np.asarray(values)[kept] for column, values in waves.items()}
    geometry = dataclasses.replace(record.geometry, leads=tuple(leads))
    return dataclasses.replace(record, arrays={"signal": signal}, geometry=geometry, tables=tables, condition=None)


def windows(record: Record, beats: int) -> list[Record]:
    """Return the recording cut into stretches of `beats` beats, one behind the other, none overlapping.

    Beats are those of its table of beats (an `.atr` file), else those found in it; each stretch begins
    0.4 s before its first R and ends 0.6 s behind its last, and has a table of its own beats.

    Raises:
        ValueError: `beats` is below 2, or fewer than 2 beats are found.
    """
    assert isinstance(record.geometry, SignalGeometry)
    if beats < 2:
        raise ValueError(f"beats = {beats} is too few; at least 2 are needed")
    fs, r = record.geometry.fs_hz, st_t_spans(record).r
    before, after = round(_BEFORE_R_S * fs), round(_AFTER_R_S * fs)
    r = r[(r >= before) & (r + after < record.arrays["signal"].shape[-1])]
    return [
        _window(record, r[first : first + beats], before, after, number)
        for number, first in enumerate(range(0, len(r) - beats + 1, beats))
    ]


def _window(record: Record, r: np.ndarray, before: int, after: int, number: int) -> Record:
    first, end = int(r[0]) - before, int(r[-1]) + after
    signal = np.asarray(record.arrays["signal"])[:, first:end]
    tables = {"beats": {"sample": r - first}}
    about = {**record.provenance, "patient_id": f"{record.record_id} window {number}"}
    return dataclasses.replace(
        record, record_id=f"{record.record_id}/window-{number}", arrays={"signal": signal}, tables=tables,
        provenance=about, condition=None,
    )  # fmt: skip
