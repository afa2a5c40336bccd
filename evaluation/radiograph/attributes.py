"""What conditions say, as columns that readings can be held against: 1, 0 or NaN, and an age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...conditioning.radiograph import Finding, Race, RadiographCondition, Sex, View
from ..groups import AGE_BANDS

AGE = "age_years"
SEX = "sex"
OLD_YEARS = 60  # where age has to be two classes


@dataclass(frozen=True)
class Column:
    """What all conditions say of one thing.

    Attributes:
        name: such as `sex`, `view=pa`, `race=black`, `age_years` or a finding's word.
        label: how a page calls it.
        value: 1, 0 or NaN where nothing is said; years for the age.
    """

    name: str
    label: str
    value: Float[np.ndarray, " n"]

    @property
    def binary(self) -> Column:
        """Return the column in two classes: an age is 60 years and more or less."""
        if self.name != AGE:
            return self
        old = np.where(np.isfinite(self.value), self.value >= OLD_YEARS, np.nan)
        return Column(self.name, f"age {OLD_YEARS} and more", old.astype(float))

    @property
    def stratum(self) -> np.ndarray:
        """Return the class of each row as a word; an age's is its band."""
        if self.name == AGE:
            return np.array([_band(a) for a in self.value.tolist()])
        return np.array([str(v) for v in self.value.tolist()])


def columns(conditions: Sequence[RadiographCondition]) -> dict[str, Column]:
    """Return every column of conditions by name, those of which nothing is said included."""
    c = list(conditions)
    found = [Column(SEX, "sex (male)", _one([None if x.sex is None else x.sex is Sex.M for x in c]))]
    found.append(Column(AGE, "age", np.array([np.nan if x.age_years is None else x.age_years for x in c], dtype=float)))
    for view in View:
        found.append(Column(f"view={view}", f"view {view.upper()}", _one([_is(x.view, view) for x in c])))
    for race in Race:
        found.append(Column(f"race={race}", f"race {race.replace('_', ' ')}", _one([_is(x.race, race) for x in c])))
    for finding in Finding:
        found.append(Column(str(finding), finding.replace("_", " "), _one([x.state(finding) for x in c])))
    return {column.name: column for column in found}


def stated_alike(
    real: Sequence[RadiographCondition], synthetic: Sequence[RadiographCondition]
) -> tuple[list[RadiographCondition], bool]:
    """Return real conditions that say of absent findings no more than synthetic ones do, and whether any was dropped.

    A plan that lists what an image shows says that a disease is absent only by `no_finding`. Real labels say it of
    every disease, and a finding is harder to tell from other diseases than from none: the two would not compare.
    """
    if any(c.absent for c in synthetic):
        return list(real), False
    return [c.model_copy(update={"absent": None}) for c in real], any(c.absent for c in real)


def age_band(age_years: float | None) -> str:
    """Return the name of an age's band; empty where it is not known or outside."""
    return "" if age_years is None else _band(age_years)


def views_said(values: Mapping[str, Column]) -> list[str]:
    """Return the view columns that differ: of two views one says all."""
    said = [f"view={view}" for view in View if np.nansum(values[f"view={view}"].value) > 0]
    return [n for n in said if n == "view=pa"] or said[:1] if len(said) == 2 else said


def distinct(values: Mapping[str, Column], names: Sequence[str]) -> list[str]:
    """Return the names without those that say the same of every row as one before: a finding and what it implies."""
    kept: list[str] = []
    for name in names:
        if not any(np.array_equal(values[name].value, values[k].value, equal_nan=True) for k in kept):
            kept.append(name)
    return kept


def _is(value: object, wanted: object) -> bool | None:
    return None if value is None else value is wanted


def _one(states: Sequence[bool | None]) -> np.ndarray:
    return np.array([np.nan if s is None else float(s) for s in states])


def _band(age: float) -> str:
    return next((name for name, low, high in AGE_BANDS if low <= age < high), "")
