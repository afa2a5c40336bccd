"""A row of a table of any kind as a Record: its image, volume or signal, its mask and boxes, and what it states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..record import ImageGeometry, Record, SignalGeometry, Table
from ..table import Box, TableCondition, condition_of_row
from .cube import check_cube, cube_affine, cube_of, cubed, cubed_labels
from .leads import lead_names, lead_order
from .picture_file import RAW, Picture, read_labels, read_picture
from .resample import resampled
from .signal_file import read_values
from .square import Resample, check_square, squared
from .table_kinds import Kind
from .table_rows import Row, file_of, record_id_of, spacing_of, stated
from .volume_file import FileVolume, read_volume, read_volume_labels

ABOUT_THE_FILE = frozenset({"path", "record_id", "spacing_mm", "unit", "fs_hz", "leads"})
_UNKNOWN_MM = float("nan")
_FACTS = ("sex", "age_years", "patient_id")  # what a DICOM header may add to a row


@dataclass(frozen=True)
class TableOptions:
    """How the files of a table of any kind are read.

    Attributes:
        kind: what they are of.
        size: side of the square or cube that images or volumes become; None leaves them as they are.
        resample: how images are resized.
        bits: depth of whole numbers in images.
        fs_hz: rate that signals are resampled to.
        leads: channels of signals in the order wanted.
        arrays: False reads what the rows state and no file.
        allow_absolute: accept absolute paths.
    """

    kind: Kind
    size: int | None = None
    resample: Resample = "lanczos"
    bits: int | None = None
    fs_hz: float | None = None
    leads: Sequence[str] | str | None = None
    arrays: bool = True
    allow_absolute: bool = False

    def __post_init__(self) -> None:
        if self.kind == "image":
            check_square(self.size, self.resample)
        elif self.kind == "volume":
            check_cube(self.size)


def record_of_row(table: Path, row: Row, options: TableOptions) -> Record:
    """Return the record that a row names.

    Args:
        table: the table's file; paths are relative to it.
        row: its cells.
        options: how files are read.

    Raises:
        ValueError: a cell that its column cannot hold, or a file that cannot be read.
    """
    cells = {name: value for name, value in row.items() if stated(value)}
    condition = condition_of_row(cells, ABOUT_THE_FILE)
    path = file_of(table, cells.get("path"), options.allow_absolute)
    about = {"synthetic": False, "reader": "table", "patient_id": condition.patient_id, "split": condition.split}
    if not options.arrays:
        return Record(record_id_of(row), {}, condition, ImageGeometry((_UNKNOWN_MM,) * 2), about)
    mask = None if condition.mask is None else file_of(table, condition.mask, options.allow_absolute)
    read = {"image": _image, "volume": _volume, "signal": _signal}[options.kind]
    return read(record_id_of(row), path, mask, condition, cells, options, about)


def _image(
    record_id: str, path: Path, mask: Path | None, condition: TableCondition, cells: Mapping[str, Any],
    options: TableOptions, about: dict[str, Any],
) -> Record:  # fmt: skip
    picture = read_picture(path, bits=options.bits)
    condition = _with_header(condition, picture)
    arrays = {"image": picture.image}
    shape = (picture.image.shape[0], picture.image.shape[1])
    if mask is not None:
        arrays["mask"] = _mask_of_image(mask, shape)
    spacing = spacing_of(cells.get("spacing_mm"), 2) or picture.spacing_mm or (_UNKNOWN_MM,) * 2
    if options.size is not None and shape != (options.size, options.size):
        about |= {"rows": shape[0], "cols": shape[1]}
        arrays = {name: _square(name, values, options) for name, values in arrays.items()}
        step = max(shape) / options.size
        spacing = tuple(s * step for s in spacing)
        condition = _with_boxes(condition, shape, options.size)
    about |= {**picture.about, "patient_id": condition.patient_id}
    geometry = ImageGeometry(spacing, unit=str(cells.get("unit", picture.unit)))
    return Record(record_id, arrays, condition, geometry, about, _box_table(condition))


def _with_header(condition: TableCondition, picture: Picture) -> TableCondition:
    """Return the condition with what only the file's header states."""
    found = {name: picture.facts.get(name) for name in _FACTS if getattr(condition, name) is None}
    stated_there = {name: value for name, value in found.items() if value is not None}
    return TableCondition.model_validate(condition.model_dump() | stated_there) if stated_there else condition


def _mask_of_image(path: Path, shape: tuple[int, int]) -> np.ndarray:
    if path.name.lower().endswith((".nii", ".nii.gz")):
        labels = np.squeeze(read_volume_labels(path))
    else:
        labels = read_labels(path)
    if labels.shape != shape:
        said = " x ".join(map(str, labels.shape))
        raise ValueError(f"mask {path.name} is {said} and the image {shape[0]} x {shape[1]}; they must be alike")
    return labels


