"""A result of realism as a part of a page, and as findings for its first screen."""

from __future__ import annotations

from collections.abc import Sequence

from ..finding import Finding, Level
from ..report import Cell, Section, Table
from ..tables import DASH, number, ranged
from .groupwise import SMALL, GroupRow
from .result import FigureRow, RealismResult
from .rows import MeasuredRow
from .tables import NAMES, measured_table

PART = "realism"
LOWER_IS_WORSE = ("precision", "recall", "density", "coverage")
# Shares of a floor's lower end, below which a part of the real records is lost. Recall falls fast where synthetic rows
# are only a little too alike, so it must be all but gone.
LOST = {"coverage": 0.5, "recall": 0.1}
FIGURES = {
    "frechet_all": "Fréchet distance of all records, from pooled moments",
    "frechet_infinity": "Fréchet distance at infinitely many records",
    "mmd_rbf": "Gaussian MMD x 1,000, unbiased, width by the median",
    "cmmd": "Gaussian MMD x 1,000 as CMMD has it (sigma 10, v-statistic)",
    "kid_subsets": "KID over random subsets, mean and one SD either way",
    "authenticity": "share of authentic records (AuthPct / 100); floor: held-out real's",
    "c_t": "C_T: Z of distances to training, 0 where alike, below -3 too near",
    "fld": "likelihood distance x 100 a feature; 0 is as good as real",
    "generalisation_gap": "better explained: training over held-out, x 100 a feature",
}
IN_GROUPS = ("frechet", "kid", "precision", "recall", "coverage", "greys", "spectrum_db", "frechet_radiomics")


def beyond(row: MeasuredRow) -> bool | None:
    """Return whether a metric at equal size lies outside its floor on the bad side; None where it is not known.

    The likeness of pairs is bad on both sides: repeating itself, and not keeping to the condition.
    """
    value, low, high = row.matched.value, row.floor.low, row.floor.high
    if value is None or low is None or high is None:
        return None
    if row.name in LOWER_IS_WORSE:
        return value < low
    return value > high or (row.name == "ms_ssim" and value < low)


def clearly_beyond(row: MeasuredRow) -> bool:
    """Return whether a metric lies outside its floor by as much again as the floor reaches from its own middle.

    Records like real ones lie just outside the floor of one metric in ten to twenty by chance, and there are ten.
    """
    value, middle, low, high = row.matched.value, row.floor.value, row.floor.low, row.floor.high
    if not beyond(row) or value is None or middle is None or low is None or high is None:
        return False
    return value < 2 * low - middle or value > 2 * high - middle


def realism_section(result: RealismResult, *, everyone: bool = True) -> Section:
    """Return everyone's metrics, the figures without halves, and every group's metrics beside their floors.

    Args:
        result: what was found.
        everyone: whether the metrics of everyone are shown; not where another section of the page does.
    """
    tables: list[Table] = []
    if everyone and result.groups[0].metrics:
        tables.append(measured_table(result.groups[0].metrics, "All records"))
    if result.figures:
        tables.append(_figure_table(result.figures))
    if len(result.groups) > 1:
        tables.append(_group_table(result.groups))
    return Section(name=PART, title="Realism", texts=_texts(result), items=_remarks(result), tables=tuple(tables))


def realism_findings(result: RealismResult) -> tuple[Finding, ...]:
    """Return what the first screen says: everyone against the floor, lost modes, groups, memory, what is unknown."""
    everyone = result.groups[0]
    if not everyone.metrics:
        reason = everyone.reason or "; ".join(result.remarks) or "nothing was compared"
        return (Finding(part=PART, question="use", level="unknown", claim=f"Realism could not be told: {reason}."),)
    found = [_whole(everyone), *_lost(everyone), *_repeats(everyone), *_groups(result.groups[1:]), *_memory(result)]
    if everyone.reason:
        claim = f"Features could not be compared: {everyone.reason}."
        found.append(Finding(part=PART, question="use", level="unknown", claim=claim))
    return tuple(found)


