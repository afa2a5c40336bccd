"""What was found of groups, in sentences for the first screen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..finding import Finding
from ..tables import ranged
from .gaps import holm
from .measuring import CORRECTED
from .rates import AUROC, FPR, TPR, UNDER
from .result import CellRow, FairnessResult, GapDifference, GapRow

PART = "fairness"
LINE = 0.05  # a gap below it matters little, however sure
SEEN = 0.20  # where chance alone gives such gaps, a fair model cannot be told from an unfair one
MOST = 3
_WORDS = {UNDER: "sick people of a group are called healthy more often than others",
          TPR: "a finding is missed more often in a group than in others",
          FPR: "a finding is seen wrongly more often in a group than in others"}  # fmt: skip


def fairness_findings(result: FairnessResult) -> tuple[Finding, ...]:
    """Return what follows of the result: gaps that chance does not explain, none, or what could not be told.

    A gap counts where its p, corrected for the number of gaps of the arm, is below 0.05 and it is 0.05 or wider.
    """
    found = [finding for arm in result.arms for finding in _of_arm(result, arm)]
    found += _between(result)
    found += [_finding("unknown", f"Groups could not be judged: {said}.") for said in result.unknown]
    return tuple(found)


def _of_arm(result: FairnessResult, arm: str) -> list[Finding]:
    rows = [g for g in result.gaps if g.arm == arm and g.measure in CORRECTED]
    known = [g for g in rows if g.gap.value is not None and g.chance_high is not None]
    off = [g for g in known if g.p_corrected is not None and g.p_corrected < 0.05 and (g.gap.value or 0) >= LINE]
    made = [
        _finding("care", f"With {arm}, {_WORDS[measure]}: {_groups(mine)}.", _figure(mine[0]))
        for measure in CORRECTED
        for mine in [sorted((g for g in off if g.measure == measure), key=lambda g: -(g.gap.value or 0))]
        if mine
    ]
    blind = [g for g in known if g.chance_high is not None and g.chance_high > SEEN]
    clear = [g for g in known if g not in blind and g not in off]
    if known and not off and not _skilled(result, arm):
        said = f"{arm} decides no better than chance, so that all are treated alike says nothing."
        return [*made, _finding("unknown", said, _skill_said(result, arm))]
    if not off and clear:
        worst = max(clear, key=lambda g: g.chance_high or 0)
        said = f"With {arm}, no gap between groups is beyond chance, of {len(clear)} that are narrow enough to tell."
        made.append(_finding("good", said, _figure(worst)))
    if blind and not off:
        said = f"With {arm}, {len(blind)} of {len(known)} gaps between groups rest on too few rows to tell."
        made.append(_finding("unknown", said, _figure(max(blind, key=lambda g: g.chance_high or 0))))
    if not known:
        why = rows[0].unknown if rows else "no group is stated"
        made.append(_finding("unknown", f"With {arm}, no groups could be compared: {why}."))
    left = list(dict.fromkeys(name for g in rows if g.gap.value is not None for name in g.left_out))
    if left:
        more = f" and {len(left) - 6} more" if len(left) > 6 else ""
        made.append(_finding("unknown", f"With {arm}, groups too small to judge: {', '.join(left[:6])}{more}."))
    return made


def _skill(result: FairnessResult, arm: str) -> list[CellRow]:
    return [c for c in result.cells if (c.arm, c.axis, c.measure) == (arm, "all", AUROC) and c.rate.low is not None]


def _skilled(result: FairnessResult, arm: str) -> bool:
    """Return whether any label is told better than by chance."""
    return any(c.rate.low is not None and c.rate.low > 0.5 for c in _skill(result, arm))


def _skill_said(result: FairnessResult, arm: str) -> str:
    best = max(_skill(result, arm), key=lambda c: c.rate.value or 0.0, default=None)
    return "" if best is None else f"{best.label}: {AUROC} {ranged(best.rate, 2)}"


def _between(result: FairnessResult) -> list[Finding]:
    """Return what another arm than the first does to the gaps, where all comparisons of the arm do not explain it."""
    made = []
    for arm in result.arms[1:]:
        rows = [d for d in result.differences if d.arm == arm and d.measure in CORRECTED]
        p = holm(np.array([_chance_of(d) for d in rows]))
        for verdict, level in (("wider", "care"), ("narrower", "good")):
            mine = [d for d, q in zip(rows, p.tolist(), strict=True) if d.verdict == verdict and q < 0.05]
            if mine:
                most = max(mine, key=lambda d: abs(d.difference.value or 0))
                claim = f"{arm} makes a gap {verdict} than {most.reference}: {most.measure}, {most.axis}."
                made.append(_finding(level, claim, f"{ranged(most.difference, 2)}; {len(mine)} of {len(rows)} gaps"))
    return made


def _chance_of(d: GapDifference) -> float:
    """Return the p-value of a difference that is as sure as its interval says."""
    x = d.difference
    if x.value is None or x.low is None or x.high is None or x.high <= x.low:
        return math.nan
    return math.erfc(abs(x.value) / ((x.high - x.low) / 3.92) / math.sqrt(2))


def _groups(rows: Sequence[GapRow]) -> str:
    """Say who is treated worse than whom, the widest gaps first."""
    said = []
    for g in rows[:MOST]:
        worse, better = (g.lowest, g.highest) if g.measure == TPR else (g.highest, g.lowest)
        said.append(f"{worse} more than {better}{'' if g.label == g.measure else f' ({g.label})'}")
    return "; ".join(said) + (f"; and {len(rows) - MOST} more" if len(rows) > MOST else "")


def _figure(g: GapRow) -> str:
    high = "" if g.chance_high is None else f", chance stays under {g.chance_high:.2f}"
    p = "" if g.p_corrected is None else f", corrected p {g.p_corrected:.3f}"
    return f"{g.axis}: {g.measure} gap {ranged(g.gap, 2)}{high}{p}"


def _finding(level: str, claim: str, figure: str = "") -> Finding:
    return Finding.model_validate(
        {"part": PART, "question": "risk", "level": level, "claim": claim, "figure": figure}
    )  # fmt: skip
