"""Obedience on a page: each attribute between floor and ceiling, contradictions, and activation of concepts."""

from __future__ import annotations

from collections.abc import Sequence

from ..comparison import Interval
from ..distributions import REAL, SYNTHETIC
from ..drawing import data_uri
from ..report import Cell, Picture, Section, Table
from ..tables import number, percent, ranged
from .findings import FIRST, level_of
from .result import AgreementRow, ConceptRow, ObedienceResult

FLAG = "†"
LEAST, FARTHEST = -2.0, 3.0  # ends of the axis of concepts
_HEAT = {"floor": 3, "weak": 1, "blind": 0, "few": 0, "shown": 0}
_SAID = {
    "floor": "not shown", "weak": "weaker than real", "shown": "as real", "blind": "cannot be told", "few": "too few",
}  # fmt: skip


def obedience_section(result: ObedienceResult) -> Section:
    """Return the section on what was asked and what is shown."""
    training, held_out, synthetic = result.rows
    texts = (
        f"Readers, linear models of {result.features}, learnt each attribute from {training} real training rows; their "
        "penalty and calibration were found on folds of other patients, and nothing was selected by them. They read "
        f"{synthetic} synthetic rows and, as the ceiling, {held_out} real ones of other patients. The floor is the "
        f"same readings against conditions dealt out anew. Intervals are 95 %, over patients. {FLAG}: fewer than ten "
        "rows of a class, or five held-out patients.",
        "Mislabelled is the share of synthetic rows that show another class than was asked, beyond the reader's own "
        "errors, which held-out real rows measure; signs drawn too faintly count as partly mislabelled.",
        *(f"Not read: {name}, {why}." for name, why in result.unread.items()),
    )
    pictures = tuple(p for p in (agreement_picture(result.agreement), concept_picture(result.concepts)) if p)
    tables = (agreement_table(result), reader_table(result), concept_table(result))
    return Section(
        name="obedience", title="Do samples show what was asked", texts=texts, pictures=pictures,
        tables=tuple(t for t in tables if t.rows),
    )  # fmt: skip


def agreement_table(result: ObedienceResult) -> Table:
    """Return every attribute by every measure."""
    at = {(r.attribute, r.measure): r for r in result.agreement}
    rows = []
    for r in result.agreement:
        first = next(at[r.attribute, m] for m in FIRST if (r.attribute, m) in at)
        level = level_of(first)
        name = f"{r.attribute}{f' {FLAG}' if r.small else ''}"
        said = _SAID[level] if r is first else ""
        rows.append(
            (Cell(text=name), Cell(text=r.measure), Cell(text=ranged(r.synthetic, 2), heat=_HEAT[level]),
             Cell(text=ranged(r.ceiling, 2)), Cell(text=ranged(r.floor, 2)), Cell(text=said))
        )  # fmt: skip
    head = ("attribute", "measure", "synthetic [95 %]", "ceiling: held-out real", "floor: shuffled", "shown")
    return Table(caption="What is read off samples against what was asked", head=head, rows=tuple(rows))


def reader_table(result: ObedienceResult) -> Table:
    """Return contradictions, and how far each reader's chances can be trusted."""
    rows = tuple(
        (
            Cell(text=r.attribute), Cell(text=percent(r.mislabelled) if not r.unknown else r.unknown),
            Cell(text=ranged(r.ece, 3)), Cell(text=number(r.ece_by_chance, 3)), Cell(text=str(r.rows)),
        )
        for r in result.readers if r.levels
    )  # fmt: skip
    head = ("attribute", "mislabelled synthetic rows [95 %]", "reader's calibration error", "right chances stay under",
            "training rows")  # fmt: skip
    return Table(caption="Samples that contradict their condition", head=head, rows=rows)


def concept_table(result: ObedienceResult) -> Table:
    """Return the activation of each concept."""
    rows = tuple(
        (
            Cell(text=f"{c.concept}{f' {FLAG}' if c.small else ''}"), Cell(text=ranged(c.synthetic, 2)),
            Cell(text=ranged(c.real, 2)), Cell(text=number(c.by_chance, 2)), Cell(text=ranged(c.positives, 2)),
            Cell(text=ranged(c.negatives, 2)), Cell(text=f"{c.n[0]} / {c.n[1]} : {c.n[2]} / {c.n[3]}"),
        )
        for c in result.concepts
    )  # fmt: skip
    head = ("concept", "synthetic: d [95 %]", "real: d", "random directions stay under", "asked with it lie at",
            "asked without lie at", "n synthetic : real")  # fmt: skip
    caption = (
        "Along each concept's direction: Cohen's d of rows with it against rows without, and where synthetic rows lie: "
        "0 with real rows without the concept, 1 with real rows that have it"
    )
    return Table(caption=caption, head=head, rows=rows, folded=True)