def _whole(row: GroupRow) -> Finding:
    off = [m for m in row.metrics if clearly_beyond(m)]
    known = [m for m in row.metrics if beyond(m) is not None]
    if not known:
        claim = "Realism could not be told: no metric has a value."
        return Finding(part=PART, question="use", level="unknown", claim=claim)
    if not off:
        claim = f"Synthetic records lie about as near to real ones as real halves do, on all of {len(known)} metrics."
        return Finding(part=PART, question="use", level="good", claim=claim, figure=_figure(known[0]))
    names = ", ".join(NAMES.get(m.name, m.name) for m in off[:3])
    more = f" and {len(off) - 3} more" if len(off) > 3 else ""
    claim = f"Synthetic records can be told from real ones on {len(off)} of {len(known)} metrics: {names}{more}."
    return Finding(part=PART, question="use", level="care", claim=claim, figure=_figure(off[0]))


def _lost(row: GroupRow) -> list[Finding]:
    """Return whether a part of the real records has no synthetic counterpart."""
    for m in row.metrics:
        value, low = m.matched.value, m.floor.low
        if m.name in LOST and value is not None and low is not None and value < LOST[m.name] * low:
            claim = "Most kinds of real records have no synthetic counterpart: modes are lost."
            return [Finding(part=PART, question="use", level="stop", claim=claim, figure=_figure(m))]
    return []


def _repeats(row: GroupRow) -> list[Finding]:
    """Return whether pairs of one condition are more alike than real ones."""
    m = next((m for m in row.metrics if m.name == "ms_ssim"), None)
    if m is None or m.matched.value is None or m.floor.high is None or m.matched.value <= m.floor.high:
        return []
    claim = "Synthetic records of one condition are more alike than real ones of different patients."
    return [Finding(part=PART, question="purpose", level="care", claim=claim, figure=_figure(m, 3))]


def _groups(groups: Sequence[GroupRow]) -> list[Finding]:
    found: list[Finding] = []
    off = [(g, [m for m in g.metrics if clearly_beyond(m)]) for g in groups if g.metrics]
    bad = sorted(((g, ms) for g, ms in off if ms), key=lambda pair: -len(pair[1]) / len(pair[0].metrics))
    if bad:
        worst, ms = bad[0]
        star = f" (only {worst.real_patients} real patients)" if worst.small else ""
        claim = (
            f"{len(bad)} of {len(off)} groups lie clearly beyond their own floors; {worst.name}{star} on most metrics: "
            f"{len(ms)} of {len(worst.metrics)}."
        )
        found.append(Finding(part=PART, question="purpose", level="care", claim=claim, figure=_figure(ms[0])))
    untold = [g.name for g in groups if not g.metrics]
    if untold:
        shown = ", ".join(untold[:6]) + (f" and {len(untold) - 6} more" if len(untold) > 6 else "")
        claim = f"Too few records to tell the realism of {len(untold)} groups: {shown}."
        found.append(Finding(part=PART, question="purpose", level="unknown", claim=claim))
    return found


def _memory(result: RealismResult) -> list[Finding]:
    """Return what the figures against training records say; a pass is called a screen."""
    at = {f.name: f for f in result.figures}
    gap, z = at.get("generalisation_gap"), at.get("c_t")
    found = []
    if gap is not None and gap.value.low is not None and gap.floor is not None and gap.floor.high is not None:
        worse = gap.value.low > gap.floor.high
        said = "explain training records better than held-out ones, as copies do"
        passed = f"Synthetic records do not {said}: a screen, which a few copies pass."
        claim = f"Synthetic records {said}." if worse else passed
        figure = f"{ranged(gap.value, 1)}, floor {ranged(gap.floor, 1)}"
        found.append(_risk("care" if worse else "good", claim, figure))
    if z is not None and z.value.value is not None and z.value.high is not None:
        found.append(_nearness(z))
    return found


