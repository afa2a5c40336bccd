"""Who was imaged and how, in a report's words: age, sex, race and view."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from ..demographics import Race, Sex
from .vocabulary import View

T = TypeVar("T")
RACE_WORDS: dict[str, Race] = {
    "african american": Race.black,
    "african-american": Race.black,
    "alaska native": Race.native_american,
    "american indian": Race.native_american,
    "asian": Race.asian,
    "black": Race.black,
    "caucasian": Race.white,
    "hispanic": Race.hispanic,
    "latina": Race.hispanic,
    "latino": Race.hispanic,
    "native american": Race.native_american,
    "native hawaiian": Race.pacific_islander,
    "pacific islander": Race.pacific_islander,
    "white": Race.white,
}
_FEMALE, _MALE = r"female|woman|lady|girl", r"male|man|gentleman|boy"
_PERSON = rf"(?:{_FEMALE}|{_MALE}|patient|infant|child|f|m)"
_UNIT = r"(?P<unit>years?|yrs?|y|months?|mos?|weeks?|wks?|days?)"
_AGE = re.compile(rf"(?<![\d.])(?P<n>\d+(?:\.\d+)?)[ -]*{_UNIT}(?:[ -]*old|[ /]*o)\b", re.I)
_AGE_SEX = re.compile(
    r"(?<![\d.])(?P<n>\d{1,3})[ -]*(?:(?:years?|yrs?|y)[ -]*old"
    r"|y[ /]*o)?[ ,-]*(?P<sex>[MF])\b(?!')"
)
_SEX_AGE = re.compile(r"\b(?P<sex>[MF])[ ,/]+(?P<n>\d{1,3})\b(?![./]\d)")
_SEX = re.compile(rf"(?<![\w-])(?:(?P<F>{_FEMALE})|(?P<M>{_MALE}))\b", re.I)
_NAMES = "|".join(sorted(RACE_WORDS, key=len, reverse=True))
_RACE = re.compile(
    rf"\b(?P<race>{_NAMES})(?=[ -]+(?:non-hispanic )?{_PERSON}\b)|\b(?:year|month|week"
    rf"|day)s?[ -]old (?P<after>{_NAMES})\b",
    re.I,
)
_FILM = r"(?:views?|projections?|radiographs?|films?|x-?rays?|images?|cxr|exam\w*|stud(?:y|ies)|portable|technique)"
_HOW = r"(?:(?:chest|upright|supine|erect|semi-?erect|semi-?upright|single|frontal|portable|only|digital|bedside) )*"
_VIEW = re.compile(rf"\b(?P<first>ap|pa|lateral)(?: and (?P<second>ap|pa|lateral))? {_HOW}(?:{_FILM}|chest)\b", re.I)
_VIEW_NAMED = re.compile(
    r"\b(?:portable|bedside|view(?: ?position)?s?:?|projection:?) (?P<first>ap|pa|lateral)\b", re.I
)
_PORTABLE = re.compile(rf"\b(?:portable|bedside) {_HOW}(?:{_FILM}|chest)\b", re.I)
_YEARS = {"y": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}


def patient_facts(text: str) -> dict[str, Any]:
    """Return `sex`, `age_years`, `race` and `view` where a text states exactly one value of it."""
    plain = " ".join(text.split())
    facts = {
        "sex": _only(_sexes(plain)),
        "age_years": _only(_ages(plain)),
        "race": _only(RACE_WORDS[(m["race"] or m["after"]).lower()] for m in _RACE.finditer(plain)),
        "view": _only(_views(plain)),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _only(values: Iterable[T]) -> T | None:
    """Return the value if all are the same."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _sexes(text: str) -> Iterable[Sex]:
    for match in _SEX.finditer(text):
        yield Sex.F if match["F"] else Sex.M
    for pattern in (_AGE_SEX, _SEX_AGE):
        for match in pattern.finditer(text):
            yield Sex(match["sex"])


def _ages(text: str) -> Iterable[float]:
    for match in _AGE.finditer(text):
        yield float(match["n"]) * _YEARS[match["unit"][0].lower()]
    for pattern in (_AGE_SEX, _SEX_AGE):
        for match in pattern.finditer(text):
            yield float(match["n"])


def _views(text: str) -> Iterable[View]:
    """Yield every view named; a portable film is taken from the front."""
    for pattern in (_VIEW, _VIEW_NAMED):
        for match in pattern.finditer(text):
            for word in match.groupdict().values():
                if word:
                    yield View(word.lower())
    if _PORTABLE.search(text):
        yield View.ap
