"""Who belongs together: the groups of an attribute, and where attributes cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from ..groups import AGE_BANDS, Group

Column = Sequence[Any] | np.ndarray
Attributes = Mapping[str, Column]


def axis_name(axis: Sequence[str]) -> str:
    """Return an axis in words, such as `sex x view`."""
    return " x ".join(axis)


def axes_of(names: Sequence[str], deepest: int = 3) -> tuple[tuple[str, ...], ...]:
    """Return each attribute by itself, then their crossings, up to `deepest` at once."""
    return tuple(axis for depth in range(1, deepest + 1) for axis in combinations(names, depth))


def cells_of(axis: Sequence[str], attributes: Attributes) -> dict[str, Bool[np.ndarray, " n"]]:
    """Return which rows belong to each cell of an axis, by a name such as `F 60-79`, in the order of the names.

    Args:
        axis: attributes that are crossed.
        attributes: words a row; a row of which one is not stated (None, NaN or empty) belongs to no cell.
    """
    columns = [[word(value) for value in attributes[name]] for name in axis]
    rows = [" ".join(values) if all(values) else "" for values in zip(*columns, strict=True)]
    at = np.array(rows, dtype=object)
    return {name: at == name for name in sorted({r for r in rows if r})}


def word(value: Any) -> str:
    """Return an attribute's value as a word; an empty one where nothing is stated."""
    if value is None or value != value:
        return ""
    return str(value).strip()


def codes(cells: Mapping[str, Bool[np.ndarray, " n"]], n: int) -> Int[np.ndarray, " n"]:
    """Return the place of each row's cell, -1 where it has none."""
    code = np.full(n, -1)
    for k, mask in enumerate(cells.values()):
        code[mask] = k
    return code


def age_bands(ages: Column) -> list[str]:
    """Return the name of each age's band, in years; empty where it is not known or under 18."""
    known = [float("nan") if age is None else float(age) for age in ages]
    return [next((name for name, low, high in AGE_BANDS if low <= age < high), "") for age in known]


def attributes_of(groups: Sequence[Group], side: str = "real") -> dict[str, list[str]]:
    """Return the attributes that groups say of the rows of a side, by their kinds; crossings and `all` are left out.

    Args:
        groups: as `demographic_groups` makes them.
        side: `real` or `synthetic`.
    """
    made: dict[str, list[str]] = {}
    for group in groups:
        if group.kind != "all" and " x " not in group.kind:
            mask = getattr(group, side)
            column = made.setdefault(group.kind, [""] * len(mask))
            for k in np.flatnonzero(mask).tolist():
                column[k] = group.name
    return made
