"""Conditions as sentences, by RoentGen-v2's template, and sentences as the fields that a condition leaves open.

Source: StanfordMIMI/RoentGen-v2, `{age} year old {RACE} {male|female}. {impression}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from ..demographics import Sex
from ..words import one_line
from .condition import RadiographCondition
from .phrases import NAMES
from .report import Mention, mentions, read_report
from .states import ABSENT, PRESENT, UNCERTAIN
from .vocabulary import Finding

_SEX = {Sex.F: "female", Sex.M: "male"}
_LISTS = {"findings": PRESENT, "absent": ABSENT, "uncertain": UNCERTAIN}
_NOTHING = {
    "findings": "No evidence of acute cardiopulmonary process.",
    "absent": "Abnormal chest radiograph.",
    "uncertain": "Possible normal chest radiograph.",
}


def prompt(condition: RadiographCondition) -> str:
    """Return a condition as the published template's sentences; what it leaves open is left out.

    `read_report` reads every field but `text` and `patient_id` back. Where there is a `text`, it stands last, and the
    sentences before it say only what it does not.

    Raises:
        ValueError: the text says otherwise than a field.
    """
    said = read_report(condition.text) if condition.text else RadiographCondition()
    with_text(condition)
    view = condition.view if said.view is None else None
    parts = [_patient(condition, said), f"{view.upper() if view != 'lateral' else 'Lateral'} view." if view else ""]
    for name in _LISTS:
        stated = getattr(said, name) or ()
        parts += _sentences(name, [f for f in getattr(condition, name) or () if f not in stated])
    return " ".join(part for part in [*parts, condition.text or ""] if part)


def with_text(condition: RadiographCondition) -> RadiographCondition:
    """Return a condition with the fields that it leaves open filled from its `text`.

    Raises:
        ValueError: a field says otherwise than the text; both are named.
    """
    if condition.text is None:
        return condition
    said = read_report(condition.text)
    filled = {name: _agreed(condition, said, name) for name in ("sex", "age_years", "race", "view")}
    lists = {name: list(getattr(condition, name) or ()) for name in _LISTS}
    read = mentions(condition.text)
    for name, state in _LISTS.items():
        for finding in getattr(said, name) or ():
            known = _known(condition, finding)
            if known is None:
                lists[name].append(finding)
            elif known != state:
                raise ValueError(_contradiction(condition, finding, known, state, read))
    try:
        return RadiographCondition.model_validate({**condition.model_dump(), **filled, **lists})
    except ValidationError as error:
        raise ValueError(f"text and fields together: {one_line(error, RadiographCondition)}") from None


def _patient(c: RadiographCondition, said: RadiographCondition) -> str:
    """Return `86 year old BLACK female.`, without what is unsaid or stands in the text already."""
    age = c.age_years if said.age_years is None else None
    race = c.race if said.race is None else None
    sex = c.sex if said.sex is None else None
    words = [
        "" if age is None else f"{_plain(age)} year old",
        race.replace("_", " ").upper() if race else "",
        _SEX[sex] if sex else "patient" if race else "",
    ]
    line = " ".join(word for word in words if word)
    return f"{line[0].upper()}{line[1:]}." if line else ""


def _plain(number: float) -> str:
    """Return a number without an exponent or a needless zero, to its last digit."""
    return f"{Decimal(int(number)) if float(number).is_integer() else Decimal(repr(float(number))):f}"


def _sentences(name: str, findings: Sequence[Finding]) -> list[str]:
    """Return the sentences that say of findings that they are present, absent or uncertain."""
    words = [NAMES[finding] for finding in findings if finding is not Finding.no_finding]
    sentences = [_NOTHING[name]] if Finding.no_finding in findings else []
    if words:
        listed = _listed(words, "and" if name == "findings" else "or")
        lead = {"findings": "", "absent": "no ", "uncertain": "possible "}[name]
        text = f"{lead}{listed}."
        sentences.append(text[0].upper() + text[1:])
    return sentences


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _agreed(c: RadiographCondition, said: RadiographCondition, name: str) -> Any:
    """Return a field's value, from the text where the field is open; a text counts age in whole years."""
    own, told = getattr(c, name), getattr(said, name)
    if own is None or told is None:
        return told if own is None else own
    same = int(own) == int(told) if name == "age_years" else own == told
    if not same:
        raise ValueError(f"{name} = {_shown(own)} contradicts the text, which says {_shown(told)}")
    return own


def _shown(value: Any) -> str:
    return _plain(value) if isinstance(value, float) else str(value)


def _known(c: RadiographCondition, finding: Finding) -> str | None:
    """Return the state that the fields give a finding."""
    if finding in (c.uncertain or ()):
        return UNCERTAIN
    state = c.state(finding)
    return None if state is None else PRESENT if state else ABSENT


def _contradiction(c: RadiographCondition, finding: Finding, known: str, state: str, read: Sequence[Mention]) -> str:
    field = next((n for n, s in _LISTS.items() if s == known and finding in (getattr(c, n) or ())), None)
    own = f"{field} has {finding.value}" if field else f"the fields mean that {finding.value} is {known}"
    words = next((m.phrase for m in read if m.finding is finding and m.state == state), str(c.text)[:60])
    return f"{own}, which contradicts the text: there it is {state} ({words.strip()!r})"
