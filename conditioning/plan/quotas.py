"""Exact shares: counts by largest remainder, spread over the balance cells, lists filled where they may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ValidationError

from ..seeds import stream
from ..words import one_line
from .cohort import condition_of
from .columns import columns_of
from .rules import Quota, Rules


def counts_of(shares: Sequence[float], units: int) -> list[int]:
    """Return counts that differ from share x units by less than 1 and, with their rest, add up to `units`."""
    exact = [share * units for share in shares]
    exact.append(max(0.0, units - sum(exact)))
    counts = [int(np.floor(x + 1e-9)) for x in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: units - sum(counts)]:
        counts[i] += 1
    return counts[:-1]


def spread(strata: Int[np.ndarray, " units"], rng: np.random.Generator) -> Int[np.ndarray, " units"]:
    """Return an order of the units in which every stretch holds each stratum by its share, as nearly as can be."""
    order = np.lexsort((rng.random(len(strata)), strata))
    _, start, size = np.unique(strata[order], return_index=True, return_counts=True)
    place = np.empty(len(strata))
    offset = rng.random(len(start))  # so that strata of equal size do not always come in the same turn
    for first, count, shift in zip(start, size, offset, strict=True):
        place[order[first : first + count]] = (np.arange(count) + shift) / count
    return np.argsort(place, kind="stable")


def assign_lists(
    rules: Rules, condition_type: type[BaseModel], cells: dict[str, list[Any]], strata: Int[np.ndarray, " n"]
) -> None:
    """Fill the list columns that stand under quotas: each value into exactly its share of the rows.

    A value goes only where the condition model accepts it beside what the row already holds, so values
    that exclude each other land on different rows.

    Raises:
        ValueError: too few rows can hold a value; the quota and the reason are named.
    """
    columns = columns_of(condition_type)
    fields = [f for f in rules.quota_fields if columns[f].listed] if rules.quotas else []
    for field in fields:
        cells[field] = [[] for _ in range(rules.n)]
    rows = _Rows(condition_type, cells)
    for quota in _hardest_first([q for q in rules.quotas if q.field in fields], condition_type):
        wanted, reason, held = round(quota.share * rules.n), "", 0
        for row in spread(strata, stream(rules.seed, f"plan/{quota.field}/{quota.value}")):
            if held == wanted:
                break
            refused = rows.refuses(int(row), quota)
            reason = refused or reason
            if refused is None:
                words = columns[quota.field].words
                holds = [*cells[quota.field][row], quota.value]
                cells[quota.field][row] = sorted(holds, key=words.index) if words else holds
                held += 1
        if held < wanted:
            raise ValueError(f"{quota}: only {held} of {wanted} samples can hold it beside the other rules: {reason}")


class _Rows:
    """The rows drawn so far, asked whether one more value fits; equal questions are answered once."""

    def __init__(self, condition_type: type[BaseModel], cells: dict[str, list[Any]]) -> None:
        self.condition_type, self.cells = condition_type, cells
        self.nested = {c.name for c in columns_of(condition_type).values() if c.kind == "object"}
        self.alone: dict[tuple[str, ...], bool] = {}

    def refuses(self, row: int, quota: Quota) -> str | None:
        """Return why the row cannot hold the quota's value too, or None."""
        given = {name: values[row] for name, values in self.cells.items()}
        if self._bad(given):  # a row that is wrong already is for the check of the whole plan to name
            return None
        given[quota.field] = [*given[quota.field], quota.value]
        return self._bad(given)

    def _bad(self, given: dict[str, Any]) -> str | None:
        try:
            condition_of(given, self.condition_type, self.nested, where="")
        except ValueError as error:
            return str(error).removeprefix(": ")
        return None


def _hardest_first(quotas: list[Quota], condition_type: type[BaseModel]) -> list[Quota]:
    """Return the quotas with those first that exclude most others, then by share."""
    clashes = {
        quota: sum(_clash(condition_type, quota, other) for other in quotas if other.field == quota.field)
        for quota in quotas
    }
    return sorted(quotas, key=lambda q: (-clashes[q], -q.share, str(q.value)))


def _clash(condition_type: type[BaseModel], one: Quota, other: Quota) -> bool:
    if one == other:
        return False
    try:
        condition_type(**{one.field: [one.value, other.value]})
    except ValidationError as error:
        return bool(one_line(error, condition_type))
    return False
