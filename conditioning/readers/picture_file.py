"""A picture of any kind in one file: grey or colour, with the range that its file says, checked before it is decoded.

Unlike `image_file`, which reads radiographs, colour is kept, and what a picture shows is nobody's business here: a
constant image or a NaN is read as it is, and the gate of an evaluation tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from .decoding import DICOM, SUFFIXES, check_size, colours_apart, depth_of, file_size, opened, plain, stored_array

RAW = "raw"  # unit of values whose range is their own


@dataclass(frozen=True)
class Picture:
    """A picture as its file holds it.

    Attributes:
        image: float32 (rows, cols), or (rows, cols, 3) where it has colour.
        unit: `1` for 0 to 1, or `raw`.
        spacing_mm: (dy, dx), or None where the file does not say it.
        about: what the file states beside its pixels (JSON values).
        facts: what its header says of the patient.
    """

    image: Float[np.ndarray, "rows cols *channels"]
    unit: str
    spacing_mm: tuple[float, float] | None
    about: dict[str, Any]
    facts: dict[str, Any]


def read_picture(path: Path, *, bits: int | None = None) -> Picture:
    """Return the picture of one file.

    Args:
        path: a file that ends in one of `SUFFIXES`.
        bits: depth that whole numbers were stored with; when None the least of 8, 10, 12, 14 and 16 that holds them.

    Raises:
        ValueError: what is wrong, in one line that begins with the file's name.
    """
    try:
        return _read(path, bits)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    except MemoryError:
        raise ValueError(f"{path.name}: does not fit into memory") from None


def read_labels(path: Path) -> Shaped[np.ndarray, "rows cols"]:
    """Return the whole numbers of a segmentation in a picture's file: levels or palette entries, as int32.

    Raises:
        ValueError: it cannot be read, has colour or fractions; in one line that begins with the file's name.
    """
    try:
        file_size(path)
        values = _npy(path) if path.suffix.lower() == ".npy" else _pixels(path, palette=True)
        if values.ndim != 2:
            raise ValueError("has colour; a segmentation has one whole number a pixel")
        if not np.isfinite(values).all() or (values != np.rint(values)).any():
            raise ValueError("has values that are no whole numbers; a segmentation has one label a pixel")
        return values.astype(np.int32)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _read(path: Path, bits: int | None) -> Picture:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"does not end in one of {', '.join(SUFFIXES)}")
    size = file_size(path)
    if suffix in DICOM:
        from .dicom_image import read_dicom_image

        read = read_dicom_image(path, size, modalities=None)
        return Picture(read.image, "1", read.spacing_mm, read.about, read.facts)
    values = _npy(path) if suffix == ".npy" else _pixels(path)
    image, unit, about = to_unit(values, bits)
    return Picture(image, unit, None, about, {})


def to_unit(
    values: Shaped[np.ndarray, "*shape"], bits: int | None = None
) -> tuple[Float[np.ndarray, "*shape"], str, dict[str, Any]]:
    """Return values as float32 from 0 to 1 where their type says what is white, else as they are; with the unit.

    Args:
        values: whole numbers from 0, which are levels of a depth; fractions in 0 to 1; or anything else.
        bits: the depth of whole numbers.

    Raises:
        ValueError: whole numbers beyond the depth given.
    """
    if values.dtype.kind == "b":
        return values.astype(np.float32), "1", {"bits": 1}
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if values.dtype.kind == "f" or low < 0:
        unit = "1" if values.dtype.kind == "f" and low >= 0 and high <= 1 else RAW
        return values.astype(np.float32), unit, {}
    depth = bits or depth_of(values, high)
    if depth and high >= 2**depth:
        raise ValueError(f"has values up to {high:g}; bits = {bits} holds {2**depth - 1}")
    if not depth:
        return values.astype(np.float32), RAW, {}
    return values.astype(np.float32) / np.float32(2**depth - 1), "1", {"bits": depth}


def _npy(path: Path) -> Shaped[np.ndarray, "rows cols *channels"]:
    values = stored_array(path)
    grey, colour = values.ndim == 2, values.ndim == 3 and values.shape[2] == 3
    if not (grey or colour) or values.dtype.kind not in "biuf":
        said = f"is an array {values.shape} of {values.dtype}"
        raise ValueError(f"{said}; (rows, cols) or (rows, cols, 3) of numbers is needed")
    wide = values.dtype.itemsize * (3 if colour else 1)
    check_size(values.shape[0], values.shape[1], wide, path.stat().st_size)
    return np.asarray(values)


def _pixels(path: Path, palette: bool = False) -> Shaped[np.ndarray, "rows cols *channels"]:
    with opened(path, path.stat().st_size, "red, green and blue are needed") as image:
        return np.asarray(image) if palette and image.mode == "P" else _grey_or_colour(image)


def _grey_or_colour(image: Any) -> Shaped[np.ndarray, "rows cols *channels"]:
    """Return (rows, cols) of a picture without colour, (rows, cols, 3) of one with it."""
    values = plain(image, "a picture without an alpha channel is needed")
    return values if values.ndim == 2 or colours_apart(values) else values[..., 1]
