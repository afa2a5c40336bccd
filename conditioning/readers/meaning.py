"""From the labels of a data set to the rhythm and findings of our vocabulary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ecg.vocabulary import Finding, Rhythm


@dataclass(frozen=True)
class Meaning:
    """What one label says in our vocabulary.

    Attributes:
        rhythm: the rhythm that it names.
        findings: the findings that it names.
        other_rhythm: it names a rhythm that our vocabulary lacks.
    """

    rhythm: Rhythm | None = None
    findings: tuple[Finding, ...] = ()
    other_rhythm: bool = False


OTHER_RHYTHM = Meaning(other_rhythm=True)
# A label often stands beside the sinus rhythm that it interrupts: the one that says more wins.
_PRECEDENCE = (
    Rhythm.paced,
    Rhythm.atrial_fibrillation,
    Rhythm.atrial_flutter,
    Rhythm.av_block_third_degree,
    Rhythm.av_block_mobitz_ii,
    Rhythm.av_block_wenckebach,
    Rhythm.ventricular_bigeminy,
    Rhythm.premature_ventricular_complexes,
    Rhythm.premature_atrial_complexes,
    Rhythm.av_block_first_degree,
    Rhythm.sinus_bradycardia,
    Rhythm.sinus_tachycardia,
    Rhythm.sinus,
)


def rhythm_of(meanings: Iterable[Meaning]) -> Rhythm | None:
    """Return the rhythm that the labels together name, or None where they name none of ours.

    A rhythm outside our vocabulary (a wandering pacemaker beside sinus rhythm) makes the whole
    record one that no word of ours describes; a pacemaker that captures overrules it.
    """
    told = list(meanings)
    named = {meaning.rhythm for meaning in told}
    if any(meaning.other_rhythm for meaning in told) and Rhythm.paced not in named:
        return None
    return next((rhythm for rhythm in _PRECEDENCE if rhythm in named), None)


def findings_of(meanings: Iterable[Meaning]) -> tuple[Finding, ...]:
    """Return the findings that the labels name, each once, in the vocabulary's order."""
    named = {finding for meaning in meanings for finding in meaning.findings}
    return tuple(finding for finding in Finding if finding in named)


def rhythm(word: Rhythm) -> Meaning:
    """Return the meaning of a label that names one rhythm."""
    return Meaning(rhythm=word)


def finding(*words: Finding) -> Meaning:
    """Return the meaning of a label that names findings."""
    return Meaning(findings=words)
