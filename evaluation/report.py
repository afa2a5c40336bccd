"""A report: one HTML file that opens without a network, the same bytes for the same content.

What is shown comes as a `Page` of findings, sections, texts, tables and figures; the look is in the templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from .exports import Export, exports
from .finding import Finding
from .verdict import ALWAYS, ASKED, LEVELS, RULES, SYMBOL, WORD, Answer, answers

TEMPLATES = Path(__file__).parent / "templates"
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Cell(BaseModel):
    """One table cell; `heat` 0 to 3 tints it, `mark` says which of several data sets it is."""

    model_config = _FROZEN
    text: str
    heat: int = 0
    mark: Literal["best", "worst"] | None = None


class Table(BaseModel):
    """A table: its first column names the row.

    Attributes:
        caption: what it shows.
        head: names of the columns.
        rows: the cells of each row.
        folded: whether it opens on a click.
        prose: sets text cells flush left and lets them wrap.
        better: by the name of a row or of a column, which end of its numbers is the better one: what a comparison of
            several pages needs to tell best from worst.
    """

    model_config = _FROZEN
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False
    prose: bool = False
    better: dict[str, Literal["higher", "lower"]] = {}


class Picture(BaseModel):
    """A figure as a `data:` URI.

    Attributes:
        uri: the figure.
        alt: what it shows, in words for those who cannot see it.
        caption: below it.
        wide: takes the whole width.
        of: whose data the picture itself shows, which then stands beside it in words; None for a chart.
    """

    model_config = _FROZEN
    uri: str
    alt: str
    caption: str = ""
    wide: bool = False
    of: Literal["real", "synthetic", "both"] | None = None


class Section(BaseModel):
    """One part of a page, drawn in the order of its fields."""

    model_config = _FROZEN
    name: str
    title: str
    texts: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    commands: tuple[str, ...] = ()


class Page(BaseModel):
    """A page: what follows from it, numbers that say the most, then sections.

    Attributes:
        facts: (number, what it is).
        sections: the summary first; `made` and `repeat` are put before the one named `limits`.
        findings: what the first screen says; a page without any has none.
        flags: what a reader must know before anything else, in sentences.
        beside: pages that this one compares; each is there in full, folded.
    """

    model_config = _FROZEN
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...] = ()
    flags: tuple[str, ...] = ()
    beside: tuple[Beside, ...] = ()


class Beside(BaseModel):
    """One of several pages that are compared.

    Attributes:
        name: short, a column's name.
        title: its headline.
        page: all of it.
    """

    model_config = _FROZEN
    name: str
    title: str
    page: Page


class Reportable(Protocol):
    """Whatever can say its results as a page."""

    def page(self) -> Page:
        """Return the content of the page."""
        ...


def write_report(subject: Reportable, path: Path | str, *, title: str, provenance: Mapping[str, Any]) -> Path:
    """Write one self-contained HTML file.

    Args:
        subject: the result to show.
        path: file to write; its folder must exist.
        title: headline.
        provenance: how the data was made (generator, plan, seed, versions; nested mappings are
            flattened); `commands`, a list, becomes the section on how to repeat it.

    Returns:
        The path.

    Raises:
        ValueError: the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder; the report needs one that exists")
    path.write_text(html(subject.page(), title=title, provenance=provenance), encoding="utf-8")
    return path


def html(page: Page, *, title: str, provenance: Mapping[str, Any]) -> str:
    """Return the HTML of a page; all text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    fixed = {"word": WORD, "symbol": SYMBOL, "levels": LEVELS, "rules": RULES, "always": ALWAYS}
    whole = with_provenance(page, provenance)
    return env.get_template("report.html.j2").render(title=title, whole=Drawn(whole), **fixed)


def tables_of(page: Page, provenance: Mapping[str, Any]) -> Iterator[Export]:
    """Return every table of a page as it can be exported, the findings first, those of compared pages last."""
    drawn = Drawn(with_provenance(page, provenance))
    for part in (drawn, *(inner for _, inner in drawn.beside)):
        if part.findings is not None:
            yield part.findings
        for section in part.exports:
            yield from section


@dataclass(frozen=True)
class Drawn:
    """A page as the templates take it; `prefix` keeps the names of several on one page apart."""

    page: Page
    prefix: str = ""

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """What the findings answer; none where nothing was found."""
        return answers(self.page.findings) if self.page.findings else ()

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The questions in words."""
        return tuple(ASKED.values())

    @cached_property
    def named(self) -> tuple[Section, ...]:
        """The sections under names that are unique on the whole page."""
        return tuple(s.model_copy(update={"name": f"{self.prefix}{s.name}"}) for s in self.page.sections)

    @cached_property
    def exports(self) -> tuple[tuple[Export, ...], ...]:
        """The tables of each section."""
        return exports(self.named)

    @cached_property
    def findings(self) -> Export | None:
        """The findings as a table."""
        if not self.page.findings:
            return None
        return Export(f"{self.prefix}findings", "Findings", findings_table(self.page.findings))

    @cached_property
    def beside(self) -> tuple[tuple[Beside, Drawn], ...]:
        """The pages that are compared."""
        return tuple((b, Drawn(b.page, f"{self.prefix}{k}-")) for k, b in enumerate(self.page.beside, start=1))

    def at(self, part: str) -> Section | None:
        """Return the section that a finding is of, or None where it has none."""
        return next((s for s in self.named if s.name == f"{self.prefix}{part}"), None)


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return findings as a table, in the order of the first screen."""
    rows = [f for answer in answers(findings) for f in answer.findings]
    return Table(
        caption="Findings",
        head=("question", "level", "part", "claim", "figure"),
        rows=tuple(tuple(Cell(text=t) for t in (f.question, f.level, f.part, f.claim, f.figure)) for f in rows),
        prose=True,
    )


def with_provenance(page: Page, provenance: Mapping[str, Any]) -> Page:
    """Return a page with the sections on how it was made and how to repeat it."""
    return page.model_copy(update={"sections": _with_provenance(page.sections, provenance)})


def _with_provenance(sections: Sequence[Section], provenance: Mapping[str, Any]) -> tuple[Section, ...]:
    rows = _flat({k: v for k, v in provenance.items() if k != "commands"})
    table = Table(
        caption="What made the data and this page",
        head=("item", "value"),
        rows=tuple((Cell(text=k), Cell(text=v)) for k, v in rows),
        prose=True,
    )
    more = [Section(name="made", title="How it was made", tables=(table,))] if rows else []
    commands = provenance.get("commands", ())
    if commands:
        said = "The same commands with the same versions give the same data and the same numbers."
        more.append(Section(name="repeat", title="How to repeat it", texts=(said,), commands=tuple(map(str, commands))))
    at = next((i for i, s in enumerate(sections) if s.name == "limits"), len(sections))
    return (*sections[:at], *more, *sections[at:])


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key} ")
        elif isinstance(value, (list, tuple)):
            rows.append((f"{prefix}{key}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{key}", str(value)))
    return rows


Page.model_rebuild()