def _square(name: str, values: np.ndarray, options: TableOptions) -> np.ndarray:
    """Return an image or its mask as a square; values with a range of their own keep it."""
    size = options.size
    assert size is not None
    rows, cols = values.shape[:2]
    if name == "mask":
        side = max(rows, cols)
        square = np.zeros((side, side), values.dtype)
        top, left = (side - rows) // 2, (side - cols) // 2
        square[top : top + rows, left : left + cols] = values
        at = np.minimum(((np.arange(size) + 0.5) * (side / size)).astype(int), side - 1)
        return square[np.ix_(at, at)]
    if values.ndim == 3:
        return np.stack([_square(name, values[..., k], options) for k in range(values.shape[2])], axis=-1)
    low, high = min(0.0, float(np.nanmin(values))), max(1.0, float(np.nanmax(values)))
    if not np.isfinite([low, high]).all() or np.isnan(values).any():
        raise ValueError("holds values that are no numbers; it cannot be resized")
    return (squared((values - low) / (high - low), size, options.resample) * (high - low) + low).astype(np.float32)


def _with_boxes(condition: TableCondition, shape: tuple[int, int], size: int) -> TableCondition:
    """Return the condition with its boxes in pixels of the square."""
    if not condition.boxes:
        return condition
    side, step = max(shape), size / max(shape)
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    moved = tuple(
        Box(
            x0=(b.x0 + left) * step, y0=(b.y0 + top) * step, x1=(b.x1 + left) * step, y1=(b.y1 + top) * step,
            label=b.label,
        )
        for b in condition.boxes
    )  # fmt: skip
    return condition.model_copy(update={"boxes": moved})


def _box_table(condition: TableCondition) -> dict[str, Table]:
    """Return the boxes as the table `boxes`: x0, y0, x1, y1 in pixels of the array, and label."""
    if condition.boxes is None:
        return {}
    edges = ("x0", "y0", "x1", "y1")
    columns = {edge: np.array([getattr(box, edge) for box in condition.boxes], dtype=float) for edge in edges}
    return {"boxes": {**columns, "label": np.array([box.label for box in condition.boxes], dtype=object)}}


def _volume(
    record_id: str, path: Path, mask: Path | None, condition: TableCondition, cells: Mapping[str, Any],
    options: TableOptions, about: dict[str, Any],
) -> Record:  # fmt: skip
    read = read_volume(path)
    arrays = {"volume": read.volume}
    if mask is not None:
        arrays["mask"] = _mask_of_volume(mask, read)
    spacing = spacing_of(cells.get("spacing_mm"), 3) or read.spacing_mm
    affine = read.affine
    if options.size is not None:
        cube = cube_of(read.volume.shape, spacing, options.size)
        about["shape_in_file"] = list(read.volume.shape)
        arrays = {n: cubed_labels(x, cube) if n == "mask" else cubed(x, cube) for n, x in arrays.items()}
        affine = None if affine is None else cube_affine(affine, read.volume.shape, cube)
        spacing = (cube.step_mm,) * 3 if np.isfinite(spacing).all() else (_UNKNOWN_MM,) * 3
    matrix = None if affine is None else tuple(tuple(float(v) for v in line) for line in affine)
    geometry = ImageGeometry(tuple(spacing), matrix, str(cells.get("unit", RAW)))
    return Record(record_id, arrays, condition, geometry, about | read.about, _box_table(condition))


def _mask_of_volume(path: Path, read: FileVolume) -> np.ndarray:
    labels = read_volume_labels(path)
    if labels.shape != read.volume.shape:
        said = " x ".join(map(str, labels.shape))
        whole = " x ".join(map(str, read.volume.shape))
        raise ValueError(f"mask {path.name} is {said} and the volume {whole}; they must be alike")
    return labels


def _signal(
    record_id: str, path: Path, mask: Path | None, condition: TableCondition, cells: Mapping[str, Any],
    options: TableOptions, about: dict[str, Any],
) -> Record:  # fmt: skip
    if mask is not None:
        raise ValueError(f"mask {mask.name}: a signal has no mask")
    rate = _rate(cells.get("fs_hz"), path)
    values, named = read_values(path)
    told = cells.get("leads")
    names = named if named is not None else _channels(len(values), told, path)
    rows = lead_order(names, options.leads) if options.leads is not None else list(range(len(names)))
    signal = np.ascontiguousarray(values[rows], dtype=np.float32)
    if options.fs_hz is not None and options.fs_hz != rate:
        if not np.isfinite(signal).all():
            raise ValueError(f"{path.name}: holds values that are no numbers; it cannot be resampled")
        signal, rate = resampled(signal, rate, float(options.fs_hz)), float(options.fs_hz)
    geometry = SignalGeometry(rate, tuple(names[row] for row in rows), str(cells.get("unit", "mV")))
    return Record(record_id, {"signal": signal}, condition, geometry, about, _box_table(condition))


def _rate(value: Any, path: Path) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = float("nan")
    if not 0 < rate < 1e6:
        raise ValueError(f"fs_hz = {value}: {path.name} does not say its sampling rate; state it in the column fs_hz")
    return rate


def _channels(n: int, told: Any, path: Path) -> tuple[str, ...]:
    if told is None:
        return tuple(f"channel_{k + 1}" for k in range(n))
    names = lead_names([word.strip() for word in str(told).split("|")])
    if len(names) != n:
        raise ValueError(f"leads names {len(names)}, and {path.name} has {n}")
    return names
