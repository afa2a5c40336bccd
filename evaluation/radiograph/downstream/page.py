"""The findings task in words and tables: arms by share of the real data, what differs, and who is missed."""

from __future__ import annotations

from collections.abc import Sequence

from ...comparison import Interval
from ...downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC, percent
from ...report import Cell, Section, Table
from ...trust import trust_sections
from .fairness import AXES, FEWEST_SICK, axis_name
from .result import CellRow, FindingsResult, ShareResult, Side
from .settings import (
    AUGMENTED,
    AUGMENTED_SAME_COMPUTE,
    FIRST,
    FIRST_AUGMENTED,
    MIXED,
    MIXED_AUGMENTED,
)
from .task import ACCURACY, BALANCED, MACRO, OVER, UNDER, gap_name

FLAG = "†"
FLAGGED = f"{FLAG} fewer than {FEWEST_SICK} patients on a side: shown, compared with nothing."
PAIRS = (
    (AUGMENTED, REAL), (SYNTHETIC, REAL), (MIXED, REAL), (FIRST, REAL), (FIRST, SAME_COMPUTE),
    (MIXED_AUGMENTED, AUGMENTED), (FIRST_AUGMENTED, AUGMENTED_SAME_COMPUTE),
)  # fmt: skip
IN_CELLS = (REAL, AUGMENTED, SYNTHETIC, MIXED, FIRST, FIRST_AUGMENTED)  # a page is only so wide


def findings_sections(result: FindingsResult) -> tuple[Section, ...]:
    """Return a section for each test site, and those on groups and on worse images."""
    return (*(_section(result, site) for site in result.tests), *trust_sections(result))


def level_tables(result: FindingsResult, site: Side) -> tuple[Table, ...]:
    """Return a table for each metric that a site allows: arms down, shares of the real patients across."""
    shown = (MACRO, "AUROC no_finding", "AUROC lung_opacity", ACCURACY, BALANCED, UNDER, OVER, *map(gap_name, AXES))
    return tuple(_levels(result, site, metric) for metric in shown if _known(result, site, metric))


def difference_tables(result: FindingsResult, site: Side) -> tuple[Table, ...]:
    """Return a table for each metric that can be compared: arm less reference down, shares across."""
    shown = (MACRO, "AUROC no_finding", ACCURACY, gap_name(("sex",)))
    metrics = [m for m in shown if _known(result, site, m) and not _flagged(result, site, m)]
    return tuple(_differences(result, site, metric) for metric in metrics)


def finding_table(result: FindingsResult, site: Side, share: float) -> Table:
    """Return AUROC of each finding at a share: arms down, findings across."""
    at = result.at(site.name, share)
    named = [f for f in result.findings if _known(result, site, f"AUROC {f}")]
    rows = [
        (Cell(text=arm.name), *(_level(result, site, at, arm.name, f"AUROC {f}") for f in named))
        for arm in at.result.arms
    ]  # fmt: skip
    caption = f"{site.name}: AUROC of each finding, {percent(share)} of the real patients. {FLAGGED}"
    return Table(caption=caption, head=("arm", *named), rows=tuple(rows), folded=True)


def cell_table(result: FindingsResult, site: Side, share: float) -> Table:
    """Return each cell's false No Finding rate at a share, each axis's gap, and the gap that noise alone shows."""
    at = result.at(site.name, share)
    arms = [name for name in IN_CELLS if name in _arms(result)]
    rows: list[tuple[Cell, ...]] = []
    for axis in AXES:
        name = axis_name(axis)
        of_axis = [c for c in at.cells if c.axis == name]
        for cell in dict.fromkeys(c.cell for c in of_axis):
            found = {c.arm: c for c in of_axis if c.cell == cell}
            rows.append(_cell_row(name, next(iter(found.values())), [found[a] for a in arms]))
        if any(n.gap is not None for n in at.noise if n.axis == name):
            gaps = [at.result.row(a, gap_name(axis)).result for a in arms]
            under = {n.arm: n.gap for n in at.noise if n.axis == name}
            rows.append((Cell(text=f"{name}: gap"), Cell(text=""), *(Cell(text=ranged(g, digits=2)) for g in gaps)))
            noise = (Cell(text=f"under {under[a]:.2f}") for a in arms)
            rows.append((Cell(text=f"{name}: gap by chance"), Cell(text=""), *noise))
    caption = (
        f"{site.name}: sick images called healthy, {percent(share)} of the real patients. {FLAGGED} "
        "By chance: the gap that the draw of patients stays under in 95 of 100 cases where all cells are treated alike."
    )
    return Table(caption=caption, head=("cell", "sick patients (images)", *arms), rows=tuple(rows))


def ranged(x: Interval, *, sign: bool = False, digits: int = 3) -> str:
    """Return a value with its interval."""
    if x.value is None or x.low is None or x.high is None:
        return "–"
    form = f"{'+' if sign else ''}.{digits}f"
    return f"{x.value:{form}} [{x.low:{form}} to {x.high:{form}}]"


