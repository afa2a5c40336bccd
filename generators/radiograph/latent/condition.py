"""What the denoiser is told of a radiograph: attributes that may each be left open.

An attribute's number and whether it is said travel apart, `value` and `said`, each (attributes,) float32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from ....conditioning.plan.bands import band_of
from ....conditioning.radiograph import Finding, Race, RadiographCondition, Sex, View

PEOPLE = ("sex", "age_years", "race", "view")  # attributes before the findings
SEXES, RACES, VIEWS = tuple(Sex), tuple(Race), tuple(View)
STATES = ("absent", "present", "uncertain")
_NEVER_SHARE = 0.1  # of the examples, with nothing said

Support = Mapping[str, Mapping[str, int]]


class ConditionConfig(BaseModel):
    """What the denoiser is told.

    Attributes:
        findings: those that it has a token for; others are refused.
        width: of a token.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: tuple[Finding, ...] = tuple(Finding)
    width: int = Field(96, ge=8)

    @field_validator("findings")
    @classmethod
    def _once(cls, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        if len(set(findings)) < len(findings):
            raise ValueError(f"findings has one twice: {', '.join(findings)}")
        return findings

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the attributes' names, in the order of `value` and `said`."""
        return (*PEOPLE, *(finding.value for finding in self.findings))

    def places(self, field: str) -> tuple[int, ...]:
        """Return where an attribute stands; `findings` stands for all of them.

        Raises:
            ValueError: there is no such attribute; the message lists those that there are.
        """
        names = self.attributes
        if field == "findings":
            return tuple(range(len(PEOPLE), len(names)))
        if field not in names:
            raise ValueError(f"attribute {field!r} is not known (allowed: findings, {', '.join(names)})")
        return (names.index(field),)


def encode(
    condition: RadiographCondition, config: ConditionConfig
) -> tuple[Float[np.ndarray, " attributes"], Float[np.ndarray, " attributes"]]:
    """Return `value` and `said` of a condition; what it leaves open is unsaid."""
    numbers: list[float | None] = [
        None if condition.sex is None else SEXES.index(condition.sex),
        condition.age_years,
        None if condition.race is None else RACES.index(condition.race),
        None if condition.view is None else VIEWS.index(condition.view),
    ]
    doubted = condition.uncertain or ()
    for finding in config.findings:
        state = condition.state(finding)
        numbers.append(2.0 if finding in doubted else None if state is None else float(state))
    said = np.array([number is not None for number in numbers], np.float32)
    return np.array([0.0 if number is None else number for number in numbers], np.float32), said


def hushed(said: Float[Tensor, "b attributes"], u: Float[Tensor, "b numbers"]) -> Float[Tensor, "b attributes"]:
    """Return `said` with some attributes left out, so that every subset of them is learned.

    With a chance of 0.1 nothing is said; else half of the examples keep all, the others leave out each attribute with a
    chance drawn from 0 to 1.

    Args:
        said: 1 where an attribute is said.
        u: uniform in [0, 1): two numbers and one per attribute.
    """
    chance = (2 * u[:, 1:2] - 1).clamp(min=0)
    chance = torch.where(u[:, :1] < _NEVER_SHARE, torch.ones_like(chance), chance)
    return said * (u[:, 2:] >= chance).float()


def support_of(conditions: Iterable[RadiographCondition], config: ConditionConfig) -> dict[str, dict[str, int]]:
    """Return how many of the training images had each value of each field; ages by band."""
    counts = {field: Counter[str]() for field in (*PEOPLE, "findings", "absent", "uncertain")}
    for c in conditions:
        for field in ("sex", "race", "view"):
            if (value := getattr(c, field)) is not None:
                counts[field][value.value] += 1
        if (band := band_of(c.age_years)) is not None:
            counts["age_years"][band] += 1
        for finding in config.findings:
            state = c.state(finding)
            if finding in (c.uncertain or ()):
                counts["uncertain"][finding.value] += 1
            elif state is not None:
                counts["findings" if state else "absent"][finding.value] += 1
    words = {"sex": SEXES, "race": RACES, "view": VIEWS} | dict.fromkeys(("findings", "absent", "uncertain"), Finding)
    listed = {field: {word.value: counts[field][word.value] for word in words[field]} for field in words}
    return listed | {"age_years": dict(sorted(counts["age_years"].items()))}


def refuse(condition: RadiographCondition, config: ConditionConfig, support: Support) -> None:
    """Refuse a condition that the model was not taught.

    Raises:
        ValueError: the message names the field, its value and what would be right.
    """
    for field in ("sex", "race", "view"):
        value = getattr(condition, field)
        if value is not None and not support.get(field, {}).get(value.value, 0):
            raise ValueError(_untaught(field, value.value, support.get(field, {})))
    for field in ("findings", "absent", "uncertain"):
        for finding in getattr(condition, field) or ():
            if finding not in config.findings or not support.get(field, {}).get(finding.value, 0):
                raise ValueError(_untaught(field, finding.value, support.get(field, {})))


def _untaught(field: str, value: str, counts: Mapping[str, int]) -> str:
    taught = ", ".join(word for word, n in counts.items() if n) or "none"
    return f"{field} = {value}: no training image of this model had it; leave it out (taught: {taught})"
