"""The volume in one file: NIfTI with its affine, or a .npy of three axes; its size is checked before it is read.

A volume is turned so that its axes run to the patient's right, front and head (RAS), as its affine says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..words import first_line
from .decoding import file_size, stored_array

NIFTI = (".nii", ".nii.gz")
MOST_VOXELS = 300_000_000  # a chest CT of 512 x 512 x 1000 has 262 million
_MOST_BYTES_PER_BYTE = 1_032  # what deflate can make of one byte at most
_HEADER = 348
_MM = {"meter": 1000.0, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}


@dataclass(frozen=True)
class FileVolume:
    """A volume as its file holds it.

    Attributes:
        volume: float32 (x, y, z); whole numbers of a segmentation as int32.
        spacing_mm: size of a voxel along each axis; NaN where the file does not say it.
        affine: voxel to world in mm, 4 x 4; None where the file has none.
        about: what the file states beside its voxels (JSON values).
    """

    volume: np.ndarray
    spacing_mm: tuple[float, float, float]
    affine: Float[np.ndarray, "4 4"] | None
    about: dict[str, Any]


def read_volume(path: Path) -> FileVolume:
    """Return the volume of one file.

    Args:
        path: a .nii, .nii.gz or .npy file.

    Raises:
        ValueError: what is wrong, in one line that begins with the file's name.
    """
    try:
        size = file_size(path)
        if path.name.lower().endswith(NIFTI):
            return _nifti(path, size)
        if path.suffix.lower() == ".npy":
            return _npy(path)
        raise ValueError("does not end in one of .nii, .nii.gz, .npy")
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    except MemoryError:
        raise ValueError(f"{path.name}: does not fit into memory") from None


def read_volume_labels(path: Path) -> Int[np.ndarray, "x y z"]:
    """Return the whole numbers of a segmentation as int32.

    Raises:
        ValueError: it cannot be read, or has a value that is no whole number.
    """
    values = read_volume(path).volume
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise ValueError(f"{path.name}: has values that are no whole numbers; a segmentation has one label a voxel")
    return values.astype(np.int32)


def check_voxels(shape: tuple[int, ...], bytes_per_voxel: int, stored: int, packed: bool) -> None:
    """Hold the size that a header claims against what there can be, before anything is read.

    Args:
        shape: of the volume.
        bytes_per_voxel: as stored.
        stored: bytes of the file.
        packed: whether the file is compressed.

    Raises:
        ValueError: no axis, too many voxels, or more than the file's bytes can be.
    """
    shown = " x ".join(map(str, shape))
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"is {shown or 'without axes'}; one volume of three axes is needed")
    voxels = math.prod(shape)
    if voxels > MOST_VOXELS:
        raise ValueError(f"claims {shown} voxels; more than {MOST_VOXELS // 10**6} million are not read")
    claimed = voxels * bytes_per_voxel
    if claimed > stored * (_MOST_BYTES_PER_BYTE if packed else 1):
        raise ValueError(f"claims {shown} voxels ({claimed} bytes), and the file holds {stored} bytes")


def _nifti(path: Path, size: int) -> FileVolume:
    import nibabel
    from nibabel.imageglobals import LoggingOutputSuppressor

    if size < _HEADER and not path.name.lower().endswith(".gz"):
        raise ValueError(f"holds {size} bytes; the header of a NIfTI file alone has {_HEADER}")
    try:
        with LoggingOutputSuppressor():
            image: Any = nibabel.load(path)
            if not isinstance(image, nibabel.Nifti1Image):
                raise ValueError("is no NIfTI file, whatever its name says")
            shape = _three(image.shape)
            check_voxels(shape, image.get_data_dtype().itemsize, size, path.name.lower().endswith(".gz"))
            if image.get_data_dtype().kind not in "iuf":
                raise ValueError(f"has voxels of {image.get_data_dtype()}; numbers are needed")
            values = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
    except ValueError:
        raise
    except Exception as error:  # what a broken header makes nibabel raise is not foreseeable
        raise ValueError(f"cannot be read as NIfTI, it is cut or damaged: {first_line(error)}") from error
    scale = _MM.get(str(image.header.get_xyzt_units()[0]), 1.0)
    return turned(values, np.asarray(image.affine, dtype=float), scale)


def _three(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the axes of one behind the third."""
    shape = tuple(int(n) for n in shape)
    more = [n for n in shape[3:] if n != 1]
    if more:
        raise ValueError(f"holds {math.prod(more)} volumes ({' x '.join(map(str, shape))}); one is needed")
    return shape[:3]


def turned(values: Float[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"], scale: float = 1.0) -> FileVolume:
    """Return a volume with its axes turned to right, front and head, as its affine says.

    Args:
        values: as stored.
        affine: voxel to world (RAS).
        scale: mm that one unit of the affine is.

    Raises:
        ValueError: an affine that turns the volume flat.
    """
    import nibabel

    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise ValueError("has an affine that turns the volume flat; its header is damaged")
    about = {"axes_in_file": "".join(nibabel.aff2axcodes(affine))}
    orientation = nibabel.orientations.io_orientation(affine)
    to_ras = nibabel.orientations.apply_orientation(values, orientation)
    affine = affine @ nibabel.orientations.inv_ornt_aff(orientation, values.shape)
    affine[:3] *= scale
    x, y, z = (float(s) for s in np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
    return FileVolume(np.ascontiguousarray(to_ras), (x, y, z), affine, about)


def _npy(path: Path) -> FileVolume:
    values = stored_array(path)
    if values.ndim != 3 or values.dtype.kind not in "biuf":
        raise ValueError(f"is an array {values.shape} of {values.dtype}; (x, y, z) of numbers is needed")
    check_voxels(values.shape, values.dtype.itemsize, path.stat().st_size, packed=False)
    unknown = (math.nan, math.nan, math.nan)
    return FileVolume(np.asarray(values, dtype=np.float32), unknown, None, {})
