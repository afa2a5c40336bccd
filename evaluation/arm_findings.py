"""Findings of several arms as one where the same was found of them: a first screen has room for a few lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .finding import Finding

MOST = 3  # arms whose figures are shown
ENSEMBLE = ", ensemble"  # an arm's ensemble is not named beside the arm
_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w+-])")  # counts, not bands of ages


def merged(findings: Iterable[Finding], arms: Sequence[str]) -> tuple[Finding, ...]:
    """Return findings whose claims differ by the arm, or by a number, as one each, in the order given.

    Args:
        findings: of any part; a claim that names no arm, or two, stands by itself.
        arms: their names.
    """
    groups: dict[tuple[str, ...], list[tuple[str, Finding]]] = {}
    for f in findings:
        arm = _arm_of(f.claim, arms)
        said = f.claim if arm is None else f.claim.replace(arm, "\0", 1)
        groups.setdefault((f.part, f.question, f.level, _NUMBER.sub("#", said)), []).append((arm or "", f))
    return tuple(_one(_without_ensembles(found)) for found in groups.values())


def _without_ensembles(found: Sequence[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    names = {arm for arm, _ in found}
    return [
        (arm, f) for arm, f in found if arm.removesuffix(ENSEMBLE) == arm or arm.removesuffix(ENSEMBLE) not in names
    ]


def _arm_of(claim: str, arms: Sequence[str]) -> str | None:
    """Return the longest of the arms' names that stands in a claim first; None where there is none, or a second."""
    named = sorted(arms, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in named))
    found = pattern.findall(claim)
    return found[0] if len(found) == 1 else None


def _one(found: Sequence[tuple[str, Finding]]) -> Finding:
    arm, first = found[0]
    if len(found) == 1 or not arm:
        return first if not arm else first.model_copy(update={"claim": first.claim.replace(arm, f"'{arm}'", 1)})
    names = [f"'{name}'" for name, _ in found]
    numbers = iter(zip(*(_NUMBER.findall(f.claim.replace(name, "\0", 1)) for name, f in found), strict=True))
    claim = _NUMBER.sub(lambda _: _range(next(numbers)), first.claim.replace(arm, "\0", 1))
    claim = claim.replace("\0", f"each of {', '.join(names[:-1])} and {names[-1]}", 1)
    figures = [f"'{name}': {f.figure}" for name, f in found if f.figure]
    more = f"; {len(figures) - MOST} more on the page" if len(figures) > MOST else ""
    return first.model_copy(update={"claim": claim[:1].upper() + claim[1:], "figure": "; ".join(figures[:MOST]) + more})


def _range(numbers: Sequence[str]) -> str:
    low, high = min(numbers, key=float), max(numbers, key=float)
    return low if low == high else f"{low} to {high}"
