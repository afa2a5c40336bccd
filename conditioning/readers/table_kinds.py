"""What a table's files are of, told by its columns and by the name of the first file.

A table is free of a modality where a column says so (`label`, `labels`, `target`, `mask`, `boxes`), where its files
are of no other kind (NIfTI, a .npy of three axes), or where the option `kind` says so. All others are ECGs or
radiographs, as they have always been.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..words import unknown
from .decoding import DICOM, RASTER
from .image_table import is_of_images
from .table_rows import Row, stated, table_rows

Kind = Literal["image", "volume", "signal", "ecg", "radiograph"]
GENERIC = frozenset({"image", "volume", "signal"})
SAYS_SO = frozenset({"label", "labels", "target", "mask", "boxes"})
NIFTI = (".nii", ".nii.gz")
SIGNALS = frozenset({".npz", ".csv", ".hea"})
_COLOURS = (3, 4)  # length of an array's last axis that is one of colours


def kind_of_rows(table: Path, rows: Sequence[Row], kind: str | None = None, fs_hz: float | None = None) -> Kind:
    """Return what the files of a table are of.

    Args:
        table: the table's file, for the .npy files beside it.
        rows: its rows.
        kind: what the user says.
        fs_hz: rate that the user asks for: only signals have one.

    Raises:
        ValueError: a kind that there is not.
    """
    if kind is not None:
        if kind not in get_args(Kind):
            raise ValueError(unknown("kind", kind, get_args(Kind)))
        return kind  # type: ignore[return-value]
    name = first_path(rows)
    if name.lower().endswith(NIFTI):
        return "volume"
    if not SAYS_SO & set(rows[0]) and not _is_deep(table, name):
        return "radiograph" if is_of_images(rows) else "ecg"
    suffix = Path(name).suffix.lower()
    if suffix in RASTER | DICOM:
        return "image"
    if suffix in SIGNALS or fs_hz is not None or "fs_hz" in rows[0]:
        return "signal"
    return "volume" if _is_deep(table, name) else "image"


def kind_of_table(path: str, kind: str | None = None, fs_hz: object = None) -> Kind | None:
    """Return what a table's files are of; None where it cannot be read, which its reader then says better."""
    table = Path(path).expanduser()
    try:
        rows = table_rows(table) if table.is_file() else []
        return kind_of_rows(table, rows, kind, None if fs_hz is None else 1.0) if rows else None
    except ValueError:
        return None


def first_path(rows: Sequence[Row]) -> str:
    """Return the first file that a table names; an empty text where it names none."""
    return next((str(row["path"]) for row in rows if stated(row.get("path"))), "")


def _is_deep(table: Path, name: str) -> bool:
    """Return whether a file is an array of three axes of which the last is not one of colours."""
    path = table.parent / name
    if not name.lower().endswith(".npy") or ".." in Path(name).parts or not path.is_file():
        return False
    try:
        shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    except (ValueError, OSError, EOFError, OverflowError):
        return False
    return len(shape) == 3 and shape[-1] not in _COLOURS
