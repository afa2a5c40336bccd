"""What becomes of models as inputs get worse, in sentences for the first screen."""

from __future__ import annotations

from collections.abc import Sequence

from ..finding import Finding
from ..tables import number, ranged
from .conditions import FGSM, PGD, RANDOM
from .result import CLEAN, MEAN, RobustnessResult, ScoreRow
from .scores import ACCURACY, ADAPTIVE, AUROC

PART = "robustness"
MILD = 2  # severities up to it a clinic meets
LOSS = 0.05  # of an area under the ROC curve or an accuracy: less matters little
TRIFLE = 0.01  # of a calibration error: less above chance matters little
MOST = 4


def robustness_findings(result: RobustnessResult) -> tuple[Finding, ...]:
    """Return what follows of the result.

    A mild corruption counts where the whole interval of the loss is beyond 0.05; a calibration error where it is more
    than 0.01 above what right probabilities stay under in 95 of 100 cases; an attack where it costs 0.05 more than
    a random sign of the same size.
    """
    made: list[Finding] = []
    for arm in result.arms:
        made += _worn(result, arm) + _trusted(result, arm) + _attacked(result, arm)
    made += _between(result)
    made += [_finding("unknown", f"{said[:1].upper()}{said[1:]}.") for said in result.unknown]
    return tuple(made)


def _worn(result: RobustnessResult, arm: str) -> list[Finding]:
    measure = AUROC if result.row(arm, AUROC).value.value is not None else ACCURACY
    rows = [r for r in result.scores if (r.arm, r.measure) == (arm, measure) and _corruption(r)]
    if not rows:
        return []
    clean = result.row(arm, measure)
    if clean.value.low is None or clean.floor is None or clean.value.low <= clean.floor:
        said = f"{arm} reads nothing off clean inputs beyond chance, so it has nothing to lose to worse ones."
        figure = f"{measure} {ranged(clean.value, 2)}, seeing nothing {number(clean.floor, 2)}"
        return [_finding("unknown", said, figure)]
    mild = [r for r in rows if r.severity <= MILD and r.change.high is not None]
    lost = [r for r in mild if r.change.high is not None and r.change.high < -LOSS]
    if lost:
        worst = min(lost, key=lambda r: r.change.value or 0.0)
        claim = f"{arm} fails under mild corruption of its input: {_names(lost)}."
        return [_finding("care", claim, f"{worst.corruption} {worst.level}: {measure} {_moved(worst)}")]
    blurred = [r for r in mild if r.change.low is not None and r.change.low < -2 * LOSS]
    means = [r for r in result.scores if (r.arm, r.measure, r.corruption) == (arm, measure, MEAN)]
    figure = f"mean of all corruptions: {measure} {_moved(means[0])}" if means else ""
    if not mild or len(blurred) > len(mild) / 2:
        return [_finding("unknown", f"Too few rows to tell how {arm} stands mild corruption of its input.", figure)]
    return [_finding("good", f"{arm} stands mild corruption of its input.", figure)]


def _corruption(r: ScoreRow) -> bool:
    return r.corruption not in (CLEAN, MEAN, FGSM, PGD, RANDOM)


def _trusted(result: RobustnessResult, arm: str) -> list[Finding]:
    row = result.row(arm, ADAPTIVE)
    if row.value.value is None or row.value.low is None or row.floor is None:
        return [_finding("unknown", f"Whether probabilities of {arm} are right cannot be told.")]
    figure = f"adaptive ece {ranged(row.value, 3)}, right ones stay under {row.floor:.3f}"
    (c,) = (c for c in result.calibration if c.arm == arm)
    if c.temperature is not None:
        figure += f"; a temperature of {c.temperature:.2f} changes it by {ranged(c.ece_change, 3)}"
    if row.value.value > row.floor + TRIFLE:
        return [_finding("care", f"Probabilities of {arm} are not what they say.", figure)]
    if row.floor > 2 * LOSS:
        return [_finding("unknown", f"Too few rows to tell whether probabilities of {arm} are right.", figure)]
    return [_finding("good", f"Probabilities of {arm} are right as far as chance lets see.", figure)]


def _attacked(result: RobustnessResult, arm: str) -> list[Finding]:
    measure = AUROC if result.row(arm, AUROC).value.value is not None else ACCURACY
    at = {(r.corruption, r.severity): r for r in result.scores if (r.arm, r.measure) == (arm, measure)}
    for severity in sorted({s for name, s in at if name == PGD}):
        attack, control = at[PGD, severity], at.get((RANDOM, severity))
        if control is None or attack.change.high is None or control.change.value is None:
            continue
        if attack.change.high < control.change.value - LOSS:
            claim = f"{arm} is fooled by small changes of its input that are aimed at it."
            figure = f"PGD of {attack.level}: {measure} {_moved(attack)}; random sign {number(control.value.value, 2)}"
            return [_finding("care", claim, figure)]
    return []


def _between(result: RobustnessResult) -> list[Finding]:
    """Return how arms stand against the reference, meaned over corruptions and clean."""
    made = []
    for d in result.differences:
        if d.measure == AUROC and d.corruption in (MEAN, CLEAN) and d.verdict != "open":
            where = "clean inputs" if d.corruption == CLEAN else "corrupted inputs"
            level = "good" if d.verdict == "better" else "care"
            claim = f"{d.arm} is {d.verdict} than {d.reference} on {where}."
            made.append(_finding(level, claim, f"{AUROC} {ranged(d.difference, 3)}", "purpose"))
    return made


def _names(rows: Sequence[ScoreRow]) -> str:
    names = list(dict.fromkeys(r.corruption for r in rows))
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def _moved(r: ScoreRow) -> str:
    return f"{number(r.value.value, 2)}, change {ranged(r.change, 2)}"


def _finding(level: str, claim: str, figure: str = "", question: str = "risk") -> Finding:
    return Finding.model_validate(
        {"part": PART, "question": question, "level": level, "claim": claim, "figure": figure}
    )  # fmt: skip
