"""Encodes a sample's volumes as gzipped NIfTI-1, one file an array, which say in their header that they are synthetic.

Our own encoder because it makes the bytes depend on zlib alone: the header's fields that nothing is known of are 0, and
the gzip header holds neither a time nor a name. Tests hold it against nibabel.

Source: NIfTI-1 data format (nifti1.h), Neuroimaging Informatics Technology Initiative, 2003.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from typing import Any

import numpy as np

from ... import __version__
from ...conditioning.dataset.nifti_record import COMMENT, ENDING, FIRST_BYTE, HEADER, LONGEST_EXTENSION, TYPES
from ...conditioning.dataset.schema import canonical
from ...conditioning.record import ImageGeometry, Record
from .origin import Origin, about
from .shard_tables import to_json

LABELS = ("segmentation", "mask")  # written as uint8
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CODES = {kind.str.lstrip("<|"): code for code, kind in TYPES.items()}
_LONGEST_SIDE = 32_767
_LEVEL = 6
_MM = 2  # xyzt_units
_SCANNER = 1  # code of an affine to the scanner's space
_LABEL_INTENT = 1002


def encode(record: Record, origin: Origin | None = None) -> dict[str, bytes]:
    """Return a record's volumes under `ARRAY.nii.gz`: float32 as they are, a segmentation as uint8.

    Spacing and affine (sform, and qform where it can) are the geometry's. `descrip` says SYNTHETIC, by what and
    from which seed; of an array named in `provenance["copied"]` that it is a copy of the input. The provenance is JSON
    in a header extension.

    Args:
        record: arrays (x, y, z) of one shape, with the geometry of a volume.
        origin: the data set it belongs to; goes into the provenance.

    Raises:
        ValueError: the record is no volume, or has values or a spacing that a file cannot hold.
    """
    geometry = record.geometry
    if not isinstance(geometry, ImageGeometry) or len(geometry.spacing_mm) != 3 or not record.arrays:
        raise ValueError(f"record {record.record_id!r} is no volume: arrays (x, y, z) and three spacings are needed")
    shapes = {array.shape for array in record.arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise ValueError(
            f"record {record.record_id!r} has arrays of shapes {sorted(shapes)}; one of (x, y, z) is needed"
        )
    said = json.loads(about(record, origin)) | {"affine": geometry.affine, "unit": geometry.unit}
    return {f"{name}{ENDING}": _file(record, geometry, name, array, said) for name, array in record.arrays.items()}


def _file(record: Record, geometry: ImageGeometry, name: str, array: np.ndarray, said: dict[str, Any]) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"record {record.record_id!r} has an array {name!r}; a file's name needs lower case and digits"
        )
    voxels = _voxels(record, name, array)
    extension = _extension(said | {"array": name})
    head = _header(record, geometry, name, voxels, FIRST_BYTE + len(extension))
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)  # a gzip header without a time
    return packer.compress(head + extension + voxels.tobytes(order="F")) + packer.flush()


def _voxels(record: Record, name: str, array: np.ndarray) -> np.ndarray:
    """Return the values in the type that they are written in."""
    if name in LABELS or array.dtype.kind == "b":
        whole = np.rint(array)
        if not np.array_equal(whole, array) or whole.min(initial=0) < 0 or whole.max(initial=0) > 255:
            raise ValueError(f"record {record.record_id!r}: {name} has values that are no labels from 0 to 255")
        return whole.astype("<u1")
    if array.dtype.kind == "f":
        return array.astype("<f4")
    if array.dtype.str.lstrip("<>|=") in _CODES:
        return array.astype(array.dtype.newbyteorder("<"))
    raise ValueError(f"record {record.record_id!r}: {name} is {array.dtype}; float, uint8, int16 or int32 is written")


def _header(record: Record, geometry: ImageGeometry, name: str, voxels: np.ndarray, first_byte: int) -> bytes:
    shape, spacing = voxels.shape, geometry.spacing_mm
    if max(shape) > _LONGEST_SIDE or min(shape) < 1 or not all(0 < mm < math.inf for mm in spacing):
        raise ValueError(f"record {record.record_id!r} has {shape} voxels of {spacing} mm; a NIfTI file cannot hold it")
    affine = np.diag([*spacing, 1.0]) if geometry.affine is None else np.asarray(geometry.affine, float)
    turn, quaternion = _quaternion(affine, spacing)
    head = bytearray(FIRST_BYTE)
    struct.pack_into("<i", head, 0, HEADER)
    struct.pack_into("<8h", head, 40, 3, *shape, 1, 1, 1, 1)
    code = _CODES[voxels.dtype.str.lstrip("<|")]
    struct.pack_into("<hhh", head, 68, _LABEL_INTENT if name in LABELS else 0, code, 8 * voxels.dtype.itemsize)
    struct.pack_into("<8f", head, 76, turn, *spacing, 1, 1, 1, 1)
    struct.pack_into("<3f", head, 108, first_byte, 1, 0)  # voxels' place, slope, intercept
    head[123] = _MM
    head[148:228] = _descrip(record, name).encode("ascii", "replace")[:79].ljust(80, b"\0")
    struct.pack_into("<2h", head, 252, _SCANNER if quaternion is not None else 0, _SCANNER)
    struct.pack_into("<6f", head, 256, *(quaternion if quaternion is not None else (0, 0, 0)), *affine[:3, 3])
    struct.pack_into("<12f", head, 280, *affine[:3].ravel())
    head[328:344] = name.encode()[:15].ljust(16, b"\0")
    head[344:352] = b"n+1\0\1\0\0\0"  # one file; an extension follows
    return bytes(head)


def _descrip(record: Record, name: str) -> str:
    source = record.provenance
    if name in (source.get("copied") or ()):
        return "COPY of the input, not synthetic; other volumes of this sample are"
    made = f"clinsynth {__version__} {source.get('generator', '')}".strip()
    return f"SYNTHETIC, made by {made}, seed {source.get('seed')}" if record.synthetic else made


def _quaternion(affine: np.ndarray, spacing: tuple[float, ...]) -> tuple[float, tuple[float, float, float] | None]:
    """Return (handedness, (b, c, d)) of the affine's rotation; None in place of it where the affine shears.

    Source: nifti1.h, method 2; Shepperd, "Quaternion from rotation matrix", J. Guidance and Control 1:223 (1978).
    """
    turn = affine[:3, :3] / np.asarray(spacing)
    if not np.allclose(turn.T @ turn, np.eye(3), atol=1e-4):
        return 1.0, None
    hand = 1.0 if np.linalg.det(turn) > 0 else -1.0
    r = turn * [1, 1, hand]
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    squares = 1 + signs @ np.diag(r)  # 4 a^2, 4 b^2, 4 c^2, 4 d^2
    products = np.array(
        [
            [0, r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
            [0, 0, r[1, 0] + r[0, 1], r[0, 2] + r[2, 0]],
            [0, 0, 0, r[2, 1] + r[1, 2]],
            [0, 0, 0, 0],
        ]
    )
    products = products + products.T + np.diag(squares)
    largest = int(np.argmax(squares))
    q = products[largest] / (2 * np.sqrt(squares[largest]))
    q = q if q[0] >= 0 else -q
    return hand, (float(q[1]), float(q[2]), float(q[3]))


def _extension(said: dict[str, Any]) -> bytes:
    """Return the provenance as a header extension of text, padded to 16 bytes."""
    text = canonical(json.loads(to_json(said))).encode()
    size = -(-(len(text) + 8) // 16) * 16
    if size > LONGEST_EXTENSION:
        raise ValueError(f"the provenance has {len(text)} bytes; a file holds {LONGEST_EXTENSION}")
    return struct.pack("<2i", size, COMMENT) + text.ljust(size - 8, b"\0")
