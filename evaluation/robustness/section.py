"""Robustness and calibration on a page."""

from __future__ import annotations

from ..report import Cell, Section, Table
from ..tables import number, ranged
from .conditions import ATTACKS, FGSM, RANDOM
from .pictures import reliability_picture, severity_picture
from .result import CLEAN, ENSEMBLE, MEAN, RobustnessResult
from .scores import ACCURACY, ADAPTIVE, AUROC, BALANCED, BRIER, ECE, HIGHER_IS_BETTER, MEASURES, NLL

_ENSEMBLES = (
    "An arm is trained at several seeds: its scores are the mean over these models. An ensemble is the mean of their "
    "probabilities; it is not attacked, for an attack needs the gradient of all of them at once."
)


def robustness_section(result: RobustnessResult) -> Section:
    """Return the section on worse inputs and on probabilities."""
    kinds = "several labels at once, each score their mean" if not result.classes else f"{result.classes} classes"
    texts = (
        f"{result.rows} of {result.of} test rows of {result.patients} patients, {kinds}. All arms saw the same "
        "corrupted inputs; changes are against the clean ones on the same draws of patients, with 95 % intervals.",
        "Attacks know the model (FGSM one step, PGD seven, no value farther than the size stated); a random sign of "
        "the same size is their control. A calibration error is above zero by chance alone: beside it stands what "
        "right probabilities stay under in 95 of 100 cases. Of two classes it is of the second one's probability, of "
        "more of the likeliest one's.",
        *([_ENSEMBLES] if any(arm.endswith(ENSEMBLE) for arm in result.arms) else []),
        *(f"Not told: {said}." for said in result.unknown),
    )
    picture = severity_picture(result, AUROC) or severity_picture(result, ACCURACY)
    pictures = tuple(p for p in (picture, severity_picture(result, ADAPTIVE), reliability_picture(result.calibration))
                     if p is not None)  # fmt: skip
    tables = (clean_table(result), change_table(result), *_temperature_tables(result), *_difference_tables(result))
    return Section(
        name="robustness", title="Does it stand worse inputs, and mean what it says", texts=texts, pictures=pictures,
        tables=tables,
    )  # fmt: skip


def clean_table(result: RobustnessResult) -> Table:
    """Return every measure of clean inputs and of the mean over corruptions."""
    rows = []
    for arm in result.arms:
        for name in MEASURES:
            clean = result.row(arm, name)
            means = [r for r in result.scores if (r.arm, r.measure, r.corruption) == (arm, name, MEAN)]
            over = ranged(means[0].value, 3) if means else ""
            moved = ranged(means[0].change, 3) if means else ""
            texts = (f"{arm}: {name}", ranged(clean.value, 3), number(clean.floor, 3), over, moved)
            rows.append(tuple(Cell(text=t) for t in texts))
    head = ("measure", "clean [95 %]", "seeing nothing, or by chance", "mean of all corruptions", "change")
    return Table(caption="Clean, and under all corruptions", head=head, rows=tuple(rows))


def change_table(result: RobustnessResult) -> Table:
    """Return each corruption at each size, by AUROC, balanced accuracy, calibration error and Brier score."""
    shown = (AUROC, BALANCED, ADAPTIVE, BRIER)
    rows = []
    keys = dict.fromkeys((r.corruption, r.severity, r.level) for r in result.scores if r.severity)
    at = {(r.arm, r.corruption, r.severity, r.measure): r for r in result.scores}
    for name, severity, level in keys:
        for arm in result.arms:
            if (arm, name, severity, AUROC) in at:
                found = [at[arm, name, severity, m] for m in shown]
                cells = (
                    Cell(text=f"{number(r.value.value, 2)} ({ranged(r.change, 2)})", heat=_heat(r.change.low,
                         r.change.high, m in HIGHER_IS_BETTER)) for r, m in zip(found, shown, strict=True)
                )  # fmt: skip
                rows.append((Cell(text=f"{name} {level}"), Cell(text=arm), *cells))
    head = ("corruption", "arm", *(f"{m} (change)" for m in shown))
    return Table(caption="Each corruption at each size; tinted where worse than clean", head=head, rows=tuple(rows),
                 folded=True)  # fmt: skip


def _heat(low: float | None, high: float | None, up: bool) -> int:
    if low is None or high is None:
        return 0
    worse = high if up else -low
    return 0 if worse >= 0 else 1 if worse > -0.05 else 2


def _temperature_tables(result: RobustnessResult) -> tuple[Table, ...]:
    rows = tuple(
        (
            Cell(text=c.arm), Cell(text=number(c.temperature, 2)), Cell(text=str(c.validation_rows)),
            *(Cell(text=ranged(x, 3)) for x in (c.ece_change, c.nll_change, c.nll_change_corrupted)),
        )
        for c in result.calibration if c.temperature is not None
    )  # fmt: skip
    head = ("arm", "temperature", "validation rows", "change of adaptive ece", "change of nll", "of nll, corrupted")
    return (Table(caption="A temperature fitted on validation rows", head=head, rows=rows),) if rows else ()


def _difference_tables(result: RobustnessResult) -> tuple[Table, ...]:
    """Return arms against the reference: clean, meaned over corruptions, and under the attacks."""
    shown = (ACCURACY, BALANCED, AUROC, ECE, BRIER, NLL)
    rows = tuple(
        (
            Cell(text=f"{d.corruption}{f' {d.severity}' if d.severity else ''}: {d.measure}"),
            Cell(text=f"{d.arm} less {d.reference}"),
            Cell(text=ranged(d.difference, 3), heat=2 if d.verdict == "worse" else 0), Cell(text=d.verdict),
        )
        for d in result.differences
        if d.measure in shown and d.corruption in (CLEAN, MEAN, FGSM, RANDOM, *ATTACKS)
    )  # fmt: skip
    head = ("measure", "arms", "difference [95 %]", "verdict")
    return (Table(caption="Arms against the reference on the same inputs", head=head, rows=rows),) if rows else ()
