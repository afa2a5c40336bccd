"""What all readers of files with pixels share: sizes held against the file before decoding, and errors in one line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from ..words import first_line

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


@contextmanager
def opened(path: Path, size: int, needed: str) -> Iterator[Any]:
    """Open a raster picture whose header was checked; what goes wrong while it is used is told in one line, too.

    Args:
        path: of the file.
        size: its bytes.
        needed: what to say of a picture in a printer's colours.

    Raises:
        ValueError: no such picture, several in one, too large, or cut.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                _check_header(image, size, needed)
                yield image
    except Image.UnidentifiedImageError:
        raise ValueError("is no PNG, JPEG, TIFF or BMP image, whatever its name says") from None
    except Image.DecompressionBombError:
        raise ValueError(f"claims more pixels than the {MOST_PIXELS // 10**6} million that are read") from None
    except (OSError, SyntaxError, EOFError, IndexError, KeyError) as error:
        raise ValueError(f"cannot be decoded, it is cut or damaged: {first_line(error)}") from error


def _check_header(image: Any, size: int, needed: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"holds {frames} pictures (an animation or a stack); one is needed")
    wide = 4 if image.mode in ("I", "F") else 2 if image.mode.startswith("I;16") else 1
    check_size(image.height, image.width, len(image.getbands()) * wide, size)
    if image.mode == "CMYK":
        raise ValueError(f"has the four colours of a printer (CMYK); {needed}")


def plain(image: Any, opaque: str) -> Shaped[np.ndarray, "rows cols *channels"]:
    """Return the pixels of an opened picture: (rows, cols), or (rows, cols, 3) of red, green and blue.

    Args:
        image: from `opened`.
        opaque: what to say of one that is transparent in places.

    Raises:
        ValueError: it is transparent in places.
    """
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode in ("YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    values = np.asarray(image)
    if values.ndim == 2:
        return values
    if values.shape[2] in (2, 4):
        if values[..., -1].min() < 255:
            raise ValueError(f"is transparent in places; {opaque}")
        values = values[..., :-1]
    return values[..., 0] if values.shape[2] == 1 else values


def colours_apart(values: Shaped[np.ndarray, "rows cols 3"]) -> int:
    """Return how far red, green and blue differ at most, of 255; 0 where the three are one grey picture."""
    apart = values.max(axis=2).astype(np.int16) - values.min(axis=2)
    return int(apart.max()) if np.percentile(apart, 99.9) > _COLOUR else 0


def stored_array(path: Path) -> np.ndarray:
    """Return the array of a .npy file, not yet read into memory.

    Raises:
        ValueError: it is cut, damaged or a pickle.
    """
    try:
        values: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, OverflowError) as error:
        raise ValueError(f"cannot be read as an array, it is cut or damaged: {first_line(error)}") from error
    return values


def depth_of(values: Shaped[np.ndarray, "*shape"], high: float) -> int:
    """Return the bits of whole numbers up to `high`: 8 of bytes, else the least of 8, 10, 12, 14, 16; 0 beyond."""
    return 8 if values.dtype.itemsize == 1 else next((d for d in _DEPTHS if high < 2**d), 0)
