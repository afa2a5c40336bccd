"""The signal in one file that a table names: .npy, .npz, .csv, or a WFDB .hea."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from ..ecg.vocabulary import LEADS
from ..words import first_line
from .leads import lead_list, lead_names, lead_order, mv_per_unit
from .wfdb_signal import read_signal

_NOT_A_LEAD = frozenset({"time", "time_s", "sample", "index", ""})
# A flat signal compresses without limit; one that was measured does not.
_LARGEST_RATIO = 100
_SMALL = 64_000_000


@dataclass(frozen=True)
class FileSignal:
    """A signal as its file and its row of the table state it: (leads, samples) in mV."""

    signal_mv: Float[np.ndarray, "leads samples"]
    leads: tuple[str, ...]
    fs_hz: float


def read_file(path: Path, *, fs_hz: float | None, unit: str | None, leads: str | Sequence[str] | None) -> FileSignal:
    """Return the signal of one file.

    Args:
        path: the file. Arrays are (leads, samples) or (samples, leads): the shorter axis is that
            of the leads. An .npz holds one array, or one named `signal`. A .csv has one column
            per lead under its name; columns `time`, `time_s`, `sample` and `index` are left out.
        fs_hz: sampling rate; needed for all but .hea, whose header has it.
        unit: unit of the samples, mV when None; .hea has its own.
        leads: for arrays the names of the leads (when None, twelve are the standard ones in their
            usual order); for files that name their leads, which ones and in which order.

    Raises:
        ValueError: what is wrong; the caller adds which row it was.
    """
    if path.suffix not in _READERS and path.suffix != ".hea":
        raise ValueError(f"path {path.name!r} does not end in one of .npy, .npz, .csv, .hea")
    if not path.is_file():
        raise ValueError(f"path {str(path)!r} does not exist or is no file")
    if path.suffix == ".hea":
        return _wfdb(path, fs_hz, unit, leads)
    if fs_hz is None:
        raise ValueError(f"fs_hz is needed for {path.name}: the file does not say its sampling rate")
    values, named = _READERS[path.suffix](path)
    names = named if named is not None else _row_names(values, leads, path)
    rows = lead_order(names, leads) if named is not None else range(len(names))
    scale = mv_per_unit(unit or "mV")
    return FileSignal(values[list(rows)].astype(np.float64) * scale, tuple(names[row] for row in rows), float(fs_hz))


def read_values(path: Path) -> tuple[Float[np.ndarray, "leads samples"], tuple[str, ...] | None]:
    """Return the values of a .npy, .npz or .csv file as they are, and the names of its rows where it has them.

    Raises:
        ValueError: another suffix, no such file, or one that is not what its name says.
    """
    if path.suffix not in _READERS:
        raise ValueError(f"path {path.name!r} does not end in one of .npy, .npz, .csv")
    if not path.is_file():
        raise ValueError(f"path {str(path)!r} does not exist or is no file")
    return _READERS[path.suffix](path)


def _wfdb(path: Path, fs_hz: float | None, unit: str | None, leads: str | Sequence[str] | None) -> FileSignal:
    if unit is not None:
        raise ValueError(f"unit = {unit!r}: {path.name} states its own unit; leave unit out")
    read = read_signal(path, leads=leads)
    if fs_hz is not None and fs_hz != read.fs_hz:
        raise ValueError(f"fs_hz = {fs_hz:g} contradicts {path.name}, which has {read.fs_hz:g}")
    return FileSignal(read.signal_mv, read.leads, read.fs_hz)


def _row_names(values: np.ndarray, leads: str | Sequence[str] | None, path: Path) -> tuple[str, ...]:
    if leads is None and len(values) == len(LEADS):
        return LEADS
    if leads is None:
        raise ValueError(f"leads is needed: {path.name} has {len(values)} and does not name them")
    names = lead_list(leads)
    if len(names) != len(values):
        raise ValueError(f"leads names {len(names)}, and {path.name} has {len(values)}")
    return names


def _npy(path: Path) -> tuple[np.ndarray, None]:
    try:
        return _leads_first(np.load(path, mmap_mode="r", allow_pickle=False), path), None
    except (ValueError, OSError, EOFError, OverflowError) as error:
        raise ValueError(f"{path.name} cannot be read: {first_line(error)}") from error


def _npz(path: Path) -> tuple[np.ndarray, None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            name = "signal.npy" if "signal.npy" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise ValueError(f"has {len(names)} arrays and none is named 'signal'")
            _check_member(archive, name)
            with archive.open(name) as member:
                return _leads_first(np.lib.format.read_array(member, allow_pickle=False), path), None
    except (ValueError, OSError, EOFError, OverflowError, zipfile.BadZipFile, MemoryError) as error:
        raise ValueError(f"{path.name} cannot be read: {first_line(error)}") from error


def _check_member(archive: zipfile.ZipFile, name: str) -> None:
    """Hold the shape in the array's header against the member's size, before anything is allocated."""
    info = archive.getinfo(name)
    if info.file_size > max(_SMALL, _LARGEST_RATIO * info.compress_size):
        raise ValueError(f"{info.compress_size} bytes that unpack to {info.file_size} are no measured signal")
    with archive.open(name) as member:
        shape, dtype = _array_header(member)
        needed = math.prod(shape) * dtype.itemsize
        if needed > info.file_size - member.tell():
            raise ValueError(f"the header claims {needed} bytes and the file holds {info.file_size}")


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"the array has format version {version[0]}.{version[1]}; 1.0 and 2.0 are read")
    shape, _, dtype = read(member)
    return shape, dtype


def _leads_first(values: np.ndarray, path: Path) -> np.ndarray:
    if values.dtype.kind not in "iuf":
        raise ValueError(f"its values have type {values.dtype}; numbers are needed")
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise ValueError(f"its shape is {values.shape}; (leads, samples) is needed")
    two = np.atleast_2d(np.asarray(values))
    return two.T if two.shape[0] > two.shape[1] else two


def _csv(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            header = [name.strip() for name in next(csv.reader(text), [])]
            columns = [i for i, name in enumerate(header) if name.lower() not in _NOT_A_LEAD]
            if not columns:
                raise ValueError("its first line names no lead")
            values = np.loadtxt(text, delimiter=",", usecols=columns, ndmin=2)
    except (ValueError, OSError, csv.Error, IndexError) as error:
        raise ValueError(f"{path.name} cannot be read: {first_line(error)}") from error
    if values.size == 0:
        raise ValueError(f"{path.name} has no samples")
    return values.T, lead_names([header[i] for i in columns])


_READERS: dict[str, Callable[[Path], tuple[np.ndarray, tuple[str, ...] | None]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".csv": _csv,
}
