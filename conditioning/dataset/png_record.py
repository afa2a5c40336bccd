"""Reads the PNG files that the studio writes: one grey channel of 8 or 16 bit, provenance inside.

Every chunk's CRC, the header's promises and the length of the unpacked data are held against each other before an
image is believed, and nothing is unpacked that is larger than the header may promise.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..record import ImageGeometry

SUFFIXES = ("png",)
LARGEST_PIXELS = 2**26  # 8192 x 8192; a radiograph has up to 3000 x 4000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEFLATE_LIMIT = 1032  # deflate packs no more than this many bytes into one
_UP = 2  # the row filter that the studio writes: differences to the row above
_KNOWN = (b"IHDR", b"IDAT", b"IEND")


def decode(name: str, members: Mapping[str, bytes]) -> tuple[dict[str, np.ndarray], ImageGeometry]:
    """Return the arrays and the geometry of one radiograph.

    Args:
        name: sample id.
        members: bytes per suffix; `png` is needed.

    Returns:
        `image`, float32 (rows, columns) in [0, 1]; the geometry.

    Raises:
        ValueError: not a PNG of this kind, damaged, or its header promises what the file cannot hold.
    """
    file = f"{name}.png"
    chunks = list(_chunks(members["png"], file))
    rows, columns, bits = _header(chunks, file)
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    lines = _unpacked(packed, rows, columns * bits // 8 + 1, file)
    if (lines[:, 0] != _UP).any():
        raise ValueError(f"{file} has rows in a filter that the studio does not write: another program saved it")
    values = np.add.accumulate(lines[:, 1:], axis=0, dtype=np.uint8)  # wraps around, as the filter does
    pixels = np.ascontiguousarray(values).view(">u2" if bits == 16 else np.uint8)
    image = pixels.astype(np.float32) / np.float32(2**bits - 1)
    return {"image": image}, ImageGeometry(_spacing_mm(chunks, file))


def _chunks(data: bytes, file: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, content) of every chunk, its CRC checked; the file must end with the last."""
    if not data.startswith(_SIGNATURE):
        raise ValueError(f"{file} is not a PNG: it begins with {data[:8]!r}")
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at) if at + 12 <= len(data) else (-1, b"")
        content = data[at + 8 : at + 8 + length]
        if length < 0 or at + 12 + length > len(data):
            raise ValueError(f"{file} is cut: it ends at byte {len(data)}, inside a chunk or before the last")
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        if crc != zlib.crc32(kind + content):
            raise ValueError(f"{file}: the chunk {kind!r} at byte {at} does not fit its CRC")
        at += 12 + length
        yield kind, content
    if at != len(data):
        raise ValueError(f"{file} goes on for {len(data) - at} bytes after its end")


def _header(chunks: list[tuple[bytes, bytes]], file: str) -> tuple[int, int, int]:
    """Return (rows, columns, bits) if the file is one of the studio's kind."""
    kinds = [kind for kind, _ in chunks]
    strange = [k for k in kinds if not k[0] & 32 and k not in _KNOWN]  # a capital first letter: cannot be left unread
    if kinds[0] != b"IHDR" or len(chunks[0][1]) != 13 or kinds.count(b"IHDR") != 1 or strange:
        raise ValueError(f"{file} has the chunks {kinds[:4]}; IHDR comes first and once, and there is no {strange}")
    columns, rows, bits, colour, packing, filtering, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if colour != 0 or bits not in (8, 16):
        raise ValueError(f"{file} has colour type {colour} of {bits} bit; the studio's have one grey channel, 8 or 16")
    if (packing, filtering, interlaced) != (0, 0, 0):
        raise ValueError(f"{file} is interlaced or packed by a method that is not PNG's")
    if not (rows and columns) or rows * columns > LARGEST_PIXELS:
        raise ValueError(f"{file} says {rows} x {columns} pixels; up to {LARGEST_PIXELS} are read")
    return rows, columns, bits


def _unpacked(packed: bytes, rows: int, stride: int, file: str) -> np.ndarray:
    """Return the unpacked rows with their filter bytes, uint8 (rows, stride)."""
    need = rows * stride
    if need > _DEFLATE_LIMIT * len(packed):
        raise ValueError(f"{file}: its header promises {need} bytes of pixels, more than {len(packed)} can unpack to")
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(packed, need)
        more = b"" if unpacker.eof else unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error as error:
        raise ValueError(f"{file}: its pixels cannot be unpacked ({error})") from error
    if len(found) != need or more or not unpacker.eof or unpacker.unused_data:
        raise ValueError(f"{file}: its pixels are not the {need} bytes that its header promises")
    return np.frombuffer(found, np.uint8).reshape(rows, stride)


def _spacing_mm(chunks: list[tuple[bytes, bytes]], file: str) -> tuple[float, float]:
    """Return (row, column) spacing: exact from the provenance if pHYs agrees with it, else what pHYs says."""
    density = next((data for kind, data in chunks if kind == b"pHYs" and len(data) == 9), None)
    across, down, unit = struct.unpack(">IIB", density) if density else (0, 0, 0)
    if unit != 1 or not (across and down):
        raise ValueError(f"{file} does not say how far its pixels lie apart (pHYs in metres)")
    try:
        dy, dx = (float(v) for v in provenance(chunks)["spacing_mm"])
        exact = min(dy, dx) > 0 and (round(1000 / dx), round(1000 / dy)) == (across, down)
    except (KeyError, TypeError, ValueError, OverflowError):
        exact = False
    return (dy, dx) if exact else (1000 / down, 1000 / across)


def provenance(chunks: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Return what the chunk `iTXt` with the keyword `clinsynth` says; empty if there is none or it is not JSON."""
    head = b"clinsynth\0\0\0\0\0"
    text = next((data[len(head) :] for kind, data in chunks if kind == b"iTXt" and data.startswith(head)), b"{}")
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read_provenance(data: bytes, file: str) -> dict[str, Any]:
    """Return the provenance that a PNG of the studio carries.

    Args:
        data: the file's bytes.
        file: its name, for the message.

    Raises:
        ValueError: not a PNG, cut, or a chunk does not fit its CRC.
    """
    return provenance(list(_chunks(data, file)))
