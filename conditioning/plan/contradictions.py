"""Finds rules that contradict each other: every row, and the ends of every range, must make a condition."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from .cohort import condition_of
from .columns import columns_of
from .rules import Rules

_EVERY = 1000  # rows between two calls of progress
_KINDS_TRIED = 512
_RANGES_CROSSED = 4


def refuse_contradictions(
    rules: Rules,
    condition_type: type[BaseModel],
    cells: dict[str, list[Any]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Raise where a drawn row, or one that a range could have drawn, is no valid condition.

    `progress` is called with (rows checked, rows) every 1000 rows and at the end.

    Raises:
        ValueError: names the rules that the row came from and the model's reason.
    """
    nested = {c.name for c in columns_of(condition_type).values() if c.kind == "object"}
    for row in itertools.chain(_ends_of_ranges(rules, cells, nested), _counted(_rows(cells), rules.n, progress)):
        reason = _reason(row, condition_type, nested)
        if reason is not None:
            blamed = _blamed(row, rules, condition_type, nested)
            head = f"{blamed[0]} cannot hold" if len(blamed) == 1 else f"{' and '.join(blamed)} contradict each other"
            raise ValueError(f"{head}: {reason}")


def _counted(rows: Iterator[dict[str, Any]], n: int, progress: Callable[[int, int], None]) -> Iterator[dict[str, Any]]:
    for done, row in enumerate(rows):
        if done and done % _EVERY == 0:
            progress(done, n)
        yield row
    progress(n, n)


def _rows(cells: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    names = list(cells)
    for values in zip(*cells.values(), strict=True):
        yield dict(zip(names, values, strict=True))
    if not cells:
        yield {}


def _ends_of_ranges(rules: Rules, cells: dict[str, list[Any]], nested: set[str]) -> Iterator[dict[str, Any]]:
    """Yield each kind of row with its ranges at their ends, so that luck does not hide a contradiction."""
    ranged = [name for name in rules.ranges if name in cells and name not in rules.quota_fields]
    if not ranged:
        return
    kinds: dict[str, dict[str, Any]] = {}
    numbers = {*ranged, "age_years", "patient_id", "patient_seed", *nested}
    for row in _rows(cells):
        kinds.setdefault(repr([value for name, value in row.items() if name not in numbers]), row)
        if len(kinds) == _KINDS_TRIED:
            break
    crossed, single = ranged[:_RANGES_CROSSED], ranged[_RANGES_CROSSED:]
    for row in kinds.values():
        for ends in itertools.product(*(rules.ranges[name] for name in crossed)):
            yield {**row, **dict(zip(crossed, ends, strict=True))}
        for name in single:
            yield from ({**row, name: end} for end in rules.ranges[name])


def _reason(row: dict[str, Any], condition_type: type[BaseModel], nested: set[str]) -> str | None:
    try:
        condition_of(row, condition_type, nested, where="")
    except ValueError as error:
        return str(error).removeprefix(": ")
    return None


def _blamed(row: dict[str, Any], rules: Rules, condition_type: type[BaseModel], nested: set[str]) -> list[str]:
    """Return the rules whose field, left out of the row, would cure it; all rules where no single one would."""
    named = {name: rules.named(name, value) for name, value in row.items()}
    cures = [
        name
        for name in row
        if named[name] and _reason({k: v for k, v in row.items() if k != name}, condition_type, nested) is None
    ]
    texts = [str(named[name]) for name in (cures or row) if named[name]]
    return list(dict.fromkeys(texts)) or ["this plan"]
