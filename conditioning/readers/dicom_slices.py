"""A DICOM series, one slice a file, as a volume: slices in their order in space, none missing, none twice.

Source: DICOM PS3.3, C.7.6.2 (image plane): position and orientation are of a patient's left, back and head (LPS).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..words import first_line
from .decoding import DICOM, file_size
from .volume_file import FileVolume, check_voxels, turned

_GEOMETRY = ("SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
_ALIKE = 1e-3  # of direction cosines
_UNEVEN = 0.05  # of the distance between slices
_BYTES_PER_BYTE = 250  # what a slice of tissue never compresses to
_SMALL = 64_000_000


def dicom_files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder that may be DICOM: `.dcm`, `.dicom` or no suffix, in the order of their paths."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and (path.suffix.lower() in DICOM or _bare(path)):
            yield path


def _bare(path: Path) -> bool:
    """Return whether a name has no suffix; the last part of a UID such as 1.2.840.7 is none."""
    return path.name != "DICOMDIR" and (not path.suffix or path.suffix[1:].isdigit())


def read_head(path: Path, tags: Sequence[str] | None = None) -> Any:
    """Return a file's header, without pixels; None of a file that is no DICOM file.

    Raises:
        ValueError: it is one, and cut or damaged.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        file_size(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return dcmread(path, stop_before_pixels=True, specific_tags=None if tags is None else list(tags))
    except InvalidDicomError:
        return None
    except Exception as error:  # what a broken header makes pydicom raise is not foreseeable
        raise ValueError(f"{path.name}: cannot be read as DICOM, it is cut or damaged: {first_line(error)}") from error


def series_files(folder: Path, uid: str) -> list[Path]:
    """Return the files of a series in the order of their slices, from the first position to the last.

    Args:
        folder: where they lie, or above.
        uid: Series Instance UID.

    Raises:
        ValueError: no such folder or series, or slices of which no volume can be made.
    """
    return [path for path, _ in _slices(folder, uid)]


def read_series(folder: Path, uid: str) -> FileVolume:
    """Return the volume of a series: rescaled values, float32, its axes turned to right, front and head.

    Args:
        folder: where its files lie, or above.
        uid: Series Instance UID.

    Raises:
        ValueError: slices are missing, there twice or unlike each other, or one cannot be decoded; in one line.
    """
    slices = _slices(folder, uid)
    head = slices[0][1]
    shape = (int(head.Columns), int(head.Rows), len(slices))
    stored = sum(path.stat().st_size for path, _ in slices)
    check_voxels(shape, 2, max(_SMALL, _BYTES_PER_BYTE * stored), packed=False)
    values = np.empty(shape, np.float32)
    for k, (path, _) in enumerate(slices):
        values[:, :, k] = _pixels(path, (shape[1], shape[0])).T
    affine = _affine(slices)
    affine[:2] *= -1  # LPS to RAS
    return turned(values, affine)


def _slices(folder: Path, uid: str) -> list[tuple[Path, Any]]:
    """Return (file, header) of a series in the order of its slices, after all checks of its geometry."""
    if not folder.is_dir():
        raise ValueError(f"{folder.name}: does not exist; a folder with a DICOM series was expected")
    heads = [(path, head) for path in dicom_files(folder) if (head := read_head(path, _GEOMETRY)) is not None]
    found = [(path, head) for path, head in heads if str(head.get("SeriesInstanceUID", "")) == uid]
    if not found:
        raise ValueError(f"{folder.name}: holds no file of the series {uid}")
    for path, head in found:
        missing = [name for name in _GEOMETRY if head.get(name) in (None, "")]
        if missing:
            raise ValueError(f"{path.name}: has no {missing[0]}; an enhanced (multi-frame) file must be split first")
    return _in_order(found)


def _in_order(found: list[tuple[Path, Any]]) -> list[tuple[Path, Any]]:
    first = found[0][1]
    if len(found) < 2:
        raise ValueError(f"{found[0][0].name}: is the only slice of its series; a volume needs more")
    for path, head in found[1:]:
        for name in _GEOMETRY[2:]:
            one, other = (np.atleast_1d(np.asarray(h.get(name), float)) for h in (first, head))
            if one.shape != other.shape or np.abs(one - other).max() > _ALIKE:
                raise ValueError(f"{path.name}: its {name} is another than that of {found[0][0].name} of its series")
    normal = _normal(first)
    ordered = sorted(found, key=lambda item: float(_position(item[1]) @ normal))
    _check_steps(ordered, normal)
    return ordered


def _position(head: Any) -> Float[np.ndarray, " 3"]:
    return np.asarray(head.ImagePositionPatient, float)


def _normal(head: Any) -> Float[np.ndarray, " 3"]:
    across, down = np.asarray(head.ImageOrientationPatient, float).reshape(2, 3)
    return np.cross(across, down)


def _check_steps(ordered: list[tuple[Path, Any]], normal: Float[np.ndarray, " 3"]) -> None:
    """Refuse a series whose slices do not follow each other at one distance, along one line."""
    positions = np.stack([_position(head) for _, head in ordered])
    steps = np.diff(positions @ normal)
    usual = float(np.median(steps))
    where = int(np.argmin(steps))
    if steps[where] <= 1e-3 * max(usual, 1e-3) or usual <= 0:
        names = " and ".join(path.name for path, _ in ordered[where : where + 2])
        raise ValueError(f"{names}: lie in one place; a volume needs each slice once")
    where = int(np.argmax(steps))
    missing = round(steps[where] / usual) - 1
    names = " and ".join(path.name for path, _ in ordered[where : where + 2])
    if missing:
        raise ValueError(f"{names}: {missing} of the slices between them are missing ({steps[where]:.4g} mm apart)")
    if np.abs(steps - usual).max() > _UNEVEN * usual:
        raise ValueError(f"{names}: lie {steps[where]:.4g} mm apart and most slices {usual:.4g} mm; they must be alike")
    aside = np.diff(positions, axis=0) - steps[:, None] * normal
    if np.linalg.norm(aside, axis=1).max() > _UNEVEN * usual:
        raise ValueError(f"{names}: are shifted sideways against each other; a tilted series is not read")


def _affine(ordered: list[tuple[Path, Any]]) -> Float[np.ndarray, "4 4"]:
    """Return the affine of (column, row, slice) to the patient's left, back and head in mm."""
    head = ordered[0][1]
    across, down = np.asarray(head.ImageOrientationPatient, float).reshape(2, 3)
    dy, dx = (float(v) for v in head.PixelSpacing)
    first, last = _position(head), _position(ordered[-1][1])
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = across * dx, down * dy
    affine[:3, 2] = (last - first) / (len(ordered) - 1)
    affine[:3, 3] = first
    return affine


def _pixels(path: Path, shape: tuple[int, int]) -> Float[np.ndarray, "rows cols"]:
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            file = dcmread(path)
            stored = np.asarray(file.pixel_array)
            slope, intercept = (float(file.get(n, v)) for n, v in (("RescaleSlope", 1), ("RescaleIntercept", 0)))
    except Exception as error:  # decoders raise what they like
        raise ValueError(f"{path.name}: cannot be decoded: {first_line(error)}") from error
    if stored.shape != shape:
        raise ValueError(f"{path.name}: holds an array {stored.shape}; {shape} is needed")
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