def agreement_picture(rows: Sequence[AgreementRow]) -> Picture | None:
    """Return AUROC or correlation of each attribute between its floor and its ceiling; None without any."""
    from matplotlib.figure import Figure

    shown = [r for r in rows if r.measure in FIRST and r.synthetic.value is not None][::-1]
    if not shown:
        return None
    figure = Figure(figsize=(7.2, 0.75 + 0.3 * len(shown)), facecolor="white")
    axes = figure.subplots()
    for y, row in enumerate(shown):
        if row.floor.low is not None and row.floor.high is not None:
            axes.plot([row.floor.low, row.floor.high], [y, y], color="#cbd2d9", lw=7, solid_capstyle="butt")
        _mark(axes, row.ceiling, y + 0.16, REAL, "s", row.small)
        _mark(axes, row.synthetic, y - 0.16, SYNTHETIC, "o", row.small)
    names = [f"{r.attribute} (r)" if r.measure == "correlation" else r.attribute for r in shown]
    lowest = min([0.0, *(v.low for r in shown for v in (r.synthetic, r.ceiling, r.floor) if v.low is not None)])
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.set(xlim=(lowest - 0.02, 1.02), ylim=(-0.7, len(shown) - 0.3))
    return _done(
        figure, axes, "area under the ROC curve, or correlation (r)",
        "Each attribute as read off synthetic samples, held-out real ones, and against shuffled conditions",
        "Orange dot: synthetic. Grey square: the same reader on held-out real (ceiling). Grey bar: shuffled conditions "
        "(floor). Hollow marks: few rows.",
    )  # fmt: skip


def concept_picture(rows: Sequence[ConceptRow]) -> Picture | None:
    """Return where synthetic rows with and without each concept lie; None without any."""
    from matplotlib.figure import Figure

    shown = [r for r in rows if r.positives.value is not None and r.negatives.value is not None][::-1]
    if not shown:
        return None
    figure = Figure(figsize=(7.2, 0.75 + 0.3 * len(shown)), facecolor="white")
    axes = figure.subplots()
    for at in (0, 1):
        axes.axvline(at, color="#9aa5b1", lw=0.8, zorder=0)
    for y, row in enumerate(shown):
        _mark(axes, _within(row.negatives), y - 0.12, "#1d5c87", "v", row.small)
        _mark(axes, _within(row.positives), y + 0.12, SYNTHETIC, "^", row.small)
    axes.set_yticks(range(len(shown)), [r.concept for r in shown], fontsize=8)
    axes.set(xlim=(LEAST - 0.1, FARTHEST + 0.1), ylim=(-0.7, len(shown) - 0.3))
    return _done(
        figure, axes, "0: real rows without the concept; 1: real rows with it",
        "Where synthetic samples lie along the direction of each concept",
        "Orange, up: synthetic samples asked to have the concept. Blue, down: asked not to. Hollow marks: few rows. "
        f"What lies beyond {LEAST:g} or {FARTHEST:g} is drawn at the edge.",
    )  # fmt: skip


def _within(x: Interval) -> Interval:
    """Return an interval cut to what the picture shows: one far concept would squeeze all others."""
    ends = {k: None if v is None else min(max(v, LEAST), FARTHEST) for k, v in (("value", x.value), ("low", x.low),
                                                                                ("high", x.high))}  # fmt: skip
    return x.model_copy(update=ends)


def _mark(axes: object, x: Interval, y: float, colour: str, mark: str, hollow: bool) -> None:
    if x.value is not None and x.low is not None and x.high is not None:
        axes.plot([x.low, x.high], [y, y], color=colour, lw=1.4)  # type: ignore[attr-defined]
        face = "white" if hollow else colour
        axes.plot([x.value], [y], mark, color=colour, ms=4.5, mfc=face)  # type: ignore[attr-defined]


def _done(figure: object, axes: object, label: str, alt: str, caption: str) -> Picture:
    axes.set_xlabel(label, fontsize=8.5)  # type: ignore[attr-defined]
    axes.tick_params(axis="x", labelsize=8)  # type: ignore[attr-defined]
    axes.spines[["top", "right"]].set_visible(False)  # type: ignore[attr-defined]
    figure.tight_layout(pad=0.5)  # type: ignore[attr-defined]
    return Picture(uri=data_uri(figure), alt=alt, caption=caption, wide=True)  # type: ignore[arg-type]
