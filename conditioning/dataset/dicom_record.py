"""Reads the DICOM files that the studio writes: a Digital X-Ray Image for presentation, 16 bit, uncompressed.

What any other program wrote is read by the readers of real data; here a file must be exactly of the kind that the
data set says, and its header must fit its pixels.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from ..record import ImageGeometry

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = ("dcm",)
_PLAIN = b"1.2.840.10008.1.2.1"  # explicit VR, little endian
_SYNTAX = b"\x02\x00\x10\x00UI"  # (0002,0010), the element that names the transfer syntax
_KIND: dict[str, Any] = {
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1",
    "SyntheticData": "YES",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 0,
    "RescaleIntercept": 0,
    "RescaleSlope": 1,
    "PresentationLUTShape": "IDENTITY",
}


def decode(name: str, members: Mapping[str, bytes]) -> tuple[dict[str, np.ndarray], ImageGeometry]:
    """Return the arrays and the geometry of one radiograph.

    Args:
        name: sample id.
        members: bytes per suffix; `dcm` is needed.

    Returns:
        `image`, float32 (rows, columns) in [0, 1]; the geometry.

    Raises:
        ValueError: not a DICOM file of this kind, damaged, or its header does not fit its pixels.
    """
    file = f"{name}.dcm"
    data = members["dcm"]
    _check_syntax(data, file)
    read = _read(data, file)
    for keyword, expected in _KIND.items():
        if read[keyword] != expected:
            raise ValueError(f"{file}: {keyword} is {read[keyword]!r}; the studio's files have {expected!r}")
    rows, columns, stored = read["Rows"], read["Columns"], read["PixelData"]
    if not (rows and columns) or not isinstance(stored, bytes) or len(stored) != 2 * rows * columns:
        raise ValueError(
            f"{file} says {rows} x {columns} pixels of 16 bit and holds {len(stored or b'')} bytes of them"
        )
    pixels = np.frombuffer(stored, "<u2").reshape(rows, columns)
    image = pixels.astype(np.float32) / np.float32(65535)
    return {"image": image}, ImageGeometry(_spacing_mm(read["ImagerPixelSpacing"], file))


def _check_syntax(data: bytes, file: str) -> None:
    """Refuse a transfer syntax that would be unpacked while it is read, before it is read."""
    if data[128:132] != b"DICM":
        raise ValueError(f"{file} is not a DICOM file: it lacks the mark DICM at byte 128")
    at = data.find(_SYNTAX, 132, 132 + 2048)
    length = struct.unpack_from("<H", data, at + 6)[0] if 0 <= at <= len(data) - 8 else 0
    found = data[at + 8 : at + 8 + length].rstrip(b"\0 ")
    if found != _PLAIN:
        raise ValueError(f"{file} has the transfer syntax {found!r}; the studio's files have {_PLAIN.decode()}")


def _read(data: bytes, file: str) -> dict[str, Any]:
    """Return the elements that the image needs; an element that is missing is None."""
    from pydicom import dcmread

    wanted = [*_KIND, "Rows", "Columns", "ImagerPixelSpacing", "PixelData"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd and matters is refused below
            dicom: Dataset = dcmread(BytesIO(data))
            return {keyword: dicom.get(keyword) for keyword in wanted}
    except Exception as error:  # a damaged file can make pydicom raise almost anything
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{file} cannot be read as DICOM: {why}") from error


def _spacing_mm(found: Any, file: str) -> tuple[float, float]:
    try:
        dy, dx = (float(v) for v in found)
    except (TypeError, ValueError):
        dy = dx = math.nan
    if not (0 < dy < math.inf and 0 < dx < math.inf):
        raise ValueError(f"{file}: ImagerPixelSpacing is {found!r}; two lengths above 0 in mm are needed")
    return dy, dx
