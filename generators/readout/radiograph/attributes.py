"""What there is to read in a radiograph, and what records say of it; what a record leaves open is NaN or -1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict

from ....conditioning.radiograph import Finding, Race, RadiographCondition, Sex, View
from ....conditioning.record import Record

MINIMUM_IMAGES = 20  # of a value, for a network to learn it
MINIMUM_PATIENTS = 4  # that they come from


class Attributes(BaseModel):
    """The attributes that a network reads, in the order of its outputs.

    Attributes:
        sex: whether it reads sex.
        age: whether it reads age.
        races: races that it tells apart; none or two at least.
        views: views that it tells apart; none or two at least.
        findings: findings that it reads, each for itself.
        not_learned: why an attribute or value is not read, a sentence by its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sex: bool = False
    age: bool = False
    races: tuple[Race, ...] = ()
    views: tuple[View, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_learned: Mapping[str, str] = {}

    @property
    def outputs(self) -> int:
        """Return how many numbers the network gives."""
        return int(self.sex) + 2 * int(self.age) + len(self.races) + len(self.views) + len(self.findings)


@dataclass(frozen=True)
class Said:
    """What n records say.

    Attributes:
        male: 1, 0 or NaN.
        age_years: or NaN.
        race: index into `Attributes.races`, or -1.
        view: index into `Attributes.views`, or -1.
        findings: 1, 0 or NaN, a column per `Attributes.findings`.
    """

    male: Float[np.ndarray, " n"]
    age_years: Float[np.ndarray, " n"]
    race: Int[np.ndarray, " n"]
    view: Int[np.ndarray, " n"]
    findings: Float[np.ndarray, "n findings"]

    def at(self, rows: np.ndarray) -> Said:
        """Return what the records of some rows say."""
        return Said(self.male[rows], self.age_years[rows], self.race[rows], self.view[rows], self.findings[rows])


def learnable(records: Sequence[Record], *, minimum: int = MINIMUM_IMAGES) -> Attributes:
    """Return the attributes that records can teach: each value on `minimum` images of four patients at least.

    Args:
        records: radiographs with their conditions.
        minimum: images of a value.
    """
    conditions, patients = [condition_of(r) for r in records], [patient_of(r) for r in records]
    why: dict[str, str] = {}

    def enough(name: str, has: Iterable[bool]) -> bool:
        who = [patient for patient, yes in zip(patients, has, strict=True) if yes]
        if len(who) >= minimum and len(set(who)) >= MINIMUM_PATIENTS:
            return True
        why[name] = f"{len(who)} images of {len(set(who))} patients; {minimum} of {MINIMUM_PATIENTS} are needed"
        return False

    sexes = [enough(f"sex={sex}", (c.sex is sex for c in conditions)) for sex in Sex]
    races = tuple(race for race in Race if enough(f"race={race}", (c.race is race for c in conditions)))
    views = tuple(view for view in View if enough(f"view={view}", (c.view is view for c in conditions)))
    findings = tuple(
        finding
        for finding in Finding
        if enough(f"{finding}=present", (c.state(finding) is True for c in conditions))
        and enough(f"{finding}=absent", (c.state(finding) is False for c in conditions))
    )
    age = enough("age_years", (c.age_years is not None for c in conditions))
    ages = {c.age_years for c in conditions if c.age_years is not None}
    if age and len(ages) == 1:
        why["age_years"] = f"all are {ages.pop():g} years old"
    for name, values in (("race", races), ("view", views)):
        if len(values) == 1:
            why[name] = f"{values[0]} alone is common enough; two values are needed"
    return Attributes(
        sex=all(sexes),
        age="age_years" not in why,
        races=races if len(races) > 1 else (),
        views=views if len(views) > 1 else (),
        findings=findings,
        not_learned=why,
    )


def said(records: Sequence[Record], attributes: Attributes) -> Said:
    """Return what records say of the attributes."""
    conditions = [condition_of(record) for record in records]
    states = [[_number(c.state(finding)) for finding in attributes.findings] for c in conditions]
    return Said(
        np.array([_number(None if c.sex is None else c.sex is Sex.M) for c in conditions]),
        np.array([np.nan if c.age_years is None else c.age_years for c in conditions]),
        np.array([_index(c.race, attributes.races) for c in conditions], dtype=np.int64),
        np.array([_index(c.view, attributes.views) for c in conditions], dtype=np.int64),
        np.array(states, dtype=np.float64).reshape(len(conditions), len(attributes.findings)),
    )


def condition_of(record: Record) -> RadiographCondition:
    """Return what a record says; nothing when it carries no radiograph's condition."""
    return record.condition if isinstance(record.condition, RadiographCondition) else RadiographCondition()


def patient_of(record: Record) -> str:
    """Return the patient's name, or the record's where none is known."""
    return str(condition_of(record).patient_id or record.provenance.get("patient_id") or record.record_id)


def _number(state: bool | None) -> float:
    return np.nan if state is None else float(state)


def _index(value: object, values: Sequence[object]) -> int:
    return values.index(value) if value in values else -1
