"""Rows of the tables that radiograph collections come with: CSV, plain or gzipped, their columns checked at once."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..words import unknown

Row = dict[str, str]


def csv_rows(table: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Return a table's rows, cells stripped, after a look at its header.

    Args:
        table: a .csv or .csv.gz file in UTF-8.
        columns: columns that it must have.

    Raises:
        ValueError: it cannot be read, or a column is missing; while iterating, a row that is cut.
    """
    head = next(_lines(table), None)
    if head is None:
        raise ValueError(f"{table} is empty")
    names = [name.strip() for name in head]
    for column in columns:
        if column not in names:
            raise ValueError(f"{table.name} has no column {column!r} (columns: {', '.join(n for n in names if n)})")
    return _rows(table, names)


def _rows(table: Path, names: list[str]) -> Iterator[Row]:
    lines = _lines(table)
    next(lines)
    for cells in lines:
        if cells:
            yield dict(zip(names, (cell.strip() for cell in cells + [""] * (len(names) - len(cells))), strict=False))


def _lines(table: Path) -> Iterator[list[str]]:
    try:
        with table.open("rb") as raw:
            data = gzip.open(raw) if table.suffix == ".gz" else raw
            yield from csv.reader(io.TextIOWrapper(data, encoding="utf-8-sig", errors="replace", newline=""))
    except (OSError, EOFError, csv.Error) as error:
        raise ValueError(f"{table} cannot be read as CSV: {str(error).splitlines()[0]}") from error


def one_of(folder: Path, names: Sequence[str], what: str) -> Path:
    """Return the first of some files that lies in a folder.

    Raises:
        ValueError: none does.
    """
    found = maybe(folder, names)
    if found is None:
        raise ValueError(f"{folder} has no {' or '.join(names)}; is it {what}?")
    return found


def maybe(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first file in a folder that fits one of some names (`*` stands for anything), or None."""
    return next((path for name in names for path in sorted(folder.glob(name)) if path.is_file()), None)


def chosen(split: str | None, allowed: Sequence[str]) -> str | None:
    """Return a split if there is such a one.

    Raises:
        ValueError: there is not.
    """
    if split is not None and split not in allowed:
        raise ValueError(f"{unknown('split', split, allowed)}; leave it out for all")
    return split
