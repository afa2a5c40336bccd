"""What a trained generator can be asked for: values that it saw in training, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...conditioning.plan import CohortPlan

FEW = 20  # training images below which a value is asked for under a warning
Support = Mapping[str, Mapping[str, int]]


def counted_of(support: Support, field: str) -> Mapping[str, int] | None:
    """Return a field's counts; those of ages may stand under `age_band`. None where the field is not counted."""
    counts = support.get(field)
    return support.get("age_band") if counts is None and field == "age_years" else counts


def taught(support: Support | None, fields: Iterable[str]) -> dict[str, list[str]]:
    """Return the values that a generator has training images of, for the fields where that is some and not all."""
    found = {}
    for field in fields:
        counts = counted_of(support or {}, field) or {}
        words = [word for word, images in counts.items() if images]
        if 1 < len(words) < len(counts):
            found[field] = words
    return found


def check_support(plan: CohortPlan, support: Support | None, name: str, warn: Callable[[str], None]) -> None:
    """Refuse a plan that asks for a value without a training image, and warn of those with few.

    A field that the generator does not count is not looked at, nor what the plan itself put under `absent`.

    Args:
        plan: the plan.
        support: field -> value -> training images; None for a generator that does not count.
        name: the generator, for the message.
        warn: called once for each value with fewer than `FEW`.

    Raises:
        ValueError: a value has none; the message names it and the values that there are.
    """
    if support is None:
        return
    few: list[str] = []
    for field in plan.table.column_names:
        counts = counted_of(support, field)
        if counts is None or not _asked_for(plan, field):
            continue
        for value in _values(plan.table.column(field).to_pylist(), field, counts):
            images = counts.get(value, 0)
            if images == 0:
                raise ValueError(f"no training image of {name} had {field} = {value} ({_there_are(counts)})")
            if images < FEW:
                few.append(f"only {images} training image{'s' * (images > 1)} of {name} had {field} = {value}")
    for line in few:
        warn(line)


def _asked_for(plan: CohortPlan, field: str) -> bool:
    """Return whether a user asked for what a column holds; a plan read from a file asks for all of it."""
    if field != "absent" or not plan.rules:
        return True
    quotas = {quota[0] for quota in plan.rules.get("quotas", ())}
    return any(field in plan.rules.get(kind, ()) for kind in ("fixed", "choices", "balance")) or field in quotas


def _values(cells: Iterable[Any], field: str, counts: Mapping[str, int]) -> Iterable[str]:
    """Return the values that a column asks for, each once, the most frequent first; ages by the generator's bands."""
    asked = Counter(_shown(v) for cell in cells for v in (cell if isinstance(cell, list) else [cell]) if v is not None)
    values = (value for value, _ in asked.most_common())
    return dict.fromkeys(_band(value, counts) for value in values) if field == "age_years" else values


def _band(age: str, counts: Mapping[str, int]) -> str:
    from ...conditioning.plan import band_of
    from ...conditioning.plan.bands import parse_band

    return band_of(float(age), [parse_band(band) for band in counts]) or band_of(float(age)) or age


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _there_are(counts: Mapping[str, int]) -> str:
    seen = [f"{value} {count}" for value, count in counts.items() if count]
    return f"there are: {', '.join(seen)}" if seen else "it had none of any value"