def _nearness(z: FigureRow) -> Finding:
    """Return what C_T says: rows of one patient are alike, so its whole interval must lie below the line."""
    said, figure = "nearer to training records than held-out real records do", f"C_T {ranged(z.value, 1)}, line -3"
    if (z.value.high or 0) < -3:
        return _risk("care", f"Synthetic records lie {said}.", figure)
    if (z.value.value or 0) < -3:
        return _risk("unknown", f"Synthetic records may lie {said}: the interval reaches over the line.", figure)
    return _risk("good", f"Synthetic records lie no {said}: a screen, which a few copies pass.", figure)


def _risk(level: Level, claim: str, figure: str) -> Finding:
    return Finding(part=PART, question="risk", level=level, claim=claim, figure=figure)


def _figure(m: MeasuredRow, digits: int = 2) -> str:
    digits = 3 if m.name in ("greys", "kid", "ms_ssim") else digits
    floor = f"[{number(m.floor.low, digits)} to {number(m.floor.high, digits)}]"
    return f"{NAMES.get(m.name, m.name)} {number(m.matched.value, digits)}, floor {floor}"


def _texts(result: RealismResult) -> tuple[str, ...]:
    eyes = f"Features are those of {result.eyes}. " if result.eyes else ""
    training = f" and with {result.n_training} records that were trained on" if result.n_training else ""
    return (
        f"{eyes}{result.n[1]} synthetic records of {result.patients[1]} patients are compared with {result.n[0]} real "
        f"ones of {result.patients[0]}{training}. The floor is one half of the real patients against the other; 'at "
        "equal size' is a half against as many synthetic records: compare these two, for distances of few records are "
        "too large. Intervals of the first column resample patients. Nothing is averaged over parts of the data.",
    )


def _remarks(result: RealismResult) -> tuple[str, ...]:
    few = [f"{g.name}: {g.reason}" for g in result.groups if g.reason]
    marked = [g.name for g in result.groups if g.metrics and g.small]
    stars = (f"fewer than {SMALL} real patients, marked *: {', '.join(marked)}",) if marked else ()
    return (*result.remarks, *few, *stars)


def _figure_table(figures: Sequence[FigureRow]) -> Table:
    rows = []
    for f in figures:
        floor = DASH if f.floor is None else ranged(f.floor, 2)
        digits = 4 if f.name == "kid_subsets" else 2
        cells = (FIGURES.get(f.name, f.name), ranged(f.value, digits), floor, f.reason)
        rows.append(tuple(Cell(text=text) for text in cells))
    head = ("figure", "value [95 %]", "real records [95 %]", "why not")
    return Table(caption="Figures beside the metrics", head=head, rows=tuple(rows), prose=True)


def _group_table(groups: Sequence[GroupRow]) -> Table:
    names = [name for name in IN_GROUPS if any(m.name == name for g in groups for m in g.metrics)]
    rows = []
    for g in groups:
        at = {m.name: m for m in g.metrics}
        cells = [Cell(text=f"{g.name}{'*' if g.small else ''}"), Cell(text=f"{g.n_real} ({g.real_patients})")]
        cells.append(Cell(text=str(g.n_synthetic)))
        for name in names:
            m = at.get(name)
            if m is None or m.matched.value is None:
                cells.append(Cell(text=DASH))
                continue
            digits = 3 if name in ("greys", "kid") else 2
            end = m.floor.low if name in LOWER_IS_WORSE else m.floor.high
            text = f"{m.matched.value:.{digits}f} / {number(m.floor.value, digits)} [{number(end, digits)}]"
            cells.append(Cell(text=text, heat=2 if beyond(m) else 0))
        rows.append(tuple(cells))
    head = ("group", "real (patients)", "synthetic", *(NAMES.get(name, name) for name in names))
    caption = "Every group against itself: at equal size / floor [its bad end]; tinted where beyond it"
    return Table(caption=caption, head=head, rows=tuple(rows), folded=len(rows) > 12)
