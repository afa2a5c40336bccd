"""What a row does not hold is said to be absent, where the rules speak of it: half with an effusion, half without one.

Left unsaid, a generator would be free to draw the finding in the other half too.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from .columns import columns_of
from .rules import Rules


def state_absences(rules: Rules, condition_type: type[BaseModel], cells: dict[str, list[Any]]) -> None:
    """Put every finding that a quota or a list of findings names under `absent` in the rows that do not hold it.

    Nothing is done to a condition without such lists, nor where a rule decides `absent` itself. A finding that a row
    implies (a lung lesion in a row with a mass), or holds as uncertain, is left as it is.
    """
    lists = getattr(condition_type, "STATES", None)
    if lists is None or lists[0] not in cells or rules.named(lists[1]) is not None:
        return
    held, absent, uncertain = lists
    named = _named(rules, condition_type, held)
    if not named:
        return
    known: dict[tuple[tuple[Any, ...], tuple[Any, ...]], list[Any]] = {}
    doubted = cells.get(uncertain) or [None] * rules.n
    cells[absent] = []
    for present, doubts in zip(cells[held], doubted, strict=True):
        key = tuple(present or ()), tuple(doubts or ())
        if key not in known:
            row = {held: list(key[0]), uncertain: list(key[1])}
            known[key] = [value for value in named if _may_be_absent(condition_type, row, absent, value)]
        cells[absent].append(known[key])


def _named(rules: Rules, condition_type: type[BaseModel], held: str) -> list[Any]:
    """Return the values that quotas and lists of choices name, in the vocabulary's order."""
    values = {quota.value for quota in rules.quotas if quota.field == held}
    values |= {value for listed in rules.choices.get(held, ()) for value in listed}
    words = columns_of(condition_type)[held].words
    return [word for word in words if word in values]


def _may_be_absent(condition_type: type[BaseModel], row: dict[str, list[Any]], absent: str, value: Any) -> bool:
    if any(value in said for said in row.values()):
        return False
    try:
        condition_type(**row, **{absent: [value]})
    except ValidationError:
        return False
    return True
