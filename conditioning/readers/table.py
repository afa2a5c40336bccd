"""`table:FILE`: any CSV or Parquet table of signal files and condition columns."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..ecg import EcgCondition
from ..record import Record
from ..words import one_line, unknown
from .ecg_record import ecg_record
from .policy import OnError, each, file, inside
from .signal_file import read_file

_Row = Mapping[str, Any]
# The signal itself says how long it is; hearts and their seeds belong to generators.
_NOT_STATED = frozenset({"duration_s", "kernels", "patient_seed"})
CONDITION_COLUMNS = tuple(name for name in EcgCondition.model_fields if name not in _NOT_STATED)
COLUMNS = ("path", "record_id", "unit", *CONDITION_COLUMNS)


def read_table(
    path: str,
    *,
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    allow_absolute: bool = False,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield one record per row of a table, its condition from the columns.

    Columns: `path` (a .npy, .npz, .csv or .hea file, relative to the table), `record_id` (the path
    without suffix when left out), `fs_hz`, `unit` (mV when left out), `leads`, any other field of
    `EcgCondition`, and free columns that begin with `meta_`, which end in the provenance. An empty
    cell is a fact not stated; lists are written `a|b`. Rows are counted from 1, the header apart.

    A table can come from somebody else, so a path that is absolute or climbs out of the table's
    folder is refused; `allow_absolute=True` accepts absolute paths in a table of one's own.

    Args:
        path: the .csv or .parquet file.
        leads: leads in the order wanted, of every record.
        fs_hz: rate to resample to.
        allow_absolute: accept absolute paths.
        on_error: `raise`, or `skip` a row that cannot be read.
        skipped: receives a line per row skipped.

    Raises:
        ValueError: no such file, a column that is unknown, missing or there twice, a record id
            there twice, or (while iterating) a faulty row, naming row and column.
    """
    table = file(path)
    rows = _rows(table)
    if not rows:
        raise ValueError(f"{table} has no rows")
    _check_columns(table, list(rows[0]))
    _check_ids(table, rows)

    def read_one(numbered: tuple[int, _Row]) -> Record:
        number, row = numbered
        try:
            return _record(table, row, leads, fs_hz, allow_absolute)
        except ValueError as error:
            raise ValueError(f"{table.name}, row {number}: {error}") from error

    return each(enumerate(rows, start=1), read_one, on_error, skipped)


def _rows(table: Path) -> list[_Row]:
    if table.suffix == ".csv":
        return _csv_rows(table)
    if table.suffix == ".parquet":
        return _parquet_rows(table)
    raise ValueError(f"{table} does not end in .csv or .parquet")


def _csv_rows(table: Path) -> list[_Row]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as text:
            cells = [row for row in csv.reader(text) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{table} is no CSV file in UTF-8: {error}") from error
    header = [name.strip() for name in cells[0]] if cells else []
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise ValueError(f"{table} has the column {twice[0]!r} twice")
    for number, row in enumerate(cells[1:], start=1):
        if len(row) != len(header):
            raise ValueError(f"{table.name}, row {number}: {len(row)} cells under {len(header)} columns")
    return [dict(zip(header, row, strict=True)) for row in cells[1:]]


def _parquet_rows(table: Path) -> list[_Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows: list[_Row] = pyarrow.parquet.read_table(table).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{table} is no Parquet file: {str(error).splitlines()[0]}") from error
    return rows


def _check_columns(table: Path, names: Sequence[str]) -> None:
    if "path" not in names:
        raise ValueError(f"{table} has no column 'path' (columns: {', '.join(names)})")
    for name in names:
        if name in _NOT_STATED:
            advice = f"remove it or call it 'meta_{name}'"
            raise ValueError(f"{table}: column {name!r} cannot be stated for a real record; {advice}")
        if name not in COLUMNS and not name.startswith("meta_"):
            raise ValueError(f"{table}: {unknown('column', name, COLUMNS)}; a free column begins with 'meta_'")


def _check_ids(table: Path, rows: Sequence[_Row]) -> None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        name = _record_id(row)
        if name in seen:
            raise ValueError(f"{table.name}, row {number}: record_id {name!r} stands in row {seen[name]} already")
        seen[name] = number


def _record_id(row: _Row) -> str:
    given = row.get("record_id")
    return str(given) if _stated(given) else str(Path(str(row["path"])).with_suffix("")) if _stated(row["path"]) else ""


def _record(
    table: Path, row: _Row, leads: Sequence[str] | str | None, fs_hz: float | None, allow_absolute: bool
) -> Record:
    stated = {name: value for name, value in row.items() if _stated(value)}
    facts = {name: stated[name] for name in CONDITION_COLUMNS if name in stated and name != "leads"}
    try:
        checked = EcgCondition(**facts)
    except ValidationError as error:
        raise ValueError(one_line(error, EcgCondition)) from error
    path = _signal_path(table, stated.get("path"), allow_absolute)
    rate = checked.fs_hz if "fs_hz" in facts else None
    read = read_file(path, fs_hz=rate, unit=stated.get("unit"), leads=stated.get("leads"))
    about = {name: value for name, value in stated.items() if name.startswith("meta_")}
    facts.pop("fs_hz", None)
    return ecg_record(
        _record_id(row), read.signal_mv, read.leads, read.fs_hz,
        facts=facts, provenance={"reader": "table", "patient_id": checked.patient_id, **about},
        wanted_leads=leads if leads is not None else read.leads, wanted_fs_hz=fs_hz,
    )  # fmt: skip


def _signal_path(table: Path, name: Any, allow_absolute: bool) -> Path:
    if not isinstance(name, str):
        raise ValueError("path is empty")
    if allow_absolute and Path(name).is_absolute():
        return Path(name)
    return inside(table.parent, name, "path")


def _stated(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return bool(value.strip()) if isinstance(value, str) else True
