"""The file formats that records can be written in."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from ...conditioning.record import Record
from ...conditioning.words import unknown
from .origin import Origin


class Encode(Protocol):
    """Turns a record, and the data set it belongs to, into its files: bytes per suffix, the one opened first ahead."""

    def __call__(self, record: Record, origin: Origin | None = None) -> dict[str, bytes]:
        """Return the files of a record."""
        ...


# A line per format: name -> "module:function" that encodes. Its reader's line is in conditioning/dataset/formats.py.
ENCODERS: dict[str, str] = {
    "wfdb": ".wfdb_format:encode",
    "png": ".png_format:encode",
    "png16": ".png_format:encode16",
    "dicom": ".dicom_format:encode",
    "nifti": ".nifti_format:encode",
}

IMAGES = ("png", "png16", "dicom")  # one image a sample; any of them can be exported as any other

# The packages, beside those that every data set names, whose version has a part in a format's bytes.
PACKAGES: dict[str, tuple[str, ...]] = {"dicom": ("pydicom",)}
COMPRESSED = ("png", "png16", "nifti")  # zlib has a part in their bytes


def encoder(name: str) -> Encode:
    """Return the encoder of a file format.

    Raises:
        ValueError: no such format.
    """
    if name not in ENCODERS:
        raise ValueError(unknown("format", name, ENCODERS))
    module, function = ENCODERS[name].split(":")
    encode: Encode = getattr(import_module(module, __package__), function)
    return encode
