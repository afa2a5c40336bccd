"""The rows of a table that names files, from CSV or Parquet, whatever the files hold."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .policy import inside

Row = Mapping[str, Any]


def table_rows(table: Path) -> list[Row]:
    if table.suffix == ".csv":
        return _csv_rows(table)
    if table.suffix == ".parquet":
        return _parquet_rows(table)
    raise ValueError(f"{table} does not end in .csv or .parquet")


def _csv_rows(table: Path) -> list[Row]:
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


def _parquet_rows(table: Path) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows: list[Row] = pyarrow.parquet.read_table(table).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{table} is no Parquet file: {str(error).splitlines()[0]}") from error
    return rows


def check_ids(table: Path, rows: Sequence[Row]) -> None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        name = record_id_of(row)
        if name in seen:
            raise ValueError(f"{table.name}, row {number}: record_id {name!r} stands in row {seen[name]} already")
        seen[name] = number


def record_id_of(row: Row) -> str:
    given = row.get("record_id")
    return str(given) if stated(given) else str(Path(str(row["path"])).with_suffix("")) if stated(row["path"]) else ""


def file_of(table: Path, name: Any, allow_absolute: bool) -> Path:
    if not isinstance(name, str):
        raise ValueError("path is empty")
    if allow_absolute and Path(name).is_absolute():
        return Path(name)
    return inside(table.parent, name, "path")


def stated(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return bool(value.strip()) if isinstance(value, str) else True


def spacing_of(value: Any, axes: int, needed: str = "") -> tuple[float, ...] | None:
    """Return the spacing of each axis in mm from a cell such as `0.5` or `0.5|0.5|2`; None where there is none.

    Args:
        value: of the cell.
        axes: how many.
        needed: what to say that is needed.

    Raises:
        ValueError: it is nothing of the kind, or not above 0 and below 100 mm.
    """
    if value is None:
        return None
    try:
        numbers = [float(part) for part in str(value).split("|")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, axes) or not all(0 < x < 100 for x in numbers):
        needed = needed or f"mm along each axis, such as 0.5 or {'|'.join(['0.5'] * axes)}"
        raise ValueError(f"spacing_mm = {value!r} is not {needed}")
    return tuple(numbers * (axes if len(numbers) == 1 else 1))
