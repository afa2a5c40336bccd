"""The grey image in one file (PNG, JPEG, TIFF, .npy, DICOM), checked before and after it is decoded.

An RGB file whose three channels are the same picture is read as grey; one with colour is refused: a drawing, a heat map
or a photograph of a screen is no radiograph, and turning it grey would hide that.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

RASTER = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
DICOM = frozenset({".dcm", ".dicom"})
SUFFIXES = (*sorted(RASTER), ".npy", *sorted(DICOM))
MOST_PIXELS = 64_000_000  # a chest radiograph has 4 to 25 million
SMALLEST_SIDE = 8
_MOST_BYTES_PER_BYTE = 250  # what a picture of tissue never compresses to; small files may
_SMALL = 64_000_000
_COLOUR = 8  # of 255: JPEG rounds the channels of a grey picture apart by less
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_DEPTHS = (8, 10, 12, 14, 16)


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


def file_size(path: Path) -> int:
    """Return a file's size in bytes.

    Raises:
        ValueError: no such file, or an empty one.
    """
    if not path.is_file():
        raise ValueError("does not exist" if not path.exists() else "is a folder")
    size = path.stat().st_size
    if size == 0:
        raise ValueError("is empty (0 bytes)")
    return size


def check_size(rows: int, cols: int, bytes_per_pixel: int, stored: int) -> None:
    """Hold the size that a header claims against what there can be, before anything is decoded.

    Args:
        rows: of the image.
        cols: of the image.
        bytes_per_pixel: after decoding.
        stored: bytes that the file holds.

    Raises:
        ValueError: too small, too large, or more than the file's bytes can be.
    """
    if min(rows, cols) < SMALLEST_SIDE:
        raise ValueError(f"is {rows} x {cols} pixels; a side has at least {SMALLEST_SIDE}")
    if rows * cols > MOST_PIXELS:
        raise ValueError(f"claims {rows} x {cols} pixels; more than {MOST_PIXELS // 10**6} million are not read")
    claimed = rows * cols * bytes_per_pixel
    if claimed > max(_SMALL, _MOST_BYTES_PER_BYTE * stored):
        raise ValueError(f"claims {rows} x {cols} pixels ({claimed} bytes), and the file holds {stored} bytes")


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
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                _check_header(image, size)
                shape = (image.height, image.width)
                if at_least is not None:
                    image.draft(None, (at_least, at_least))  # nothing happens but to a JPEG
                return _grey(image), shape
    except Image.UnidentifiedImageError:
        raise ValueError("is no PNG, JPEG, TIFF or BMP image, whatever its name says") from None
    except Image.DecompressionBombError:
        raise ValueError(f"claims more pixels than the {MOST_PIXELS // 10**6} million that are read") from None
    except (OSError, SyntaxError, EOFError, IndexError, KeyError) as error:
        raise ValueError(f"cannot be decoded, it is cut or damaged: {_first_line(error)}") from error


def _check_header(image: Any, size: int) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"holds {frames} pictures (an animation or a stack); one is needed")
    bands = len(image.getbands())
    wide = 4 if image.mode in ("I", "F") else 2 if image.mode.startswith("I;16") else 1
    check_size(image.height, image.width, bands * wide, size)
    if image.mode == "CMYK":
        raise ValueError("has the four colours of a printer (CMYK); a grey image is needed")
    if image.mode == "1":
        raise ValueError("has one bit a pixel; a radiograph has grey levels")


def _grey(image: Any) -> Shaped[np.ndarray, "rows cols"]:
    """Return the pixels of a grey image, or of a colour image without colour."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode in ("YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    values = np.asarray(image)
    if values.ndim == 2:
        return values
    if values.shape[2] in (2, 4):
        if values[..., -1].min() < 255:
            raise ValueError("is transparent in places; a radiograph is not")
        values = values[..., :-1]
    if values.shape[2] == 1:
        return values[..., 0]
    apart = values.max(axis=2).astype(np.int16) - values.min(axis=2)
    if np.percentile(apart, 99.9) > _COLOUR:
        raise ValueError(f"has colour: red, green and blue differ by up to {int(apart.max())} of 255")
    return values[..., 1]


def _npy(path: Path) -> tuple[Shaped[np.ndarray, "rows cols"], tuple[int, int]]:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, OverflowError) as error:
        raise ValueError(f"cannot be read as an array, it is cut or damaged: {_first_line(error)}") from error
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
    depth = bits or (8 if values.dtype.itemsize == 1 else next((d for d in _DEPTHS if high < 2**d), 0))
    if low < 0 or depth == 0 or high >= 2**depth:
        raise ValueError(f"has values from {low:g} to {high:g}; 0 to {2 ** (depth or 16) - 1} are read")
    image = values.astype(np.float32)
    image *= np.float32(1 / (2**depth - 1))
    return np.minimum(image, np.float32(1), out=image), {"bits": depth}


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
