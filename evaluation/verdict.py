"""Should I use this data, for what, at what risk: one answer a question, by the worst thing that was found.

An answer follows from the findings and from nothing else; the rules stand on the page (`RULES`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from pydantic import BaseModel, ConfigDict

from .finding import Finding, Level, Question

# The worst first; a level has a word and a symbol, for a colour alone says nothing to many readers.
LEVELS: tuple[Level, ...] = ("stop", "care", "unknown", "good")
WORD: dict[Level, str] = {"stop": "Stop", "care": "Care", "unknown": "Unknown", "good": "In order"}
SYMBOL: dict[Level, str] = {"stop": "✕", "care": "!", "unknown": "?", "good": "✓"}
ASKED: dict[Question, str] = {
    "use": "Should I use this data?",
    "purpose": "What for?",
    "risk": "At what risk?",
}
HEADLINE: dict[tuple[Question, Level], str] = {
    ("use", "stop"): "No, not before what is listed here is mended.",
    ("use", "care"): "Yes, within the limits listed here.",
    ("use", "unknown"): "This could not be told in full; what was looked at is in order.",
    ("use", "good"): "Yes: all that was looked at is in order.",
    ("purpose", "stop"): "For nothing, before what is listed here is mended.",
    ("purpose", "care"): "For some purposes and not for others, as listed here.",
    ("purpose", "unknown"): "This could not be told in full; no purpose was ruled out.",
    ("purpose", "good"): "For the purposes listed here; no other was looked at.",
    ("risk", "stop"): "Too high: do not pass the data on, or models made from it, before this is mended.",
    ("risk", "care"): "There is a risk: pass nothing on before you have looked at what is listed here.",
    ("risk", "unknown"): "This could not be told in full; no screen that was run found any.",
    ("risk", "good"): "No screen that was run found any. A screen is no guarantee.",
}
UNASKED: dict[Question, str] = {
    "use": "Nothing was looked at that would tell.",
    "purpose": "No purpose was looked at.",
    "risk": "No risk was looked at.",
}
ALWAYS = "Whatever is said here: never for diagnosis, for judging a device, or as evidence about patients."
RULES = (
    "Every finding stands on a measurement of this page and answers one of the three questions.",
    "The worst finding of a question is its answer: Stop is worse than Care, Care than Unknown, Unknown than In order. "
    "Findings are not weighed against each other, so no number of good ones makes up for one Stop.",
    "Stop: do not use the data before this is mended. Care: a limit to respect. Unknown: it could not be told, and "
    "why. In order: looked at, and nothing found.",
    "A question that nothing was measured for is Unknown, not In order.",
)


class Answer(BaseModel):
    """The answer to one question.

    Attributes:
        question: which.
        asked: the question in words.
        level: the worst of its findings; `unknown` where there is none.
        headline: one sentence.
        findings: the worst first, within a level in the order given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    question: Question
    asked: str
    level: Level
    headline: str
    findings: tuple[Finding, ...]

    def of(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of one level."""
        return tuple(f for f in self.findings if f.level == level)


def answers(findings: Iterable[Finding]) -> tuple[Answer, ...]:
    """Return one answer a question, in the order in which a reader asks: use, purpose, risk.

    A finding that is given twice counts once.
    """
    all_of_them = list(dict.fromkeys(findings))
    return tuple(_answer(q, [f for f in all_of_them if f.question == q]) for q in get_args(Question))


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of some levels; `unknown` when there is none."""
    return min(levels, key=LEVELS.index, default="unknown")


def _answer(question: Question, found: Sequence[Finding]) -> Answer:
    level = worst(f.level for f in found)
    in_order = tuple(sorted(found, key=lambda f: LEVELS.index(f.level)))
    headline = HEADLINE[question, level] if found else UNASKED[question]
    if found and level == "unknown" and not any(f.level == "good" for f in found):
        headline = "This could not be told; why is listed here."
    if level in ("stop", "care") and any(f.level == "unknown" for f in found):
        n = sum(f.level == "unknown" for f in found)
        headline += f" {n} {'thing' if n == 1 else 'things'} could not be told."
    return Answer(question=question, asked=ASKED[question], level=level, headline=headline, findings=in_order)
