"""`table:FILE`: any CSV or Parquet table of signal or image files and condition columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from ..ecg import EcgCondition
from ..record import Record
from ..words import one_line, unknown
from .ecg_record import ecg_record
from .image_record import ImageOptions, each_record
from .image_table import check_image_columns, image_of_row, images_of_split, is_of_images
from .policy import OnError, file
from .signal_file import read_file
from .square import Resample
from .table_rows import Row, check_ids, file_of, record_id_of, stated, table_rows

# The signal itself says how long it is; hearts and their seeds belong to generators.
_NOT_STATED = frozenset({"duration_s", "kernels", "patient_seed"})
CONDITION_COLUMNS = tuple(name for name in EcgCondition.model_fields if name not in _NOT_STATED)
COLUMNS = ("path", "record_id", "unit", *CONDITION_COLUMNS)


def read_table(
    path: str,
    *,
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    size: int | None = None,
    resample: Resample = "lanczos",
    images: bool = True,
    split: str | None = None,
    allow_absolute: bool = False,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield one record per row of a table, its condition from the columns; ECGs or radiographs, by what `path` names.

    Columns: `path` (relative to the table), `record_id` (the path without suffix when left out), and free columns
    that begin with `meta_`, which end in the provenance. Of ECGs (.npy, .npz, .csv or .hea files) also `fs_hz`,
    `unit` (mV when left out), `leads`, and any other field of `EcgCondition`. Of radiographs (.png, .jpg, .tif, .bmp,
    .dcm, or .npy in a table with a radiograph's columns) also `spacing_mm`, `inverted`, `split`, and any field of
    `RadiographCondition`. An empty cell is a fact not stated; lists are written `a|b`. Rows are counted from 1, the
    header apart.

    A table can come from somebody else, so a path that is absolute or climbs out of the table's
    folder is refused; `allow_absolute=True` accepts absolute paths in a table of one's own.

    Args:
        path: the .csv or .parquet file.
        leads: ECGs: leads in the order wanted, of every record.
        fs_hz: ECGs: rate to resample to.
        size: radiographs: side of the square that every image becomes.
        resample: radiographs: `lanczos` or `area`.
        images: radiographs: False reads conditions alone.
        split: radiographs: only the rows with this in the column `split`.
        allow_absolute: accept absolute paths.
        limit: most records to yield.
        on_error: `raise`, or `skip` a row that cannot be read.
        skipped: receives a line per row skipped.

    Raises:
        ValueError: no such file, a column that is unknown, missing or there twice, a record id
            there twice, or (while iterating) a faulty row, naming row and column.
    """
    table = file(path)
    rows = table_rows(table)
    if not rows:
        raise ValueError(f"{table} has no rows")
    radiographs = is_of_images(rows)
    given = {"leads": leads, "fs_hz": fs_hz} if radiographs else {"size": size, "split": split}
    for option, value in given.items():
        if value is not None:
            kinds = ("ECGs", "radiographs") if radiographs else ("radiographs", "ECGs")
            raise ValueError(f"option {option} = {value!r} is for {kinds[0]}; {table.name} names {kinds[1]}")
    (check_image_columns if radiographs else _check_columns)(table, list(rows[0]))
    check_ids(table, rows)
    options = ImageOptions(size, resample, images)

    def read_one(numbered: tuple[int, Row]) -> Record:
        number, row = numbered
        try:
            if radiographs:
                return image_of_row(table, row, options, allow_absolute)
            return _record(table, row, leads, fs_hz, allow_absolute)
        except ValueError as error:
            raise ValueError(f"{table.name}, row {number}: {error}") from error

    return each_record(images_of_split(table, rows, split), read_one, on_error, skipped, limit)


def _check_columns(table: Path, names: Sequence[str]) -> None:
    if "path" not in names:
        raise ValueError(f"{table} has no column 'path' (columns: {', '.join(names)})")
    for name in names:
        if name in _NOT_STATED:
            advice = f"remove it or call it 'meta_{name}'"
            raise ValueError(f"{table}: column {name!r} cannot be stated for a real record; {advice}")
        if name not in COLUMNS and not name.startswith("meta_"):
            raise ValueError(f"{table}: {unknown('column', name, COLUMNS)}; a free column begins with 'meta_'")


def _record(
    table: Path, row: Row, leads: Sequence[str] | str | None, fs_hz: float | None, allow_absolute: bool
) -> Record:
    cells = {name: value for name, value in row.items() if stated(value)}
    facts = {name: cells[name] for name in CONDITION_COLUMNS if name in cells and name != "leads"}
    try:
        checked = EcgCondition(**facts)
    except ValidationError as error:
        raise ValueError(one_line(error, EcgCondition)) from error
    path = file_of(table, cells.get("path"), allow_absolute)
    rate = checked.fs_hz if "fs_hz" in facts else None
    read = read_file(path, fs_hz=rate, unit=cells.get("unit"), leads=cells.get("leads"))
    about = {name: value for name, value in cells.items() if name.startswith("meta_")}
    facts.pop("fs_hz", None)
    return ecg_record(
        record_id_of(row), read.signal_mv, read.leads, read.fs_hz,
        facts=facts, provenance={"reader": "table", "patient_id": checked.patient_id, **about},
        wanted_leads=leads if leads is not None else read.leads, wanted_fs_hz=fs_hz,
    )  # fmt: skip
