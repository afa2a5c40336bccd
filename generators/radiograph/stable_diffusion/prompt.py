"""What a condition says in words, in the form that RoentGen-v2 was trained with.

Source: Moroianu et al. 2025, RoentGen-v2: "{age} year old {RACE} {male|female}. {impression}".
"""

from __future__ import annotations

from ....conditioning.radiograph import Finding, RadiographCondition, Sex

_SEX = {Sex.F: "female", Sex.M: "male"}


def prompt(condition: RadiographCondition) -> str:
    """Return a condition as a prompt; what it leaves open is not said, and the empty condition is the empty prompt."""
    sentences = [_patient(condition), _view(condition), condition.text or _impression(condition)]
    return " ".join(sentence for sentence in sentences if sentence)


def _patient(c: RadiographCondition) -> str:
    age = "" if c.age_years is None else f"{c.age_years:.0f} year old"
    race = "" if c.race is None else c.race.value.replace("_", " ").upper()
    sex = "" if c.sex is None else _SEX[c.sex]
    words = " ".join(word for word in (age, race, sex) if word)
    return f"{words}." if words else ""


def _view(c: RadiographCondition) -> str:
    return "" if c.view is None else f"{c.view.value.upper()} view."


def _impression(c: RadiographCondition) -> str:
    present = [finding for finding in c.findings or () if finding is not Finding.no_finding]
    parts = ["No acute cardiopulmonary process."] if Finding.no_finding in (c.findings or ()) else []
    parts += [_listed("", present)] if present else []
    parts += [_listed("Possible ", c.uncertain)] if c.uncertain else []
    if c.absent and not parts:
        parts.append(_listed("No ", [finding for finding in c.absent if finding is not Finding.no_finding], "or"))
    return " ".join(part for part in parts if part)


def _listed(before: str, findings: list[Finding] | tuple[Finding, ...], joined: str = "and") -> str:
    names = [finding.value.replace("_", " ") for finding in findings]
    if not names:
        return ""
    words = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {joined} {names[-1]}"
    said = before + words
    return f"{said[0].upper()}{said[1:]}."
