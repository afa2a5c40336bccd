"""What the learned generator is told of an ECG: attributes that may each be left unsaid.

An attribute's number and whether it is said travel apart, `value` and `said`, each (attributes,) float32.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ....conditioning.ecg import EcgCondition, Finding, Rhythm, Sex

# Rhythms that the network knows as one: sinus rhythms differ by their rate.
RHYTHM_GROUPS: dict[str, tuple[Rhythm, ...]] = {
    "sinus": (Rhythm.sinus, Rhythm.sinus_bradycardia, Rhythm.sinus_tachycardia),
    "atrial_fibrillation": (Rhythm.atrial_fibrillation,),
    "atrial_flutter": (Rhythm.atrial_flutter,),
    "premature_atrial_complexes": (Rhythm.premature_atrial_complexes,),
    "premature_ventricular_complexes": (Rhythm.premature_ventricular_complexes,),
    "av_block_first_degree": (Rhythm.av_block_first_degree,),
}
GROUP_OF = {rhythm: k for k, group in enumerate(RHYTHM_GROUPS.values()) for rhythm in group}
SOURCES = ("real", "artificial")  # whose examples taught it; an artificial one is the simulator's
FIELDS = ("sex", "age_years", "heart_rate_bpm", "rhythm", "source", "findings")
AGE_YEARS = (18.0, 110.0)
RATE_BPM = (20.0, 220.0)

# Fields of how a record is written, which need no network.
WRITTEN = frozenset({"duration_s", "fs_hz", "leads", "patient_id"})
LONGEST_S = 10.0


class ConditionConfig(BaseModel):
    """What the network is told.

    Attributes:
        findings: shapes of the beat that it knows; others are refused.
        token: width of one attribute's embedding.
        width: width of the embedded condition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: tuple[Finding, ...] = (
        Finding.left_bundle_branch_block,
        Finding.right_bundle_branch_block,
        Finding.left_anterior_fascicular_block,
        Finding.left_ventricular_hypertrophy,
        Finding.long_qt,
        Finding.low_voltage,
    )
    token: int = Field(32, ge=4)
    width: int = Field(128, ge=8)

    @field_validator("findings")
    @classmethod
    def _once(cls, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        if len(set(findings)) < len(findings):
            raise ValueError(f"findings has one twice: {', '.join(findings)}")
        return findings

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the attributes' names, in the order of `value` and `said`."""
        return FIELDS[:-1] + tuple(str(finding) for finding in self.findings)

    @property
    def field_of(self) -> tuple[int, ...]:
        """Return the index in FIELDS of each attribute's field."""
        return tuple(range(len(FIELDS) - 1)) + (len(FIELDS) - 1,) * len(self.findings)


def refuse(condition: EcgCondition, config: ConditionConfig) -> None:
    """Refuse a condition that the network cannot obey.

    Raises:
        ValueError: the message names the field, its value and what would be right.
    """
    known = {*FIELDS, *WRITTEN}
    for name, value in condition:
        if name not in known and value is not None:
            said = _shown(value)
            raise ValueError(
                f"{name} = {said}: ecg-diffusion was not taught {name}; leave it out, or use the model ecg"
            )
    if condition.rhythm is not None and condition.rhythm not in GROUP_OF:
        allowed = ", ".join(GROUP_OF)
        raise ValueError(f"rhythm = {condition.rhythm.value}: ecg-diffusion was not taught it (allowed: {allowed})")
    for finding in condition.findings or ():
        if finding not in config.findings:
            allowed = ", ".join(config.findings)
            raise ValueError(f"findings has {finding.value}: ecg-diffusion was not taught it (allowed: {allowed})")
    if condition.duration_s > LONGEST_S:
        raise ValueError(f"duration_s = {condition.duration_s:g}: ecg-diffusion makes {LONGEST_S:g} s at most")


def _shown(value: object) -> str:
    if isinstance(value, BaseModel):
        return "{...}"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def encode(
    condition: EcgCondition,
    config: ConditionConfig,
    source: str | None = None,
    unsure: frozenset[Finding] = frozenset(),
) -> tuple[Float[np.ndarray, " attributes"], Float[np.ndarray, " attributes"]]:
    """Return `value` and `said` of a condition; what it leaves out is unsaid, also its rhythm and findings.

    Args:
        condition: what is asked for or known.
        config: which findings there are.
        source: `real`, `artificial` or None.
        unsure: findings whose absence from the list says nothing.
    """
    numbers: list[float | None] = [
        None if condition.sex is None else float(condition.sex is Sex.M),
        condition.age_years,
        condition.heart_rate_bpm,
        None if condition.rhythm is None else GROUP_OF.get(condition.rhythm),
        None if source is None else SOURCES.index(source),
    ]
    listed = condition.findings
    for finding in config.findings:
        there = listed is not None and finding in listed
        numbers.append(None if listed is None or (not there and finding in unsure) else float(there))
    said = np.array([number is not None for number in numbers], np.float32)
    return np.array([0.0 if number is None else number for number in numbers], np.float32), said
