"""What is asked for, as arrays that readings can be held against: classes, several labels at once, and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Column = Sequence[Any] | np.ndarray
CLASSES, NUMBER = "classes", "number"
NO, YES = "no", "yes"


class Said(NamedTuple):
    """What conditions say of one attribute, one value a row of each side; None or NaN where nothing is said.

    A value is a word, True or False (or 1 and 0), a number, or a list of the words that hold of a row, which says of
    all other words that they do not.
    """

    training: Column
    held_out: Column
    synthetic: Column


@dataclass(frozen=True)
class Attribute:
    """One attribute of all sides.

    Attributes:
        name: of the attribute.
        levels: words of the classes; none for a number.
        training: a class's place in `levels`, or a number; NaN where nothing is said.
        held_out: likewise.
        synthetic: likewise.
        strange: values asked for that no training row has.
    """

    name: str
    levels: tuple[str, ...]
    training: Float[np.ndarray, " training"]
    held_out: Float[np.ndarray, " held_out"]
    synthetic: Float[np.ndarray, " synthetic"]
    strange: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Return `classes` or `number`."""
        return CLASSES if self.levels else NUMBER


def attributes_of(
    conditions: Mapping[str, Said | tuple[Column, Column, Column]], rows: tuple[int, int, int]
) -> list[Attribute]:
    """Return every attribute; one of several labels becomes one for each.

    Args:
        conditions: by name.
        rows: of the training, the held-out and the synthetic side.

    Raises:
        ValueError: a column of another length, or one that holds numbers on one side and words on another.
    """
    made: list[Attribute] = []
    for name, columns in conditions.items():
        said = Said(*columns)
        for side, column, n in zip(said._fields, said, rows, strict=True):
            if len(column) != n:
                raise ValueError(f"condition {name!r} says {len(column)} values of {n} {side} rows; each needs one")
        made += _attributes(name, said)
    return made


def _attributes(name: str, said: Said) -> list[Attribute]:
    sides = [_listed(column) for column in said]
    values = [v for side in sides for v in side if _stated(v)]
    if any(isinstance(v, (list, tuple, set, frozenset)) for v in values):
        return _labels(name, sides)
    if any(isinstance(v, str) for v in values):
        if not all(isinstance(v, str) for v in values):
            raise ValueError(f"condition {name!r} holds words and numbers; one or the other is needed")
        return [_words(name, sides)]
    numbers = [np.array([float(v) if _stated(v) else np.nan for v in side]) for side in sides]
    known = np.unique(np.concatenate([n[np.isfinite(n)] for n in numbers]))
    levels = (NO, YES) if set(known.tolist()) <= {0.0, 1.0} else ()
    return [_attribute(name, levels, numbers)]


def _listed(column: Column) -> list[Any]:
    """Return the values of a column; a row of a table of 1 and 0 is the list of the places where it is 1."""
    array = column if isinstance(column, np.ndarray) else None
    if array is not None and array.ndim == 2:
        return [None if np.isnan(row).all() else [str(k) for k in np.flatnonzero(row == 1)] for row in array]
    return [str(v) if hasattr(v, "value") and isinstance(v, str) else v for v in list(column)]


def _stated(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value):
        return False
    return not (isinstance(value, (float, np.floating)) and not np.isfinite(value))


def _words(name: str, sides: Sequence[Sequence[Any]]) -> Attribute:
    levels = tuple(sorted({v for v in sides[0] if _stated(v)}))
    place = {word: float(k) for k, word in enumerate(levels)}
    coded = [np.array([place.get(v, np.nan) if _stated(v) else np.nan for v in side]) for side in sides]
    strange = tuple(sorted({v for v in sides[2] if _stated(v) and v not in place}))
    return _attribute(name, levels or (NO,), coded, strange)


def _labels(name: str, sides: Sequence[Sequence[Any]]) -> list[Attribute]:
    words = sorted({str(w) for side in sides for v in side if _stated(v) for w in _words_of(v)})
    return [_attribute(f"{name}: {word}", (NO, YES), [_holds(side, word) for side in sides]) for word in words]


def _attribute(
    name: str, levels: tuple[str, ...], sides: Sequence[np.ndarray], strange: tuple[str, ...] = ()
) -> Attribute:
    return Attribute(name, levels, sides[0], sides[1], sides[2], strange)


def _holds(side: Sequence[Any], word: str) -> np.ndarray:
    return np.array([float(word in {str(w) for w in _words_of(v)}) if _stated(v) else np.nan for v in side])


def _words_of(value: Any) -> Sequence[Any]:
    return [value] if isinstance(value, str) else list(value)
