"""Reads report sentences: which findings they say are present, absent or in doubt, and who was imaged how.

It is a reader of rules. It does not understand sides, sizes and severity, comparisons in time other than "resolved",
one lung of two ("the left lung is clear"), pronouns, misspellings, a "no" over a list whose last part has its own verb
("no effusion, mass is seen"), or an absence told over several sentences. "Likely", "unlikely" and "borderline" are
doubt; "no new" and "no large" count as absent. Two different sexes, ages, races or views leave that field open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError

from ..words import one_line
from .condition import RadiographCondition
from .cues import ASKS, DOUBTS, DOUBTS_BACK, NEGATES, NEGATES_BACK, NEGATES_EITHER, Cue, cues_in, reach, reaches_back
from .patient_words import patient_facts
from .phrases import phrases
from .states import ABSENT, PRESENT, UNCERTAIN, settled
from .vocabulary import Finding

_SKIPPED = re.compile(r"INDICATION|HISTORY|CLINICAL|REASON|TECHNIQUE|COMPARISON|EXAM|PROCEDURE|VIEWS?\b")
_HEADING = re.compile(r"(?m)^\s*([A-Z][A-Z /&]{2,}):")
_ENUMERATED = re.compile(r"(?:(?<=\s)|^)\d{1,2}[.)] (?=\D)")
_ABBREVIATED = re.compile(r"\b(vs|approx|dr|e\.g|i\.e|no)\.(?= [a-z\d])")
_END = re.compile(r"(?<=[.!])\s+|(?<=\?)\s+(?=[A-Z])|\n\s*\n|;")
_CHOICE = re.compile(r"(?:^|[\s/])(?:or|and/or|versus|vs|v\.?)(?:$|\s)|^\s*/\s*$")
_TURNED = {PRESENT: ABSENT, ABSENT: PRESENT}


@dataclass(frozen=True)
class Mention:
    """A finding that a text speaks of.

    Attributes:
        finding: which one.
        state: present, absent or uncertain.
        phrase: the words, with what stands around them.
    """

    finding: Finding
    state: str
    phrase: str


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    says: Mapping[Finding, str]


def read_report(text: str) -> RadiographCondition:
    """Return what the sentences of a report say, as a condition; what they do not say is left open.

    Args:
        text: sentences in English. Under headings such as INDICATION only the patient and the view are read.

    Raises:
        ValueError: an age that no patient has.
    """
    said = settled(*([m.finding for m in mentions(text) if m.state == s] for s in (PRESENT, ABSENT, UNCERTAIN)))
    try:
        return RadiographCondition.model_validate({**patient_facts(text), **said})
    except ValidationError as error:
        raise ValueError(f"text says {one_line(error, RadiographCondition)}") from None


def mentions(text: str) -> list[Mention]:
    """Return every mention of a finding, in order, each with the state that its own sentence gives it."""
    return [mention for sentence in _sentences(text) for mention in _read(sentence)]


def _sentences(text: str) -> Iterator[str]:
    """Yield the sentences of the sections that tell what is seen, in lower case, spaces single."""
    for part in _sections(text):
        part = _ENUMERATED.sub("\n\n", _ABBREVIATED.sub(r"\1", part))
        for sentence in _END.split(part):
            plain = " ".join(sentence.replace("\u2019", "'").lower().split()).rstrip(" .")
            if plain:
                yield plain


def _sections(text: str) -> Iterator[str]:
    heads = list(_HEADING.finditer(text))
    yield text[: heads[0].start()] if heads else text
    for head, after in zip(heads, [*heads[1:], None], strict=False):
        if not _SKIPPED.match(head[1]):
            yield text[head.end() : after.start() if after else len(text)]


@lru_cache(maxsize=1 << 16)  # reports repeat their sentences
def _read(sentence: str) -> tuple[Mention, ...]:
    spans = _spans(sentence)
    cues = [cue for cue in cues_in(sentence) if not any(s.start < cue.end and cue.start < s.end for s in spans)]
    turns = [_turn(sentence, span, cues, spans) for span in spans]
    if sentence.endswith("?"):
        turns = [turn or DOUBTS for turn in turns]
    else:
        _alternatives(sentence, spans, turns)
    return tuple(
        Mention(finding, state, sentence[max(0, span.start - 30) : span.end + 30])
        for span, turn in zip(spans, turns, strict=True)
        for finding, said in span.says.items()
        if (state := _state(said, turn)) is not None
    )


def _state(said: str, turn: str | None) -> str | None:
    """Return a finding's state from what the phrase says and what the cue does to it; None where nothing is said."""
    if turn is None or turn == ASKS:
        return said if turn is None else None
    return UNCERTAIN if turn == DOUBTS else _TURNED.get(said)


def _spans(sentence: str) -> list[_Span]:
    """Return the phrases in a sentence, the longer one where two overlap."""
    found = [_Span(m.start(), m.end(), says) for pattern, says in phrases() for m in pattern.finditer(sentence)]
    kept: list[_Span] = []
    for span in sorted(found, key=lambda s: (s.start - s.end, s.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def _turn(sentence: str, span: _Span, cues: list[Cue], spans: list[_Span]) -> str | None:
    """Return what the cues around a phrase do to it: NEGATES, DOUBTS, ASKS or nothing."""
    for cue in cues:
        backward = cue.kind in (NEGATES_BACK, DOUBTS_BACK) or (cue.kind == NEGATES_EITHER)
        if backward and cue.start >= span.end and reaches_back(sentence, span.end, cue.start):
            return DOUBTS if cue.kind == DOUBTS_BACK else NEGATES
    before = [cue for cue in cues if _covers(sentence, cue, span, spans)]
    if not before:
        return None
    last = before[-1]
    if last.kind == DOUBTS and any(c.kind == NEGATES and _unbroken(sentence, c, last) for c in before[:-1]):
        return NEGATES
    return NEGATES if last.kind == NEGATES_EITHER else last.kind


def _covers(sentence: str, cue: Cue, span: _Span, spans: list[_Span]) -> bool:
    if cue.kind not in (NEGATES, DOUBTS, ASKS, NEGATES_EITHER) or cue.end > span.start:
        return False
    if cue.kind == NEGATES_EITHER and any(
        s.end <= cue.start and reaches_back(sentence, s.end, cue.start) for s in spans
    ):
        return False
    return span.start < reach(sentence, cue.end)


def _unbroken(sentence: str, first: Cue, second: Cue) -> bool:
    return re.search(r",|\band\b|\bor\b", sentence[first.end : second.start]) is None


def _alternatives(sentence: str, spans: list[_Span], turns: list[str | None]) -> None:
    """Put in doubt what is named as one of several: `atelectasis versus pneumonia`, `edema, pneumonia or both`."""
    between = [sentence[a.end : b.start] for a, b in zip(spans, spans[1:], strict=False)]
    for i, words in enumerate(between):
        if turns[i] is None and turns[i + 1] is None and len(words.split()) <= 5 and _CHOICE.search(words):
            turns[i] = turns[i + 1] = DOUBTS
            for j in range(i - 1, -1, -1):
                if turns[j] is not None or between[j].strip() != ",":
                    break
                turns[j] = DOUBTS
