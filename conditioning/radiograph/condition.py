"""What one chest radiograph is asked to be, or is known to be."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..demographics import Race, Sex
from ..words import listed
from .vocabulary import NO_DISEASE, Finding, View, implied


def _sorted_set(value: tuple[Finding, ...] | None) -> tuple[Finding, ...] | None:
    """Return each finding once, in the vocabulary's order; an empty list says nothing."""
    return tuple(finding for finding in Finding if finding in value) or None if value else None


Findings = Annotated[tuple[Finding, ...] | None, BeforeValidator(listed), AfterValidator(_sorted_set)]


class RadiographCondition(BaseModel):
    """One chest radiograph; what is left out is left open.

    A finding is present, absent or uncertain if one of the three lists has it, else nothing is said of it.

    Attributes:
        sex: sex of the patient, female or male.
        age_years: age in years.
        race: race or ethnicity as recorded.
        view: projection; pa (from the back), ap (from the front, mostly lying or sitting) or lateral.
        findings: what the image shows; no_finding says that every disease is absent.
        absent: findings that it does not show.
        uncertain: findings of which the reader was not sure.
        text: sentences of a radiology report, at most 4000 characters; what they say and the fields leave open is read
            from them.
        patient_id: name of the patient, 1 to 64 letters, digits, dots, hyphens or underscores; images of one patient
            share it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # For plans: the lists of which one holds a finding, as present, absent or uncertain; and what plans draw together
    # from real records, the field first that is let go last where no real record has all that the rules ask for.
    STATES: ClassVar[tuple[str, str, str]] = ("findings", "absent", "uncertain")
    TOGETHER: ClassVar[tuple[str, ...]] = ("findings", "view", "age_years", "sex", "race")

    sex: Sex | None = None
    age_years: float | None = Field(None, ge=0, le=110)
    race: Race | None = None
    view: View | None = None
    findings: Findings = None
    absent: Findings = None
    uncertain: Findings = None
    text: str | None = Field(None, min_length=1, max_length=4000)
    patient_id: str | None = Field(None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")

    @model_validator(mode="after")
    def _consistent(self) -> RadiographCondition:
        _said_once(self)
        _nothing_beside_no_finding(self)
        return self

    def state(self, finding: Finding) -> bool | None:
        """Return whether a finding is present (True), absent (False) or open or uncertain (None).

        What follows counts: a mass is a lung lesion, no finding means that no disease is present, and a disease that
        is present means that `no_finding` is absent.
        """
        present, absent = implied(self.findings or ()), set(self.absent or ())
        if finding in present:
            return True
        if finding in absent or any(wider in absent for wider in implied((finding,))):
            return False
        if finding is Finding.no_finding:
            return False if present - NO_DISEASE else None
        if Finding.no_finding in present and finding not in NO_DISEASE:
            return False
        return None


def _said_once(c: RadiographCondition) -> None:
    lists = {"findings": implied(c.findings or ()), "absent": set(c.absent or ()), "uncertain": set(c.uncertain or ())}
    for first, second in (("findings", "absent"), ("findings", "uncertain"), ("absent", "uncertain")):
        both = sorted(lists[first] & lists[second])
        if both:
            raise ValueError(f"{both[0].value} is both in {first} and in {second}; a finding has one state")


def _nothing_beside_no_finding(c: RadiographCondition) -> None:
    present, doubted = set(c.findings or ()), set(c.uncertain or ())
    if Finding.no_finding not in present:
        return
    for name, said in (("findings", present), ("uncertain", doubted)):
        beside = sorted(said - NO_DISEASE)
        if beside:
            raise ValueError(f"no_finding contradicts {beside[0].value} in {name}")
