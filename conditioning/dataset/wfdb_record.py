"""Reads the WFDB records that the studio writes: one segment, one signal file, format 16.

Header and file are held against each other before a sample is believed: length, first value and
checksum of every lead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..record import SignalGeometry

_RECORD = re.compile(r"^(?P<name>[\w-]+)\s+(?P<leads>\d+)\s+(?P<fs>\d+(?:\.\d+)?)\s+(?P<samples>\d+)\s*$", re.ASCII)
_SIGNAL = re.compile(
    r"^(?P<file>\S+)\s+16\s+(?P<gain>\d+(?:\.\d+)?)\((?P<baseline>-?\d+)\)/(?P<unit>\S+)\s+\d+\s+-?\d+"
    r"\s+(?P<first>-?\d+)\s+(?P<checksum>-?\d+)\s+0\s+(?P<lead>\S.*?)\s*$",
    re.ASCII,
)
SUFFIXES = ("hea", "dat")  # a record cannot be read without these


@dataclass(frozen=True)
class Header:
    """What a `.hea` says.

    Attributes:
        fs_hz: sampling rate.
        samples: samples per lead.
        leads: lead names.
        unit: physical unit, the same in every lead.
        gain: digital units per physical unit, per lead.
        baseline: digital value of zero, per lead.
        first: first digital value, per lead.
        checksum: 16-bit sum of the digital values, per lead.
    """

    fs_hz: float
    samples: int
    leads: tuple[str, ...]
    unit: str
    gain: np.ndarray
    baseline: np.ndarray
    first: np.ndarray
    checksum: np.ndarray


def read_header(text: str, name: str) -> Header:
    """Parse a `.hea`.

    Args:
        text: the file's text.
        name: record name, as the file is called.

    Raises:
        ValueError: not a header of this kind, or it contradicts itself.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    top = _RECORD.match(lines[0]) if lines else None
    if top is None:
        raise ValueError(f"{name}.hea: {lines[0] if lines else 'empty file'!r} is not a record line of one segment")
    if top["name"] != name:
        raise ValueError(f"{name}.hea names the record {top['name']!r}")
    signals = [_SIGNAL.match(line) for line in lines[1:]]
    if len(signals) != int(top["leads"]) or not signals:
        raise ValueError(f"{name}.hea says {top['leads']} leads and describes {len(signals)}")
    if not all(signals):
        raise ValueError(f"{name}.hea: {lines[1 + signals.index(None)]!r} is not a signal line of format 16")
    return _header(name, top, [s for s in signals if s])


def _header(name: str, top: re.Match[str], signals: list[re.Match[str]]) -> Header:
    units = {s["unit"] for s in signals}
    files = {s["file"] for s in signals}
    if len(units) > 1 or files != {f"{name}.dat"}:
        raise ValueError(f"{name}.hea: leads lie in {sorted(files)} in {sorted(units)}; one file {name}.dat, one unit")
    gain = np.array([float(s["gain"]) for s in signals])
    if not (gain > 0).all() or float(top["fs"]) <= 0:
        raise ValueError(f"{name}.hea: gain and sampling rate must be above 0")
    return Header(
        float(top["fs"]),
        int(top["samples"]),
        tuple(s["lead"] for s in signals),
        units.pop(),
        gain,
        *(np.array([int(s[field]) for s in signals]) for field in ("baseline", "first", "checksum")),
    )


def digital(header: Header, data: bytes, name: str) -> np.ndarray:
    """Return the digital values of a `.dat`, int16 (samples, leads), held against its header.

    Raises:
        ValueError: the file's length, a first value or a checksum is not what the header says.
    """
    shape = (header.samples, len(header.leads))
    need = 2 * shape[0] * shape[1]
    if len(data) != need:
        said = f"{shape[1]} leads x {shape[0]} samples in format 16 are {need}"
        raise ValueError(f"{name}.dat holds {len(data)} bytes; by its header {said}")
    values = np.frombuffer(data, dtype="<i2").reshape(shape)
    wrong = (values.sum(axis=0, dtype=np.int64) - header.checksum) % 65536 != 0
    if len(values):
        wrong |= values[0] != header.first
    if wrong.any():
        lead = header.leads[int(np.flatnonzero(wrong)[0])]
        raise ValueError(f"{name}.dat: lead {lead} does not fit the first value or checksum in its header")
    return values


def decode(name: str, members: Mapping[str, bytes]) -> tuple[dict[str, np.ndarray], SignalGeometry]:
    """Return the arrays and the geometry of one record.

    Args:
        name: record name.
        members: bytes per suffix; `hea` and `dat` are needed.

    Returns:
        `signal`, float32 (leads, samples) in the header's unit; the geometry.

    Raises:
        ValueError: the header does not parse, or does not fit the signal file.
    """
    header = read_header(members["hea"].decode("ascii", "replace"), name)
    values = digital(header, members["dat"], name)
    physical = (values.T - header.baseline[:, None]) / header.gain[:, None]
    return {"signal": physical.astype(np.float32)}, SignalGeometry(header.fs_hz, header.leads, header.unit)
