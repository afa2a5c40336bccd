"""The grey image in one file (PNG, JPEG, TIFF, .npy, DICOM), checked before and after it is decoded.

An RGB file whose three channels are the same picture is read as grey; one with colour is refused: a drawing, a heat map
or a photograph of a screen is no radiograph, and turning it grey would hide that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from .decoding import (
    DICOM,
    SUFFIXES,
    check_size,
    colours_apart,
    depth_of,
    file_size,
    opened,
    plain,
    stored_array,
)


@dataclass(frozen=True)
class FileImage:
    """A radiograph as its file holds it.

    Attributes:
        image: float32 (rows, cols) in [0, 1]; white is dense.
        spacing_mm: (dy, dx), or None where the file does not say it.
        about: what the file states beside its pixels (JSON values).
        facts: what its header says of patient and view, as condition fields.
        shape: (rows, cols) of the file's own image; `image` may be that of a JPEG decoded at a half or less.
    """

    image: Float[np.ndarray, "rows cols"]
    spacing_mm: tuple[float, float] | None
    about: dict[str, Any]
    facts: dict[str, Any]
    shape: tuple[int, int]


def read_image(
    path: Path, *, bits: int | None = None, inverted: bool = False, at_least: int | None = None
) -> FileImage:
    """Return the image of one file.

    Args:
        path: a file that ends in one of `SUFFIXES`.
        bits: depth that 16-bit values were stored with; when None the least of 8, 10, 12, 14 and 16 that holds them.
        inverted: the file shows dense as black, and does not say so itself.
        at_least: a JPEG may be decoded at a half, quarter or eighth, if both sides keep this many pixels.

    Raises:
        ValueError: what is wrong, in one line that begins with the file's name.
    """
    try:
        return _read(path, bits, inverted, at_least)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    except MemoryError:
        raise ValueError(f"{path.name}: does not fit into memory") from None


def _read(path: Path, bits: int | None, inverted: bool, at_least: int | None) -> FileImage:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"does not end in one of {', '.join(SUFFIXES)}")
    size = file_size(path)
    if suffix in DICOM:
        from .dicom_image import read_dicom_image

        read = read_dicom_image(path, size)
    else:
        values, shape = _npy(path) if suffix == ".npy" else _raster(path, size, at_least)
        image, about = _unit(values, bits)
        read = FileImage(image, None, about, {}, shape)
    return replace(read, image=1 - read.image, about={**read.about, "inverted": True}) if inverted else read


def checked_values(values: Shaped[np.ndarray, "rows cols"]) -> None:
    """Refuse values that show nothing.

    Raises:
        ValueError: a value that is no number, or the same everywhere.
    """
    if values.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise ValueError(f"{bad} of {values.size} pixels are not numbers")
    low, high = values.min(), values.max()
    if low == high:
        raise ValueError(f"is constant: every pixel is {low:g}")


def _raster(path: Path, size: int, at_least: int | None) -> tuple[Shaped[np.ndarray, "rows cols"], tuple[int, int]]:
    with opened(path, size, "a grey image is needed") as image:
        if image.mode == "1":
            raise ValueError("has one bit a pixel; a radiograph has grey levels")
        shape = (image.height, image.width)
        if at_least is not None:
            image.draft(None, (at_least, at_least))  # nothing happens but to a JPEG
        return _grey(image), shape


def _grey(image: Any) -> Shaped[np.ndarray, "rows cols"]:
    """Return the pixels of a grey image, or of a colour image without colour."""
    values = plain(image, "a radiograph is not")
    if values.ndim == 2:
        return values
    if apart := colours_apart(values):
        raise ValueError(f"has colour: red, green and blue differ by up to {apart} of 255")
    return values[..., 1]


def _npy(path: Path) -> tuple[Shaped[np.ndarray, "rows cols"], tuple[int, int]]:
    values = stored_array(path)
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise ValueError(f"is an array {values.shape} of {values.dtype}; (rows, cols) of numbers is needed")
    rows, cols = values.shape
    check_size(rows, cols, values.dtype.itemsize, path.stat().st_size)
    return np.asarray(values), (rows, cols)


def _unit(
    values: Shaped[np.ndarray, "rows cols"], bits: int | None
) -> tuple[Float[np.ndarray, "rows cols"], dict[str, Any]]:
    """Return values as float32 in [0, 1], and the depth that was taken as white."""
    checked_values(values)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if low < 0 or high > 1:
            raise ValueError(f"has fractions from {low:g} to {high:g}; they must lie in 0..1")
        return values.astype(np.float32), {"bits": 8 * values.dtype.itemsize}
    depth = bits or depth_of(values, high)
    if low < 0 or depth == 0 or high >= 2**depth:
        raise ValueError(f"has values from {low:g} to {high:g}; 0 to {2 ** (depth or 16) - 1} are read")
    image = values.astype(np.float32)
    image *= np.float32(1 / (2**depth - 1))
    return np.minimum(image, np.float32(1), out=image), {"bits": depth}
