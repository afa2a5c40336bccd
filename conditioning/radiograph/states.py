"""One state a finding: what several sentences or label columns say of it, settled into three lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..words import unknown
from .vocabulary import NIH_LABELS, NIH_NO_FINDING, NO_DISEASE, Finding, implied

PRESENT, ABSENT, UNCERTAIN = "present", "absent", "uncertain"
Lists = dict[str, tuple[Finding, ...]]


def settled(present: Iterable[Finding], absent: Iterable[Finding], uncertain: Iterable[Finding]) -> Lists:
    """Return `findings`, `absent` and `uncertain` that agree, each in the vocabulary's order; empty ones are left out.

    Present outweighs uncertain, and that absent, as CheXpert's labeller has it. What a present finding implies is
    neither absent nor uncertain, and `no_finding` goes where a disease is present or uncertain.
    """
    shown, doubted, missing = set(present), set(uncertain), set(absent)
    if (shown | doubted) - NO_DISEASE:
        shown.discard(Finding.no_finding)
    doubted -= implied(shown)
    missing -= implied(shown) | doubted
    lists = {"findings": shown, "absent": missing, "uncertain": doubted}
    return {name: tuple(f for f in Finding if f in held) for name, held in lists.items() if held}


def complete(present: Iterable[Finding], known: Iterable[Finding], nothing: bool = False) -> Lists:
    """Return the lists of a source that names every finding it knows of: what it does not name is absent.

    Args:
        present: the findings that it names.
        known: the findings that it can name.
        nothing: it says that there is no finding.
    """
    shown = set(present)
    if nothing and not shown - NO_DISEASE:
        shown.add(Finding.no_finding)
    missing = {finding for finding in known if finding not in shown}
    if shown - NO_DISEASE:
        missing.add(Finding.no_finding)
    return settled(shown, missing, ())


def nih_states(labels: Iterable[str]) -> Lists:
    """Return what the NIH's labels of one image say: a label that is not given is absent.

    Raises:
        ValueError: a label that the NIH does not have, with the nearest word.
    """
    given = [label.strip() for label in labels if label.strip()]
    for label in given:
        if label not in NIH_LABELS and label != NIH_NO_FINDING:
            raise ValueError(unknown("label", label, [*NIH_LABELS, NIH_NO_FINDING]))
    if not given:
        return {}
    return complete((NIH_LABELS[x] for x in given if x != NIH_NO_FINDING), NIH_LABELS.values(), NIH_NO_FINDING in given)


def by_vote(votes: Mapping[Finding, Iterable[bool]]) -> Lists:
    """Return the lists of several readers: present by more than half, uncertain by fewer, absent by none."""
    counted: dict[str, list[Finding]] = {PRESENT: [], ABSENT: [], UNCERTAIN: []}
    for finding, said in votes.items():
        given = list(said)
        yes = sum(given)
        counted[PRESENT if 2 * yes > len(given) else UNCERTAIN if yes else ABSENT].append(finding)
    return settled(counted[PRESENT], counted[ABSENT], counted[UNCERTAIN])
