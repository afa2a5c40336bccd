"""Tables of radiographs: image files with the columns of a radiograph's condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..plan.columns import columns_of
from ..radiograph.condition import RadiographCondition
from ..record import Record
from ..words import unknown
from .csv_rows import chosen
from .decoding import DICOM, RASTER
from .image_record import ImageOptions, image_record
from .table_rows import Row, file_of, record_id_of, spacing_of, stated

CONDITION_COLUMNS = tuple(RadiographCondition.model_fields)
COLUMNS = ("path", "record_id", "spacing_mm", "inverted", "split", *CONDITION_COLUMNS)
_OF_IMAGES_ALONE = frozenset({"view", "absent", "uncertain", "inverted", "spacing_mm"})
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


def is_of_images(rows: Sequence[Row]) -> bool:
    """Return whether a table names images: by the suffix of its first path, and for .npy by its columns."""
    suffix = next((Path(str(row["path"])).suffix.lower() for row in rows if stated(row.get("path"))), "")
    return suffix in RASTER | DICOM or (suffix == ".npy" and bool(_OF_IMAGES_ALONE & set(rows[0])))


def check_image_columns(table: Path, names: Sequence[str]) -> None:
    """Refuse a column that is neither known nor free.

    Raises:
        ValueError: it is named, with the nearest word.
    """
    for name in names:
        if name not in COLUMNS and not name.startswith("meta_"):
            raise ValueError(f"{table}: {unknown('column', name, COLUMNS)}; a free column begins with 'meta_'")


def images_of_split(table: Path, rows: Sequence[Row], split: str | None) -> Iterator[tuple[int, Row]]:
    """Return the numbered rows of a split, all when None.

    Raises:
        ValueError: the table has no column `split`, or no row of that split.
    """
    if split is not None and "split" not in rows[0]:
        raise ValueError(f"{table} has no column 'split'")
    if split is not None:
        chosen(split, sorted({str(row["split"]) for row in rows if stated(row["split"])}))
    return ((i, row) for i, row in enumerate(rows, start=1) if split is None or str(row["split"]) == split)


def image_of_row(table: Path, row: Row, options: ImageOptions, allow_absolute: bool) -> Record:
    """Return the radiograph that a row names.

    Raises:
        ValueError: a cell that its column cannot hold, or a file that cannot be read.
    """
    cells = {name: value for name, value in row.items() if stated(value)}
    columns = columns_of(RadiographCondition)
    facts = {name: columns[name].parse(cells[name]) for name in CONDITION_COLUMNS if name in cells}
    about = {name: value for name, value in cells.items() if name.startswith("meta_")}
    return image_record(
        record_id_of(row),
        file_of(table, cells.get("path"), allow_absolute),
        options,
        facts=facts,
        provenance={"reader": "table", "split": cells.get("split"), **about},
        spacing_mm=_pair(cells.get("spacing_mm")),
        inverted=_truth(cells.get("inverted", False)),
    )


def _pair(value: Any) -> tuple[float, float] | None:
    """Return (dy, dx) from `0.143` or `0.143|0.139`."""
    spacing = spacing_of(value, 2, "mm a pixel, such as 0.143 or 0.143|0.139")
    return None if spacing is None else (spacing[0], spacing[1])


def _truth(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError(f"inverted = {value!r} is not true or false")
    return word in _TRUE
