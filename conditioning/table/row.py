"""The cells of a row as a TableCondition: what is stated, in the words of whoever wrote the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..words import one_line
from .condition import TableCondition, parse_boxes

# What the columns of a table of any kind mean; all others are free.
COLUMNS = (
    *("label", "labels", "target", "mask", "boxes"),
    *("sex", "age_years", "race", "site", "patient_id", "split"),
)
_TEXTS = ("label", "mask", "race", "site", "patient_id", "split")
_SEXES = {"f": "F", "female": "F", "w": "F", "m": "M", "male": "M"}
_SEX_NOT_SAID = frozenset({"u", "unknown", "o", "other", "x", "n", "na", "n/a", "nan", "none", "-", "?"})


def condition_of_row(cells: Mapping[str, Any], about_the_file: frozenset[str] = frozenset()) -> TableCondition:
    """Return what a row states.

    Args:
        cells: stated cells by column; an empty cell is left out by the caller.
        about_the_file: columns that say how the file is read and nothing of the sample.

    Raises:
        ValueError: a cell that its column cannot hold, in one line.
    """
    facts: dict[str, Any] = {name: _text(cells[name]) for name in _TEXTS if name in cells}
    if "labels" in cells:
        facts["labels"] = tuple(word.strip() for word in _text(cells["labels"]).split("|") if word.strip())
    if "boxes" in cells:
        facts["boxes"] = parse_boxes(_text(cells["boxes"]))
    facts |= {name: _number(name, cells[name]) for name in ("target", "age_years") if name in cells}
    if "sex" in cells:
        facts["sex"] = _sex(_text(cells["sex"]))
    known = {*COLUMNS, *about_the_file}
    facts["other"] = {name: _text(value) for name, value in cells.items() if name not in known}
    try:
        return TableCondition.model_validate(facts)
    except ValidationError as error:
        raise ValueError(one_line(error, TableCondition)) from error


def _text(value: Any) -> str:
    """Return a cell as text; a whole number of Parquet's or pandas' float columns without its `.0`."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {str(value)!r} is not a number") from None


def _sex(text: str) -> str | None:
    word = text.lower()
    if word in _SEX_NOT_SAID:
        return None
    if word not in _SEXES:
        raise ValueError(f"sex = {text!r} is not known (allowed: F, M, female, male, unknown)")
    return _SEXES[word]
