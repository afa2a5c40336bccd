"""A WFDB header read with suspicion: what it claims is held against the files before they are opened.

Source: WFDB Applications Guide, header(5) and signal(5).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from .leads import lead_names
from .policy import inside

# Bytes per sample; 310 and 311 pack three samples into four bytes.
_BYTES = {"8": 1.0, "16": 2.0, "24": 3.0, "32": 4.0, "61": 2.0, "80": 1.0, "160": 2.0, "212": 1.5}
_BYTES |= {"310": 4 / 3, "311": 4 / 3}
_FLAC = frozenset({"508", "516", "524"})
# A constant signal compresses without limit; an ECG in FLAC shrinks a few times.
_FLAC_LARGEST_RATIO = 100
_FORMAT = re.compile(r"^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$")
_GAIN = re.compile(r"^([-+]?[\d.]+(?:[eE][-+]?\d+)?)(?:\((-?\d+)\))?(?:/(\S+))?$")
_LARGEST_HEADER = 1_000_000


@dataclass(frozen=True)
class Channel:
    """One signal line: where its samples lie, and how counts become volts.

    Attributes:
        file: name of the signal file.
        fmt: storage format.
        per_frame: samples per frame.
        offset: bytes before the first sample.
        gain: counts per unit; None when the header gives none or zero, so that it is uncalibrated.
        unit: physical unit.
        checksum: 16-bit sum of the samples, None when the header has none.
        name: lead name as the field writes it.
    """

    file: str
    fmt: str
    per_frame: int
    offset: int
    gain: float | None
    unit: str
    checksum: int | None
    name: str


@dataclass(frozen=True)
class Header:
    """A single-segment WFDB header.

    Attributes:
        path: the .hea file.
        fs_hz: frames per second.
        n_samples: frames, None when the header leaves it to the file's size.
        channels: one per signal line.
        comments: lines after `#`.
    """

    path: Path
    fs_hz: float
    n_samples: int | None
    channels: tuple[Channel, ...]
    comments: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Return the header in `path` after checks of its text alone.

    Raises:
        ValueError: what is wrong, naming the file.
    """
    try:
        return _parse(path, _text(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    if not path.is_file():
        raise ValueError("there is no such header")
    if path.stat().st_size > _LARGEST_HEADER:
        raise ValueError(f"is {path.stat().st_size} bytes long; that is no WFDB header")
    return path.read_text(encoding="utf-8", errors="replace")


def _parse(path: Path, text: str) -> Header:
    lines = [line.strip() for line in text.splitlines()]
    comments = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    body = [line for line in lines if line and not line.startswith("#")]
    if not body:
        raise ValueError("the header is empty")
    n_channels, fs_hz, n_samples = _record_line(body[0])
    if len(body) - 1 != n_channels:
        raise ValueError(f"the header announces {n_channels} signals and describes {len(body) - 1}")
    if n_channels == 0:
        raise ValueError("the header has no signals")
    raw = [_signal_line(line) for line in body[1:]]
    names = lead_names([name for _, name in raw])
    channels = tuple(Channel(*fields, name) for (fields, _), name in zip(raw, names, strict=True))
    for channel in channels:
        inside(path.parent, channel.file, "signal file")
        if "/" in channel.file or "\\" in channel.file:
            raise ValueError(f"signal file {channel.file!r} lies in another folder; it must stand beside its header")
    return Header(path, fs_hz, n_samples, channels, comments)


def _record_line(line: str) -> tuple[int, float, int | None]:
    words = line.split()
    if "/" in words[0]:
        raise ValueError("is a multi-segment record; read its segments, each has a header of its own")
    try:
        n_channels = int(words[1])
        fs_hz = float(re.split(r"[/(]", words[2])[0]) if len(words) > 2 else 250.0
        n_samples = int(words[3]) if len(words) > 3 else 0
    except (IndexError, ValueError):
        raise ValueError(f"record line {_short(line)!r} is not 'name signals rate samples'") from None
    if not (math.isfinite(fs_hz) and 0 < fs_hz <= 1e6):
        raise ValueError(f"sampling rate {fs_hz:g} Hz is not between 0 and 1e6")
    if n_channels < 0 or n_samples < 0:
        raise ValueError(f"record line {_short(line)!r} has a negative count")
    return n_channels, fs_hz, n_samples or None


_Fields = tuple[str, str, int, int, float | None, str, int | None]


def _signal_line(line: str) -> tuple[_Fields, str | None]:
    words = line.split(maxsplit=8)
    packing = _FORMAT.match(words[1]) if len(words) > 1 else None
    if packing is None:
        raise ValueError(f"signal line {_short(line)!r} has no storage format")
    if packing[1] not in _BYTES and packing[1] not in _FLAC:
        raise ValueError(f"storage format {packing[1]} is not one of {', '.join([*_BYTES, *sorted(_FLAC)])}")
    gain = _GAIN.match(words[2]) if len(words) > 2 else None
    if len(words) > 2 and gain is None:
        raise ValueError(f"signal line {_short(line)!r} has the gain {_short(words[2])!r}, which is no number")
    try:
        counts_per_unit = float(gain[1]) if gain else 0.0
        checksum = int(words[6]) if len(words) > 6 else None
    except ValueError:
        raise ValueError(f"signal line {_short(line)!r} has a field that is no number") from None
    usable = counts_per_unit if counts_per_unit != 0 and math.isfinite(counts_per_unit) else None
    unit = (gain[3] if gain else None) or "mV"
    name = words[8] if len(words) > 8 else None
    per_frame = int(packing[2] or 1)
    return (words[0], packing[1], per_frame, int(packing[4] or 0), usable, unit, checksum), name


def check_files(header: Header) -> None:
    """Hold every signal file's size against what the header claims, without opening it.

    A header that claims terabytes is refused here, before anything is allocated.

    Raises:
        ValueError: a file is missing, too short, or too long for the header.
    """
    for file in dict.fromkeys(channel.file for channel in header.channels):
        path = header.path.parent / file
        if not path.is_file():
            raise ValueError(f"{header.path}: signal file {file!r} is not there")
        channels = [channel for channel in header.channels if channel.file == file]
        if len({(channel.fmt, channel.offset) for channel in channels}) > 1:
            raise ValueError(f"{header.path}: the signals in {file!r} have different storage formats or offsets")
        _check_size(path, channels, header.n_samples)


def _check_size(path: Path, channels: list[Channel], n_samples: int | None) -> None:
    size = path.stat().st_size
    fmt, offset = channels[0].fmt, channels[0].offset
    per_frame = sum(channel.per_frame for channel in channels)
    if per_frame < 1 or per_frame > 1_000_000:
        raise ValueError(f"{path}: {per_frame} samples in a frame")
    if fmt in _FLAC:
        if n_samples is None or n_samples * per_frame > _FLAC_LARGEST_RATIO * size:
            raise ValueError(f"{path}: {size} bytes of FLAC cannot hold the {n_samples} samples that the header claims")
        return
    if n_samples is None:
        if size <= offset:
            raise ValueError(f"{path}: the file holds no samples")
        return
    needed = offset + math.ceil(n_samples * per_frame * _BYTES[fmt])
    claim = f"{len(channels)} signals of {n_samples} samples in format {fmt}"
    if size < needed:
        raise ValueError(f"{path}: the file is truncated or its header lies: {size} bytes, {claim} need {needed}")
    if size - needed >= max(4, per_frame * _BYTES[fmt]):
        raise ValueError(f"{path}: the header does not fit the file: {size} bytes, {claim} need only {needed}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
