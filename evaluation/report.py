"""A report: one HTML file that opens without a network, the same bytes for the same content.

What is shown comes as a `Page` of sections, texts, tables and figures; the look is in the templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

TEMPLATES = Path(__file__).parent / "templates"
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Cell(BaseModel):
    """One table cell; `heat` 0 to 3 tints it."""

    model_config = _FROZEN
    text: str
    heat: int = 0


class Table(BaseModel):
    """A table: its first column names the row; `prose` sets text cells flush left and lets them wrap."""

    model_config = _FROZEN
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False
    prose: bool = False


class Picture(BaseModel):
    """A figure as a `data:` URI, with what it shows in words for those who cannot see it."""

    model_config = _FROZEN
    uri: str
    alt: str
    caption: str = ""
    wide: bool = False


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
    """A page: numbers that say the most, then sections.

    Attributes:
        facts: (number, what it is).
        sections: the summary first; `made` and `repeat` are put before the one named `limits`.
    """

    model_config = _FROZEN
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


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
    sections = _with_provenance(page.sections, provenance)
    return env.get_template("report.html.j2").render(title=title, facts=page.facts, sections=sections)


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
