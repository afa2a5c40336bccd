"""Real co-occurrence in a plan: what no rule decides is drawn from real records, all fields of one record together.

A row takes its open fields from a real record that agrees with what the rules gave it. Where none agrees in everything,
fields are let go from the end of the condition's `TOGETHER` (for a radiograph: race, then sex, age band, view, and last
the findings) until some record does. Records are dealt in turn, so the plan has the real shares as nearly as can be.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel

from ..seeds import stream
from .bands import AGE, AGE_BAND, AGE_BANDS, band_of, parse_band
from .columns import columns_of
from .rules import Rules

_OUTER_BANDS = ((0, 17), (101, 200))  # so that children are matched with children


@dataclass(frozen=True)
class Like:
    """Conditions of real records, to draw a plan's open fields from; ids of patients and texts are never taken.

    Attributes:
        source: where they come from, as a command line names it.
        conditions: one a record.
    """

    source: str
    conditions: Sequence[BaseModel]

    @classmethod
    def read(cls, source: str, condition_type: type[BaseModel]) -> Like:
        """Return the conditions of a reader's source or of a data set.

        Raises:
            ValueError: it cannot be read, is empty, or holds other conditions.
        """
        from ..readers.conditions import read_conditions

        return cls(source, read_conditions(source, condition_type))

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The conditions as JSON values."""
        return [condition.model_dump(mode="json") for condition in self.conditions]


def draw_like(rules: Rules, condition_type: type[BaseModel], cells: dict[str, list[Any]], like: Like) -> dict[str, Any]:
    """Fill the columns that no rule decides, and return what was done (JSON values, for the plan's file).

    Raises:
        ValueError: the condition has nothing that is drawn so, the rules leave nothing open, or there are no records.
    """
    groups = _groups(condition_type)
    if not groups:
        raise ValueError(
            f"like {like.source}: {condition_type.__name__} has no fields that are drawn from real records"
        )
    if not like.conditions:
        raise ValueError(f"like {like.source}: there are no records")
    decided = [name for name, columns in groups.items() if any(column in cells for column in columns)]
    wanted = [name for name in groups if name not in decided]
    if not wanted:
        raise ValueError(f"like {like.source}: the rules decide {', '.join(decided)}, and nothing is left to draw")
    keys = [name for name in decided if any(row.get(column) for row in like.rows for column in groups[name])]
    which, let_go = _dealt(rules, cells, like.rows, keys, groups)
    for name in wanted:
        for column in groups[name]:
            cells[column] = [like.rows[i].get(column) for i in which]
    digest = hashlib.sha256(json.dumps(like.rows, sort_keys=True).encode()).hexdigest()
    return {"source": like.source, "records": len(like.rows), "sha256": digest, "let_go": let_go}


def _groups(condition_type: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Return the columns that stand and fall together, by the field that leads them."""
    lists: tuple[str, ...] = getattr(condition_type, "STATES", ())
    known = columns_of(condition_type)
    names = [name for name in getattr(condition_type, "TOGETHER", ()) if name in known]
    return {name: lists if name in lists[:1] else (name,) for name in names}


def _dealt(
    rules: Rules,
    cells: Mapping[str, Sequence[Any]],
    real: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    groups: Mapping[str, tuple[str, ...]],
) -> tuple[Int[np.ndarray, " n"], dict[str, int]]:
    """Return a real record for every row, and how many rows had to let go of which field."""
    bands = _bands(rules)
    rows: dict[tuple[Hashable, ...], list[int]] = {}
    asked = [{c: cells[c][i] for name in keys for c in groups[name] if c in cells} for i in range(rules.n)]
    for i, row in enumerate(asked):
        rows.setdefault(tuple(_key(row, groups[name], bands) for name in keys), []).append(i)
    real_keys = {name: [_key(row, groups[name], bands) for row in real] for name in keys}
    which, let_go = np.zeros(rules.n, dtype=np.int64), Counter[str]()
    for key, members in rows.items():
        candidates, kept = _candidates(key, keys, real_keys, len(real))
        let_go.update(dict.fromkeys(keys[kept:], len(members)))
        rng = stream(rules.seed, f"plan/like/{key!r}")
        turns = -(-len(members) // len(candidates))
        which[members] = np.concatenate([rng.permutation(candidates) for _ in range(turns)])[: len(members)]
    return which, dict(sorted(let_go.items()))


def _bands(rules: Rules) -> list[tuple[int, int]]:
    """Return the bands by which ages agree: those that the rules name before the usual ones."""
    named = [*rules.choices.get(AGE_BAND, ()), *(q.value for q in rules.quotas if q.field == AGE_BAND)]
    named += [rules.fixed[AGE_BAND]] if AGE_BAND in rules.fixed else []
    return [*(parse_band(name) for name in named), *AGE_BANDS, *_OUTER_BANDS]


def _key(row: Mapping[str, Any], columns: Sequence[str], bands: Sequence[tuple[int, int]]) -> Hashable:
    """Return what two rows must have in common: a word, an age band, or (present, absent) of the lists."""
    if len(columns) > 1:
        return tuple(tuple(sorted(row.get(column) or ())) for column in columns[:2])
    value = row.get(columns[0])
    return band_of(value, bands) if columns[0] == AGE else value


def _candidates(
    key: Sequence[Hashable], names: Sequence[str], real: Mapping[str, Sequence[Hashable]], count: int
) -> tuple[list[int], int]:
    """Return the real records that agree with a row in as many of the first fields as any does, and that number."""
    found = list(range(count))
    for kept, (name, value) in enumerate(zip(names, key, strict=True)):
        closer = [i for i in found if _agrees(value, real[name][i])]
        if not closer:
            return found, kept
        found = closer
    return found, len(names)


def _agrees(asked: Any, real: Any) -> bool:
    """Return whether a real record is as asked; of lists, whether it has what must be present and not what must not."""
    if not isinstance(asked, tuple):
        return bool(asked == real)
    present = set(real[0])
    return set(asked[0]) <= present and not set(asked[1]) & present