def about(result: FindingsResult) -> tuple[str, ...]:
    """Return what was done and what it allows, in sentences."""
    sides = "; ".join(f"{s.name}: {s.images} images of {s.patients} patients" for s in result.training)
    tests = "; ".join(f"{s.name}: {s.images} images of {s.patients} patients" for s in result.tests)
    s = result.settings
    return (
        f"A small network learns {', '.join(result.findings)} from {s.size} x {s.size} images, {s.steps} steps of 32 "
        f"images a stage, {s.seeds} seeds. Trained on: {sides}. Tested on: {tests}.",
        "A share is of the patients: smaller ones lie inside larger ones, every seed draws its own, and all arms of a "
        "seed have the same patients and the same weights at the start. The generator had seen all the training "
        "patients, whatever the share. Intervals are 95 % over test patients and seeds; verdicts are not corrected for "
        "their number.",
        "A training has a number of steps, so real data shown twice as often are the arm 'real' itself: it is the "
        "control for the size of 'mixed', as 'same compute' is for 'synthetic -> real'.",
        "The threshold between healthy and sick calls as many training images healthy as are, by networks that had not "
        "seen their patients. Underdiagnosis is the share of sick images called healthy.",
        *_resolution(result),
    )


def _resolution(result: FindingsResult) -> tuple[str, ...]:
    """Say how small a gain could be seen at all."""
    at = result.at(result.tests[0].name, max(result.settings.shares))
    found = [d.difference for d in at.result.differences if d.metric == MACRO and d.group == "all"]
    half = [(d.high - d.low) / 2 for d in found if d.low is not None and d.high is not None]
    if not half:
        return ()
    middle = sorted(half)[len(half) // 2]
    return (f"On these test patients a difference in macro AUROC is known to about ±{middle:.3f}; a smaller gain or "
            "harm stays unseen.",)  # fmt: skip


def _section(result: FindingsResult, site: Side) -> Section:
    most = max(result.settings.shares)
    first = site.name == result.tests[0].name
    return Section(
        name=f"findings-{site.name}",
        title=f"What it is worth to a classifier of findings: {site.name}",
        texts=about(result) if first else (_elsewhere(site),),
        tables=(
            *level_tables(result, site),
            *difference_tables(result, site),
            finding_table(result, site, most),
            cell_table(result, site, most),
        ),
    )


def _elsewhere(site: Side) -> str:
    healthy = next(f for f in site.findings if f.finding == "no_finding")
    few = " Too few are healthy to tell sick from healthy; what is missed among the sick can be read."
    return (
        f"Another site, nothing was trained or tuned on it: {site.images} images, {healthy.present} healthy and "
        f"{healthy.absent} sick patients. Its labels are diagnoses; the thresholds are those of the training site."
        + (few if healthy.present < FEWEST_SICK else "")
    )


def _levels(result: FindingsResult, site: Side, metric: str) -> Table:
    shares = result.settings.shares
    rows = [
        (Cell(text=arm), *(_level(result, site, result.at(site.name, share), arm, metric) for share in shares))
        for arm in _arms(result)
    ]
    flagged = f". {FLAGGED}" if _flagged(result, site, metric) else ""
    head = ("arm", *(f"{percent(share)} of the real patients" for share in shares))
    return Table(caption=f"{site.name}: {metric}{flagged}", head=head, rows=tuple(rows))


def _level(result: FindingsResult, site: Side, at: ShareResult, arm: str, metric: str) -> Cell:
    text = ranged(at.result.row(arm, metric).result)
    return Cell(text=f"{text} {FLAG}" if _flagged(result, site, metric) else text)


def _differences(result: FindingsResult, site: Side, metric: str) -> Table:
    shares = result.settings.shares
    rows = []
    arms = _arms(result)
    for arm, reference in PAIRS:
        if arm in arms and reference in arms:
            found = [result.at(site.name, share).result.difference(arm, reference, metric) for share in shares]
            cells = (
                Cell(text=f"{ranged(f.difference, sign=True)} {f.verdict}", heat=2 if f.verdict == "worse" else 0)
                for f in found
            )
            rows.append((Cell(text=f"{arm} less {reference}"), *cells))
    head = ("arm less reference", *(percent(share) for share in shares))
    return Table(caption=f"{site.name}: {metric}, difference", head=head, rows=tuple(rows))


def _cell_row(axis: str, any_arm: CellRow, found: Sequence[CellRow]) -> tuple[Cell, ...]:
    flag = "" if any_arm.compared else f" {FLAG}"
    size = f"{any_arm.rate.n} ({any_arm.images})"
    rates = (Cell(text=f"{ranged(c.rate, digits=2)}{flag}") for c in found)
    return (Cell(text=f"{axis}: {any_arm.cell}{flag}"), Cell(text=size), *rates)


def _known(result: FindingsResult, site: Side, metric: str) -> bool:
    """Return whether any arm has the metric at a site."""
    rows = (r for s in result.shares if s.site == site.name for r in s.result.rows)
    return any(r.metric == metric and r.result.value is not None for r in rows)


def _flagged(result: FindingsResult, site: Side, metric: str) -> bool:
    """Return whether a metric rests on too few patients to be compared."""
    if metric in (ACCURACY, BALANCED, OVER):
        return not site.enough("no_finding", FEWEST_SICK)
    finding = metric.removeprefix("AUROC ")
    return finding in result.findings and not site.enough(finding, FEWEST_SICK)


def _arms(result: FindingsResult) -> list[str]:
    return [arm.name for arm in result.shares[0].result.arms]
