"""Reads the volumes that the studio writes: gzipped NIfTI-1, one file an array, the provenance in a header extension.

A header's promises are held against the bytes before a volume is believed, and nothing is unpacked that is larger than
the header may promise. What any other program wrote is read by the readers of real data.

Source: NIfTI-1 data format (nifti1.h), Neuroimaging Informatics Technology Initiative, 2003.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..record import ImageGeometry

ENDING = ".nii.gz"
HEADER, FIRST_BYTE = 348, 352
MOST_VOXELS = 300_000_000
LONGEST_EXTENSION = 1_000_000
COMMENT = 6  # code of a header extension of text
TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u1"), 4: np.dtype("<i2"), 8: np.dtype("<i4"), 16: np.dtype("<f4")}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DEFLATE_LIMIT = 1032  # deflate packs no more than this many bytes into one


@dataclass(frozen=True)
class Stored:
    """What one file holds.

    Attributes:
        volume: (x, y, z), uint8, int16, int32 or float32.
        spacing_mm: of a voxel.
        affine: voxel to world in mm, float32 as the header has it.
        descrip: the header's line for people.
        about: the provenance of the extension; empty if it is not JSON.
    """

    volume: np.ndarray
    spacing_mm: tuple[float, ...]
    affine: np.ndarray
    descrip: str
    about: dict[str, Any]


def decode(name: str, members: Mapping[str, bytes]) -> tuple[dict[str, np.ndarray], ImageGeometry]:
    """Return the arrays and the geometry of one sample.

    Args:
        name: sample id.
        members: bytes per suffix: `ARRAY.nii.gz`.

    Returns:
        Arrays by name, (x, y, z); the geometry that all share.

    Raises:
        ValueError: a file is not of this kind, damaged, or lies on another grid than the first.
    """
    arrays: dict[str, np.ndarray] = {}
    first: Stored | None = None
    for suffix, data in members.items():
        if not suffix.endswith(ENDING):
            continue
        file, array = f"{name}.{suffix}", suffix.removesuffix(ENDING)
        if not _NAME.fullmatch(array):
            raise ValueError(f"{file}: {array!r} does not name an array")
        found = read_stored(file, data)
        first = first or found
        if found.volume.shape != first.volume.shape or not np.array_equal(found.affine, first.affine):
            raise ValueError(f"{file} lies on another grid than the first volume of {name}")
        arrays[array] = found.volume
    if first is None:
        raise ValueError(f"{name} has no volume: no file ends in {ENDING}")
    return arrays, _geometry(first)


def read_stored(file: str, data: bytes) -> Stored:
    """Return what a file of the studio's holds.

    Args:
        file: its name, for messages.
        data: its bytes.

    Raises:
        ValueError: it is not of this kind, or damaged.
    """
    unpacker = zlib.decompressobj(31)
    head = _unpacked(unpacker, data, FIRST_BYTE, file)
    shape, kind, offset = _promise(head, file)
    need = offset + math.prod(shape) * kind.itemsize
    if need > _DEFLATE_LIMIT * len(data):
        raise ValueError(f"{file}: its header promises {need} bytes, more than {len(data)} can unpack to")
    rest = _unpacked(unpacker, unpacker.unconsumed_tail, need - FIRST_BYTE, file)
    more = b"" if unpacker.eof else _unpacked(unpacker, unpacker.unconsumed_tail, 1, file, exactly=False)
    if more or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"{file} does not end where its header says, after {need} bytes")
    values = np.frombuffer(rest, kind, offset=offset - FIRST_BYTE).reshape(shape, order="F")
    spacing = tuple(float(v) for v in struct.unpack_from("<3f", head, 80))
    affine = np.eye(4, dtype=np.float32)
    affine[:3] = np.frombuffer(head, "<f4", 12, 280).reshape(3, 4)
    if not (np.isfinite(affine).all() and all(0 < s < math.inf for s in spacing)):
        raise ValueError(f"{file}: its affine or its spacing ({spacing}) is not one of numbers above 0")
    descrip = head[148:228].split(b"\0")[0].decode("ascii", "replace")
    return Stored(np.ascontiguousarray(values), spacing, affine, descrip, _extension(head, rest, offset))


def _unpacked(unpacker: Any, data: bytes, need: int, file: str, exactly: bool = True) -> bytes:
    try:
        found: bytes = unpacker.decompress(data, need)
    except zlib.error as error:
        raise ValueError(f"{file} cannot be unpacked ({error})") from error
    if exactly and len(found) != need:
        raise ValueError(f"{file} is cut: {len(found)} of {need} bytes of it unpack")
    return found


def _promise(head: bytes, file: str) -> tuple[tuple[int, int, int], np.dtype[Any], int]:
    """Return (shape, type, first byte of the voxels) if the header is one of the studio's kind."""
    if struct.unpack_from("<i", head) != (HEADER,) or head[344:348] != b"n+1\0":
        raise ValueError(f"{file} is no NIfTI-1 file of little endian")
    axes, *dims = struct.unpack_from("<8h", head, 40)
    shape = (dims[0], dims[1], dims[2])
    if axes != 3 or min(shape) < 1 or math.prod(shape) > MOST_VOXELS:
        said = " x ".join(map(str, dims[: max(0, min(axes, 7))]))
        raise ValueError(f"{file} says {said} voxels; three axes and up to {MOST_VOXELS // 10**6} million are read")
    code, slope, intercept = struct.unpack_from("<h", head, 70)[0], *struct.unpack_from("<2f", head, 112)
    offset = struct.unpack_from("<f", head, 108)[0]
    if code not in TYPES or (slope, intercept) not in ((0, 0), (1, 0)):
        raise ValueError(
            f"{file} has voxels of type {code}, scaled by {slope:g} and {intercept:g}; the studio's are not"
        )
    if not (offset == int(offset) and FIRST_BYTE <= offset <= FIRST_BYTE + LONGEST_EXTENSION):
        raise ValueError(f"{file}: its voxels begin at byte {offset:g}; that is not behind its header")
    return shape, TYPES[code], int(offset)


def _extension(head: bytes, rest: bytes, offset: int) -> dict[str, Any]:
    """Return the JSON of the first header extension; empty if there is none."""
    room = offset - FIRST_BYTE
    if head[348] == 0 or room < 8:
        return {}
    size, code = struct.unpack_from("<2i", rest)
    if code != COMMENT or not 8 <= size <= room:
        return {}
    try:
        found = json.loads(rest[8:size].rstrip(b"\0"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _geometry(stored: Stored) -> ImageGeometry:
    """Return the geometry: exact from the provenance where the header, in float32, agrees with it."""
    unit = str(stored.about.get("unit") or "1")[:32]
    rows = tuple(tuple(float(v) for v in row) for row in stored.affine)
    try:
        spacing = tuple(float(v) for v in stored.about["spacing_mm"])
        given = stored.about["affine"]
        exact = np.eye(4) * [*spacing, 1] if given is None else np.asarray(given, float)
        agree = np.array_equal(exact.astype(np.float32), stored.affine)
        agree &= np.array_equal(np.asarray(spacing, np.float32), np.asarray(stored.spacing_mm, np.float32))
    except (KeyError, TypeError, ValueError):
        agree = False
    if not agree:
        return ImageGeometry(stored.spacing_mm, rows, unit)
    return ImageGeometry(spacing, None if given is None else tuple(tuple(map(float, row)) for row in given), unit)
