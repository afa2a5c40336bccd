"""`table:FILE`: any CSV or Parquet table of files and what is known of them, without code.

Its files are ECGs, radiographs, or images, volumes and signals of any kind; `table_kinds` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from ..ecg import EcgCondition
from ..record import Record
from ..words import one_line, unknown
from .ecg_record import ecg_record
from .image_record import ImageOptions, each_record
from .image_table import check_image_columns, image_of_row, images_of_split
from .policy import OnError, file
from .signal_file import read_file
from .square import Resample
from .table_kinds import GENERIC, Kind, kind_of_rows
from .table_record import TableOptions, record_of_row
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
    kind: Kind | None = None,
    bits: int | None = None,
    allow_absolute: bool = False,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield one record per row of a table, its condition from the columns.

    Columns of all: `path` (relative to the table) and `record_id` (the path without suffix when left out). An empty
    cell is a fact not stated; lists are written `a|b`. Rows are counted from 1, the header apart.

    A table with one of the columns `label`, `labels`, `target`, `mask` or `boxes`, of NIfTI files or of .npy files of
    three axes, or with `kind` image, volume or signal, is of no modality of the studio's: each record has an array
    `image` (grey, or rows x cols x 3), `volume` or `signal`, and a `TableCondition`: `label` (a class), `labels`
    (classes), `target` (a number), `mask` (path of a segmentation with whole numbers: the array `mask`), `boxes`
    (`x0 y0 x1 y1 class;...`: the table `boxes`), `sex`, `age_years`, `race`, `site`, `patient_id`, `split`, and all
    other columns as they are. Of the file: `spacing_mm`, `unit`, and for signals `fs_hz` and `leads`.

    Any other table is of radiographs (.png, .jpg, .tif, .bmp, .dcm, or .npy in a table with a radiograph's columns:
    `spacing_mm`, `inverted`, `split`, and any field of `RadiographCondition`) or of ECGs (.npy, .npz, .csv or .hea
    files: `fs_hz`, `unit`, mV when left out, `leads`, and any other field of `EcgCondition`), with free columns that
    begin with `meta_`, which end in the provenance.

    A table can come from somebody else, so a path that is absolute or climbs out of the table's
    folder is refused; `allow_absolute=True` accepts absolute paths in a table of one's own.

    Args:
        path: the .csv or .parquet file.
        leads: signals: leads in the order wanted, of every record.
        fs_hz: signals: rate to resample to.
        size: images and volumes: side of the square or cube that every one becomes.
        resample: images: `lanczos` or `area`.
        images: False reads conditions alone.
        split: images, volumes and tables of any kind: only the rows with this in the column `split`.
        kind: what the files are of: `image`, `volume`, `signal`, `ecg` or `radiograph`; told by the columns when left
            out.
        bits: images: depth of whole numbers; the least that holds an image's own when left out.
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
    of = kind_of_rows(table, rows, kind, fs_hz)
    _check_options(table, of, {"leads": leads, "fs_hz": fs_hz, "size": size, "bits": bits, "split": split})
    if of in GENERIC:
        _check_path(table, list(rows[0]))
        any_kind = TableOptions(of, size, resample, bits, fs_hz, leads, images, allow_absolute)
    else:
        (check_image_columns if of == "radiograph" else _check_columns)(table, list(rows[0]))
    check_ids(table, rows)
    options = ImageOptions(size, resample, images, bits) if of == "radiograph" else None

    def read_one(numbered: tuple[int, Row]) -> Record:
        number, row = numbered
        try:
            if of in GENERIC:
                return record_of_row(table, row, any_kind)
            if options is not None:
                return image_of_row(table, row, options, allow_absolute)
            return _record(table, row, leads, fs_hz, allow_absolute)
        except ValueError as error:
            raise ValueError(f"{table.name}, row {number}: {error}{_advice(of, error)}") from error

    return each_record(images_of_split(table, rows, split), read_one, on_error, skipped, limit)


_TAKES: dict[str, frozenset[str]] = {
    "ecg": frozenset({"leads", "fs_hz"}),
    "signal": frozenset({"leads", "fs_hz", "split"}),
    "radiograph": frozenset({"size", "bits", "split"}),
    "image": frozenset({"size", "bits", "split"}),
    "volume": frozenset({"size", "split"}),
}
_PLURAL = {"ecg": "ECGs", "radiograph": "radiographs", "image": "images", "volume": "volumes", "signal": "signals"}


def _check_options(table: Path, kind: Kind, options: Mapping[str, object]) -> None:
    for option, value in options.items():
        if value is not None and option not in _TAKES[kind]:
            of_whom = "ECGs" if option in ("leads", "fs_hz") else "radiographs"
            named = of_whom if kind in ("ecg", "radiograph") else "other files"
            raise ValueError(f"option {option} = {value!r} is for {named}; {table.name} names {_PLURAL[kind]}")


def _advice(kind: Kind, error: ValueError) -> str:
    """Return what a table of colour pictures lacks to be read as such."""
    coloured = kind == "radiograph" and "has colour" in str(error)
    return "; pictures of any kind are read with ?kind=image" if coloured else ""


def _check_path(table: Path, names: Sequence[str]) -> None:
    if "path" not in names:
        raise ValueError(f"{table} has no column 'path' (columns: {', '.join(names)})")


def _check_columns(table: Path, names: Sequence[str]) -> None:
    _check_path(table, names)
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
    if str(facts.get("powerline_hz")).removesuffix(".0").isdigit():  # one of two numbers, and cells are text
        facts["powerline_hz"] = int(float(facts["powerline_hz"]))
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
