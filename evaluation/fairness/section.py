"""Fairness on a page: the gaps with what chance gives, every group with its size, and what differs between arms."""

from __future__ import annotations

from collections.abc import Sequence

from ..comparison import Interval
from ..distributions import REAL, SYNTHETIC
from ..drawing import data_uri
from ..report import Cell, Picture, Section, Table
from ..tables import DASH, number, ranged
from .measuring import ODDS
from .rates import FPR, SELECTION, TPR, UNDER
from .result import CellRow, FairnessResult, GapRow

FLAG = "†"
COLOURS = (REAL, SYNTHETIC, "#1d5c87", "#7b5ea7", "#4c8c4a")
MOST_PICTURED = 3  # labels; the tables have all
MOST_OPEN = 40  # rows of a table that is not folded
_SHOWN = (UNDER, TPR, FPR, ODDS, SELECTION)


def fairness_section(result: FairnessResult) -> Section:
    """Return the section on groups."""
    texts = (
        f"{result.rows} test rows of {result.patients} patients. A gap is the largest rate of the groups less the "
        "smallest, by fairlearn's MetricFrame; it is above zero even where all are treated alike, so it stands beside "
        "the gap that chance stays under in 95 of 100 cases. Intervals are 95 %, over patients. Groups with fewer than "
        f"twenty rows that count are shown with {FLAG} and are not compared.",
        "Underdiagnosis is the share of sick rows that are called healthy. Statistical parity is P(called | group) - "
        "P(called | others); the group's accuracy less the others' stands beside it, since some call it by that name.",
        _thresholds(result),
        *(f"Not told: {said}." for said in result.unknown),
    )
    return Section(
        name="fairness", title="On whom the errors fall", texts=texts, pictures=_pictures(result),
        tables=(gap_table(result), *_difference_tables(result), cell_table(result), others_table(result),
                size_table(result)),
    )  # fmt: skip


def _thresholds(result: FairnessResult) -> str:
    said = []
    for t in result.thresholds:
        values = ", ".join(DASH if v is None else f"{v:.3g}" for v in t.value)
        on = f", {t.positives} positive and {t.negatives} negative rows" if t.positives + t.negatives else ""
        said.append(f"{t.arm}, {t.label}: {values} ({t.rule}{on})")
    return f"Thresholds: {'; '.join(said)}."


def gap_table(result: FairnessResult) -> Table:
    """Return every gap with what chance gives."""
    rows = tuple(_gap(g) for g in result.gaps if g.measure in _SHOWN)
    head = (
        "gap", "arm", "largest less smallest [95 %]", "chance stays under", "p", "p, corrected", "highest", "lowest",
        "not compared",
    )  # fmt: skip
    caption = "Gaps between groups; tinted where chance does not explain them"
    return Table(caption=caption, head=head, rows=rows, folded=len(rows) > MOST_OPEN)


def _gap(g: GapRow) -> tuple[Cell, ...]:
    name = f"{g.axis}: {g.measure}" + (f", {g.label}" if g.label != g.measure else "")
    value = ranged(g.gap, 2) if g.gap.value is not None else g.unknown or DASH
    heat = 0 if g.p is None or g.p > 0.05 else 3 if g.p_corrected is not None and g.p_corrected < 0.05 else 1
    left = ", ".join(f"{name} {FLAG}" for name in g.left_out)
    texts = (g.arm, value, number(g.chance_high, 2), number(g.p, 3), number(g.p_corrected, 3), g.highest, g.lowest)
    return (
        Cell(text=name), Cell(text=texts[0]), Cell(text=texts[1], heat=heat), *(Cell(text=t) for t in texts[2:]),
        Cell(text=left),
    )  # fmt: skip


def cell_table(result: FairnessResult) -> Table:
    """Return each group with its size and all its rates."""
    keys = list(dict.fromkeys((c.label, c.axis, c.cell, c.arm) for c in result.cells))
    at = {(c.label, c.axis, c.cell, c.arm, c.measure): c for c in result.cells}
    measures = list(dict.fromkeys(c.measure for c in result.cells))
    rows = []
    for key in keys:
        found = [at.get((*key, m)) for m in measures]
        any_row = next(c for c in found if c is not None)
        flag = f" {FLAG}" if any_row.small else ""
        size = f"{any_row.positives} / {any_row.negatives} ({any_row.patients})"
        first = Cell(text=f"{key[1]}: {key[2]}{flag}")
        rates = (Cell(text=DASH if c is None else ranged(c.rate, 2)) for c in found)
        rows.append((first, Cell(text=key[0]), Cell(text=key[3]), Cell(text=size), *rates))
    head = ("group", "label", "arm", "with / without (patients)", *measures)
    return Table(caption="All groups, small ones too", head=head, rows=tuple(rows), folded=True)


