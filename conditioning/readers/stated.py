"""What a header's comments state about the patient."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_KEY = re.compile(r"^(<?)([A-Za-z][A-Za-z ]*?)>?\s*:\s*(.*)$")
_MIT = re.compile(r"^(\d{1,3}|-1)\s+([MF])\b")
_AGE = re.compile(r"^>?\s*(\d+(?:\.\d+)?)\s*(\+|y|yr|yrs|year|years)?$")
_DIAGNOSIS = frozenset({"dx", "diagnosis", "diagnoses", "diagnose", "reason for admission", "rhythm", "findings"})
_NOT_SAID = frozenset({"", "unknown", "nan", "none", "n/a", "na", "-1", "?"})
# HIPAA's safe harbour merges ages above 89; 90 is the least that such an entry can mean.
ABOVE_89 = 90.0


@dataclass(frozen=True)
class Stated:
    """What a source states about a patient, in the source's own words.

    Attributes:
        age: the age as written.
        sex: the sex as written.
        labels: diagnoses, words or codes.
        synthetic: the comments say that a generator made the record.
    """

    age: str | None = None
    sex: str | None = None
    labels: tuple[str, ...] = ()
    synthetic: bool = False


def parse_comments(comments: Iterable[str]) -> Stated:
    """Return what header comments say: `Age: 77`, LUDB's `<age>: 64` with a list of diagnoses, or MIT's `69 M`."""
    age = sex = None
    synthetic = False
    labels: list[str] = []
    listing = False
    for comment in comments:
        text = comment.strip().lstrip("#").strip()
        match, mit = _KEY.match(text), _MIT.match(text)
        synthetic = synthetic or text.startswith("SYNTHETIC")
        key = match[2].strip().lower() if match else ""
        if match and key == "age":
            age = age or match[3].strip()
        elif match and key in ("sex", "gender"):
            sex = sex or match[3].strip()
        elif match and key in _DIAGNOSIS and not listing:
            labels += [word.strip() for word in re.split(r"[,;|]", match[3])]
            listing = match[1] == "<"
        elif listing and text:
            labels.append(text.removeprefix("Rhythm: ").rstrip(". "))
        elif mit and age is None:
            age, sex = mit[1], mit[2]
    said = tuple(dict.fromkeys(label for label in labels if label.lower() not in _NOT_SAID))
    return Stated(_said(age), _said(sex), said, synthetic)


def _said(text: str | None) -> str | None:
    return None if text is None or text.strip().lower() in _NOT_SAID else text.strip()


def age_years(text: str | None) -> float | None:
    """Return an age in years; `>89`, `89+` and PTB-XL's 300 all mean above 89 and give 90.

    Anything else that is not a plain number of years gives None.
    """
    match = _AGE.match((text or "").strip().lower())
    if match is None:
        return None
    years = float(match[1])
    above = years == 300 or (years >= 89 and ((text or "").strip().startswith(">") or match[2] == "+"))
    return ABOVE_89 if above else years


def sex_letter(text: str | None) -> str | None:
    """Return F or M for a sex in words, None for anything else."""
    return {"f": "F", "female": "F", "m": "M", "male": "M"}.get((text or "").strip().lower())
