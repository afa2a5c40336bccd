"""Several evaluations on one page: a column each, the rows that they share, and each in full below.

Tables are matched by section and caption, rows and columns by their names. One is called best or worst only where its
interval meets none of the others', and never where the real data differ: each is then to be held to its own floor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .cells import DASH, numeral
from .finding import Finding
from .report import Beside, Cell, Page, Section, Table
from .verdict import LEVELS, SYMBOL, WORD, worst

MOST_ROWS = 24  # a longer table opens on a click
_COUNT = re.compile(r"(?<![-–‑+.\d])\b\d[\d,]*(?= [a-z])")  # `8 real`, not `40-59`
_SIZES = re.compile(r"\s\d+:\d+$")  # `F 12:34`, a group and its sizes
_CONTROL = ("floor", "ceiling", "control", "real", "n ", "labelled")  # columns that are not of the synthetic data
_NOT_SHARED = frozenset({"made", "checklist", "neighbours", "copies-closest"})

Direction = Literal["higher", "lower"]


def side_by_side(evaluations: Sequence[Beside], flags: Sequence[str] = (), *, fair: bool = True) -> Page:
    """Return the page that compares evaluations.

    Args:
        evaluations: what is compared, in the order of the columns, under names that differ.
        flags: what a reader must know first.
        fair: whether the real sides are the same, so that best and worst mean something.

    Raises:
        ValueError: two have one name.
    """
    names = [e.name for e in evaluations]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(f"two evaluations are called {twice[0]!r}; columns need names that differ")
    sections = (*_parts(evaluations), *_metrics(evaluations, fair))
    return Page(facts=(), sections=sections, flags=tuple(flags), beside=tuple(evaluations))


def _parts(evaluations: Sequence[Beside]) -> list[Section]:
    """Return what each part of the evaluation found, a row each."""
    parts = list(dict.fromkeys(f.part for e in evaluations for f in e.page.findings))
    if not parts:
        return []
    titles = {s.name: s.title for e in reversed(evaluations) for s in e.page.sections}
    rows = tuple(
        (Cell(text=titles.get(part, part.capitalize())), *(_found(e.page.findings, part) for e in evaluations))
        for part in parts
    )
    table = Table(caption="Findings by part", head=("part", *(e.name for e in evaluations)), rows=rows, prose=True)
    text = "The worst finding of each part; the figures stand in the report of each data set below."
    return [Section(name="parts", title="What each part found", texts=(text,), tables=(table,))]


def _found(findings: Iterable[Finding], part: str) -> Cell:
    of = [f for f in findings if f.part == part]
    if not of:
        return Cell(text="not looked at")
    level = worst(f.level for f in of)
    claims = " ".join(f.claim for f in of if f.level == level)
    return Cell(text=f"{SYMBOL[level]} {WORD[level]}: {claims}", heat=_HEAT[level])


_HEAT = {level: heat for level, heat in zip(LEVELS, (3, 1, 0, 0), strict=True)}


def _metrics(evaluations: Sequence[Beside], fair: bool) -> list[Section]:
    """Return a section for each section whose tables two or more evaluations share."""
    found = [_tables(e.page) for e in evaluations]
    shared = [key for key in dict.fromkeys(k for t in found for k in t) if sum(key in t for t in found) > 1]
    names = [e.name for e in evaluations]
    said = (
        "Marked best or worst only where the interval meets no other."
        if fair
        else "Nothing is marked best or worst, since the evaluations do not share their real and training data."
    )
    by_section: dict[str, list[Table]] = {}
    for key in shared:
        table = _aligned([t.get(key) for t in found], names, fair)
        if table is not None:
            by_section.setdefault(key[0], []).append(table)
    titles = {s.name: s.title for e in reversed(evaluations) for s in e.page.sections}
    return [
        Section(
            name=f"beside-{name}",
            title=f"Side by side: {titles[name]}",
            texts=(said,) if k == 0 else (),
            tables=tuple(tables),
        )
        for k, (name, tables) in enumerate(by_section.items())
    ]


def _tables(page: Page) -> dict[tuple[str, str], Table]:
    """Return the tables of a page by section and caption, counts in captions apart where that stays unambiguous."""
    all_of_them = [(s.name, t) for s in page.sections if s.name not in _NOT_SHARED for t in s.tables]
    loose = Counter((name, _COUNT.sub("#", t.caption)) for name, t in all_of_them)
    keys = [(name, _COUNT.sub("#", t.caption)) for name, t in all_of_them]
    return {key if loose[key] == 1 else (name, t.caption): t for key, (name, t) in zip(keys, all_of_them, strict=True)}


@dataclass(frozen=True)
class _Grid:
    """A table's cells by the names of row and column."""

    cells: Mapping[tuple[str, str], Cell]

    @classmethod
    def of(cls, table: Table) -> _Grid:
        """Return the cells; those whose row has no name of its own are left out."""
        columns = [_SIZES.sub("", head) for head in table.head]
        for leading in (1, 2, 3):
            names = [" · ".join(c.text for c in row[:leading]) for row in table.rows]
            if len(set(names)) == len(names):
                break
        else:
            return cls({})
        cells = {
            (name, column): cell
            for name, row in zip(names, table.rows, strict=True)
            for column, cell in zip(columns[leading:], row[leading:], strict=True)
        }
        return cls(cells)


def _aligned(tables: Sequence[Table | None], names: Sequence[str], fair: bool) -> Table | None:
    """Return one table of several: a row for each row and column in which two or more of them show a number."""
    grids = [_Grid({}) if t is None else _Grid.of(t) for t in tables]
    keys = dict.fromkeys(key for g in grids for key in g.cells)
    rows = []
    for row, column in keys:
        cells = [g.cells.get((row, column)) for g in grids]
        numbers = [None if c is None else numeral(c.text) for c in cells]
        if sum(n is not None for n in numbers) < 2:
            continue
        direction = _direction(tables, row, column) if fair else None
        marks = _marks([None if c is None else c.text for c in cells], direction)
        shown = (Cell(text=DASH if c is None else c.text, mark=m) for c, m in zip(cells, marks, strict=True))
        rows.append((Cell(text=row), Cell(text=column), *shown))
    if not rows:
        return None
    first = next(t for t in tables if t is not None)
    folded = len(rows) > MOST_ROWS or first.folded
    return Table(
        caption=first.caption, head=(first.head[0] or "row", "figure", *names), rows=tuple(rows), folded=folded
    )


def _direction(tables: Sequence[Table | None], row: str, column: str) -> Direction | None:
    """Return which end of a row is the better one; controls have none."""
    if column.lower().startswith(_CONTROL):
        return None
    for table in tables:
        if table is not None and (found := table.better.get(row) or table.better.get(column)):
            return found
    return None


def _marks(texts: Sequence[str | None], direction: Direction | None) -> list[Literal["best", "worst"] | None]:
    """Return which cell is best and which worst: the outermost, if its interval meets that of no other."""
    numbers = [None if t is None else numeral(t) for t in texts]
    marks: list[Literal["best", "worst"] | None] = [None] * len(texts)
    known = [(k, n) for k, n in enumerate(numbers) if n is not None]
    if direction is None or len(known) < 2:
        return marks
    known.sort(key=lambda kn: kn[1].value if direction == "lower" else -kn[1].value)
    ends: tuple[tuple[int, Literal["best", "worst"]], ...] = ((0, "best"), (-1, "worst"))
    for at, mark in ends:
        k, n = known[at]
        if all(n.apart_from(other) for i, other in known if i != k):
            marks[k] = mark
    return marks