def others_table(result: FairnessResult) -> Table:
    """Return each group against all others."""
    rows = tuple(
        (
            Cell(text=f"{o.axis}: {o.cell}{f' {FLAG}' if o.small else ''}"), Cell(text=o.label), Cell(text=o.arm),
            *(Cell(text=ranged(x, 2)) for x in (o.statistical_parity, o.accuracy_less_others, o.prevalence)),
        )
        for o in result.others
    )  # fmt: skip
    head = ("group", "label", "arm", "statistical parity difference", "accuracy less the others'",
            "prevalence less the others'")  # fmt: skip
    return Table(caption="Each group against all others", head=head, rows=rows, folded=True)


def size_table(result: FairnessResult) -> Table:
    """Return how size goes with performance."""
    rows = []
    for s in result.sizes:
        name = f"{s.axis}: {s.measure}, {s.label}"
        if s.unknown:
            cells = (s.unknown, "", "", "")
        else:
            cells = (ranged(s.pearson, 2), number(s.pearson_chance, 2), ranged(s.spearman, 2),
                     number(s.spearman_chance, 2))  # fmt: skip
        rows.append((Cell(text=name), Cell(text=s.arm), Cell(text=f"{s.groups}, {s.counted}"),
                     *(Cell(text=t) for t in cells)))  # fmt: skip
    head = ("performance", "arm", "groups", "Pearson", "chance stays under", "Spearman", "chance stays under")
    return Table(caption="Are larger groups served better", head=head, rows=tuple(rows), folded=True)


def _difference_tables(result: FairnessResult) -> tuple[Table, ...]:
    if not result.differences:
        return ()
    rows = tuple(
        (
            Cell(text=f"{d.axis}: {d.measure}" + (f", {d.label}" if d.label != d.measure else "")),
            Cell(text=f"{d.arm} less {d.reference}"),
            Cell(text=ranged(d.difference, 2), heat=2 if d.verdict == "wider" else 0), Cell(text=d.verdict),
        )
        for d in result.differences if d.measure in _SHOWN
    )  # fmt: skip
    head = ("gap", "arms", "difference [95 %]", "verdict")
    caption = "Gaps of arms against the reference, on the same draws of patients"
    return (Table(caption=caption, head=head, rows=rows, folded=len(rows) > MOST_OPEN),)


def _pictures(result: FairnessResult) -> tuple[Picture, ...]:
    """Return the rates of all groups: underdiagnosis, or true positive rates of the first labels."""
    wanted = [(UNDER, UNDER)] + [(label, TPR) for label in result.labels[:MOST_PICTURED] if len(result.labels) > 1]
    made = []
    for label, measure in wanted:
        rows = [c for c in result.cells if (c.label, c.measure) == (label, measure) and c.rate.value is not None]
        if rows:
            made.append(rates_picture(rows, result.arms, measure if label == measure else f"{measure}, {label}"))
    return tuple(made)


def rates_picture(rows: Sequence[CellRow], arms: Sequence[str], name: str) -> Picture:
    """Return one rate of every group and arm with its interval; hollow where the group is small."""
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys((r.axis, r.cell) for r in rows))[::-1]
    figure = Figure(figsize=(7.2, 0.9 + (0.16 + 0.12 * len(arms)) * len(groups)), facecolor="white")
    axes = figure.subplots()
    for k, arm in enumerate(arms):
        shift = 0.6 * (k - (len(arms) - 1) / 2) / max(1, len(arms))
        for y, group in enumerate(groups):
            for r in (r for r in rows if (r.axis, r.cell) == group and r.arm == arm):
                _dot(axes, r.rate, y - shift, COLOURS[k % len(COLOURS)], r.small)
    axes.set_yticks(range(len(groups)), [f"{cell}" for _, cell in groups], fontsize=8)
    for y in range(1, len(groups)):
        if groups[y][0] != groups[y - 1][0]:
            axes.axhline(y - 0.5, color="#dde3e8", lw=0.8)
    axes.set(xlim=(0, 1), ylim=(-0.7, len(groups) - 0.3))
    axes.set_xlabel(name, fontsize=8.5)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    for k, arm in enumerate(arms):
        axes.plot([], [], "o", color=COLOURS[k % len(COLOURS)], ms=4.5, label=arm)
    figure.legend(fontsize=8, frameon=False, loc="upper right", ncols=min(5, len(arms)))
    figure.tight_layout(pad=0.5, rect=(0, 0, 1, 1 - 0.25 / figure.get_figheight()))
    return Picture(
        uri=data_uri(figure), alt=f"{name} of each group and arm with intervals",
        caption=f"{name[:1].upper()}{name[1:]}, 95 % intervals over patients. Hollow: fewer than twenty with or "
        "without the label.", wide=True,
    )  # fmt: skip


def _dot(axes: object, x: Interval, y: float, colour: str, hollow: bool) -> None:
    if x.value is None or x.low is None or x.high is None:
        return
    axes.plot([x.low, x.high], [y, y], color=colour, lw=1.3)  # type: ignore[attr-defined]
    axes.plot([x.value], [y], "o", color=colour, ms=4.5, mfc="white" if hollow else colour)  # type: ignore[attr-defined]
