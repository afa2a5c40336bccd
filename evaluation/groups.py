"""Who is compared with whom: everyone, each sex, each age band, and where they cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

AGE_BANDS: tuple[tuple[str, float, float], ...] = (
    ("18-39", 18, 40),
    ("40-59", 40, 60),
    ("60-79", 60, 80),
    ("80+", 80, np.inf),
)
SEXES = ("F", "M")
FEWEST_REAL = 10  # a crossing with fewer real records says nothing and is left out


@dataclass(frozen=True)
class Group:
    """One comparison's membership.

    Attributes:
        name: shown in tables, such as `F 60-79`.
        kind: `all`, `sex`, `age`, `sex x age`, or what the caller adds.
        real: which real records belong.
        synthetic: which synthetic records belong.
    """

    name: str
    kind: str
    real: Bool[np.ndarray, " real"]
    synthetic: Bool[np.ndarray, " synthetic"]


def demographic_groups(
    real: Sequence[Any], synthetic: Sequence[Any], fewest_real: int = FEWEST_REAL
) -> tuple[Group, ...]:
    """Return all, sexes, age bands, and crossings that hold at least `fewest_real` real records.

    Args:
        real: conditions of the real records (anything with `sex` and `age_years`, or None).
        synthetic: conditions of the synthetic records.
        fewest_real: smallest real crossing that is compared.
    """
    sides = (_Side(real), _Side(synthetic))
    groups = [Group("all", "all", *(np.ones(len(s.sex), bool) for s in sides))]
    groups += [Group(sex, "sex", *(s.sex == sex for s in sides)) for sex in SEXES]
    groups += [Group(name, "age", *(s.aged(low, high) for s in sides)) for name, low, high in AGE_BANDS]
    crossings = [
        Group(f"{sex} {name}", "sex x age", *((s.sex == sex) & s.aged(low, high) for s in sides))
        for sex in SEXES
        for name, low, high in AGE_BANDS
    ]
    return tuple(groups + [g for g in crossings if g.real.sum() >= fewest_real])


class _Side:
    """Sex and age of one side's records as arrays."""

    def __init__(self, conditions: Sequence[Any]) -> None:
        sexes = [getattr(c, "sex", None) for c in conditions]
        ages = [getattr(c, "age_years", None) for c in conditions]
        self.sex = np.array(["" if s is None else str(s) for s in sexes], dtype=object)
        self.age = np.array([np.nan if a is None else float(a) for a in ages], dtype=float)

    def aged(self, low: float, high: float) -> np.ndarray:
        return (self.age >= low) & (self.age < high)
