"""Every table of a page as CSV and JSON: in files beside it, and in the page itself, where no network is needed.

A CSV file is opened by spreadsheets, so a cell that one would take for a formula is quoted by an apostrophe.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cells import DASH, numeral

if TYPE_CHECKING:
    from .report import Section, Table

# What a spreadsheet takes for the beginning of a formula, full-width forms among them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_OURS = re.compile(r"[a-z0-9-]+\.csv")


@dataclass(frozen=True)
class Export:
    """One table under the name of its files.

    Attributes:
        name: of small letters, digits and hyphens; unique on its page.
        section: title of the section that it stands in.
        table: the table.
    """

    name: str
    section: str
    table: Table

    def csv(self) -> str:
        """Return the table as CSV: a line of column names, then the rows; an empty cell where there is no value."""
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\r\n")
        lines.writerow([safe(head) for head in self.table.head])
        lines.writerows([safe("" if c.text == DASH else c.text) for c in row] for row in self.table.rows)
        return out.getvalue()

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values: the cells as they are shown, and `numbers`, [value, low, high] or null of each cell."""
        rows = self.table.rows
        return {
            "name": self.name,
            "section": self.section,
            "caption": self.table.caption,
            "head": list(self.table.head),
            "rows": [[c.text for c in row] for row in rows],
            "numbers": [[_numbers(c.text) for c in row] for row in rows],
        }

    def json(self) -> str:
        """Return the table as JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @property
    def csv_uri(self) -> str:
        """The CSV, with the mark by which spreadsheets know UTF-8, as a `data:` URI."""
        return _uri("text/csv;charset=utf-8", b"\xef\xbb\xbf" + self.csv().encode())

    @property
    def json_uri(self) -> str:
        """The JSON as a `data:` URI."""
        return _uri("application/json", self.json().encode())


def exports(sections: Sequence[Section]) -> tuple[tuple[Export, ...], ...]:
    """Return the tables of each section under their names: the section's, numbered from the second table on."""
    taken: set[str] = set()
    return tuple(tuple(_named(section, taken)) for section in sections)


def _named(section: Section, taken: set[str]) -> Iterator[Export]:
    base = re.sub(r"[^a-z0-9]+", "-", section.name.lower()).strip("-") or "table"
    for table in section.tables:
        name, k = base, 1
        while name in taken:
            k += 1
            name = f"{base}-{k}"
        taken.add(name)
        yield Export(name, section.title, table)


def safe(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; a number keeps its sign."""
    begins = text.lstrip(" \u00a0")[:1]
    if begins and begins in _FORMULA and numeral(text) is None:
        return f"'{text}"
    return text


def write_tables(tables: Iterable[Export], folder: Path, stem: str = "") -> Path:
    """Write `tables/NAME.csv` for each table and `tables.json` for all; those of an earlier page are removed.

    Args:
        tables: what to write.
        folder: that of the page.
        stem: put before both names, so that several pages can share a folder.

    Returns:
        The JSON file.
    """
    tables = list(tables)
    inside, index = folder / f"{stem}tables", folder / f"{stem}tables.json"
    files = {f"{e.name}.csv": e for e in tables}
    for old in _written(index) - set(files):
        (inside / old).unlink(missing_ok=True)
    inside.mkdir(parents=True, exist_ok=True)
    for name, export in files.items():
        (inside / name).write_bytes(b"\xef\xbb\xbf" + export.csv().encode())
    body = json.dumps({"tables": [e.as_dict() for e in tables]}, ensure_ascii=False, indent=1, allow_nan=False)
    index.write_text(body + "\n", encoding="utf-8")
    return index


def _written(index: Path) -> set[str]:
    """Return the files that an earlier `tables.json` speaks of, as far as they bear names that we give."""
    try:
        names = {f"{t['name']}.csv" for t in json.loads(index.read_text(encoding="utf-8"))["tables"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if _OURS.fullmatch(name)}


def _numbers(text: str) -> list[float | None] | None:
    found = numeral(text)
    return None if found is None else [found.value, found.low, found.high]


def _uri(kind: str, body: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(body).decode('ascii')}"
