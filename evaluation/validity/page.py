"""The gate on a page: a sentence, the table of checks, and the first records that fail."""

from __future__ import annotations

from ..finding import Finding, Level, Question
from ..report import Cell, Section, Table
from ..tables import DASH, percent
from .result import Check, Validity

LABELS = {
    "readable": "readable",
    "finite": "finite",
    "range": "in range",
    "shape": "shape",
    "unit": "unit, rate, leads, spacing",
    "constant": "not constant",
    "flat_leads": "no flat lead",
    "vocabulary": "labels in the vocabulary",
    "repeats": "no repeats",
    "copies_training": "no copy of a training record",
    "copies_real": "no copy of a real record",
}
_RISK = frozenset({"copies_training", "copies_real"})


def validity_section(result: Validity) -> Section:
    """Return the section of the gate."""
    said = (
        f"All {result.n} synthetic records pass."
        if result.whole
        else f"{result.valid} of {result.n} synthetic records pass every check: {percent(result.share)}. "
        "It must be 100 %: mend or remove the others before the data are used."
    )
    texts = [said]
    if result.measured < result.n:
        texts.append(
            f"What follows was measured on {result.measured} of {result.n}: those that can be read, are finite, in "
            "range, of the right shape and unit and not constant. Repeats, copies and strange labels stay in, so that "
            "what follows is said of the data as they are."
        )
    if result.left_out_real:
        texts.append(f"{result.left_out_real} real records fail the same and are left out too.")
    rows = tuple(_row(check) for check in result.checks)
    head = ("check", "asked of", "fail", "share that passes [95 %]", "real: fail of asked", "every record must be")
    tables = [Table(caption="What was asked of every record", head=head, rows=rows, prose=True)]
    bad = tuple(
        (Cell(text=LABELS[check.name]), Cell(text=name), Cell(text=_reason(reason)))
        for check in result.checks
        for name, _, reason in (o.partition(": ") for o in check.offenders)
    )
    if bad:
        tables.append(
            Table(caption="The first records that fail", head=("check", "record", "why"), rows=bad, prose=True)
        )
    return Section(
        name="validity", title="Are the records valid", texts=tuple(texts), items=result.notes, tables=tuple(tables)
    )


def _reason(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."


def _row(check: Check) -> tuple[Cell, ...]:
    if check.unasked:
        return (
            Cell(text=LABELS[check.name]), Cell(text=DASH), Cell(text=DASH), Cell(text=f"not asked: {check.unasked}"),
            Cell(text=DASH), Cell(text=check.asks),
        )  # fmt: skip
    bad = Cell(text=str(check.failed), heat=3 * (check.failed > 0))
    real = f"{check.real_failed} of {check.real_n}" if check.real_n else DASH
    return (
        Cell(text=LABELS[check.name]), Cell(text=str(check.n)), bad, Cell(text=percent(check.share)), Cell(text=real),
        Cell(text=check.asks),
    )  # fmt: skip


def validity_findings(result: Validity) -> tuple[Finding, ...]:
    """Return what the first screen says of the gate: `stop` where it is not 100 %."""
    if result.n == 0:
        return (_finding("use", "unknown", "There is no synthetic record to look at."),)
    if result.whole:
        figure = f"{result.valid} of {result.n} valid, {percent(result.share)}"
        return (_finding("use", "good", "Every synthetic record is readable, whole and in range.", figure),)
    found = []
    for check in result.checks:
        if check.failed:
            claim = f"{check.failed} of {check.n} synthetic records fail the check '{LABELS[check.name]}'."
            figure = f"passes: {percent(check.share)}, line 100 %"
            found.append(_finding("risk" if check.name in _RISK else "use", "stop", claim, figure))
    return tuple(found)


def _finding(question: Question, level: Level, claim: str, figure: str = "") -> Finding:
    return Finding(part="validity", question=question, level=level, claim=claim, figure=figure)
