"""A table's task in words and tables: arms by share, differences in absolute and relative terms, sites and probes."""

from __future__ import annotations

from collections.abc import Sequence

from ...comparison import Interval
from ...downstream import DownstreamResult
from ...downstream.arms import percent
from ...report import Cell, Section, Table
from ...tables import DASH
from ...trust import trust_sections
from .findings import PART, ranged
from .probes import EPISODES, NEIGHBOURS, SHOTS
from .result import ShareResult, TableTaskResult


def table_task_sections(result: TableTaskResult) -> tuple[Section, ...]:
    """Return a section on the arms, and one on sites and probes where there are any."""
    metrics = [m["name"] for m in result.shares[0].result.metrics]
    tables = [_levels(result, metric) for metric in metrics]
    tables += [_differences(result, at) for at in result.shares]
    tables += [t for at in result.shares if at.delong for t in [_delong(at)]]
    most = result.at(max(result.settings.shares))
    if any(row.group != "all" for row in most.result.rows):
        tables.append(_groups(result, most))
    first = Section(
        name=PART, title=f"What it is worth: {result.kind}", texts=_about(result), items=result.notes,
        tables=(_sides(result), *tables),
    )  # fmt: skip
    more = [_site_section(result)] if result.sites else []
    more += [_probe_section(result)] if result.probes is not None else []
    return (first, *more, *trust_sections(result))


def _about(result: TableTaskResult) -> tuple[str, ...]:
    s, steps, dims = result.settings, result.settings.steps_of(result.kind), len(result.shape)
    size = " x ".join(map(str, result.shape))
    return (
        f"The network {s.network!r} learns {result.kind} of {', '.join(result.words)} from samples of {size}, {steps} "
        f"steps of {s.batch_of(result.kind, dims)} a stage, {s.seeds} seeds. Shares are of the real patients: smaller "
        "ones lie inside larger ones, every seed draws its own, and all arms of a seed have the same patients and "
        "the same weights at the start. Intervals are 95 % over test patients and seeds; verdicts are not corrected "
        "for their number.",
        "A training has a number of steps, so real data shown twice as often are the arm 'real' itself: it is the "
        "control for 'mixed', as 'real, same compute' is for 'synthetic -> real'. What learns without labels has all "
        "real samples, whatever the share.",
        "'Small segment' shrinks what is labelled onto black with noise inside; without masks it shrinks the whole "
        "sample. It is our reading of an abstract. 'Wavelet' drops bands of one level of Haar's wavelets at a rate of "
        ".3, kept ones divided by .7; 'not rescaled' is as published, and is the same where each sample is brought to "
        "deviation 1 first, as it is unless a number is told. Bands are dropped of samples, not of features.",
    )


def _sides(result: TableTaskResult) -> Table:
    words = [w for w in result.words if any(w in side.classes for side in result.sides)]
    rows = [
        _cells(s.name, str(s.samples), str(s.patients), str(s.left_out), *(str(s.classes.get(w, 0)) for w in words))
        for s in result.sides
    ]
    return Table(caption="What there is", head=("side", "samples", "patients", "left out", *words), rows=tuple(rows))


def _levels(result: TableTaskResult, metric: str) -> Table:
    arms = list(dict.fromkeys(arm.name for at in result.shares for arm in at.result.arms))
    rows = []
    for arm in arms:
        found = [_row(at.result, arm, metric) for at in result.shares]
        rows.append(_cells(arm, *(DASH if x is None else ranged(x) for x in found)))
    head = ("arm", *(f"{percent(at.share)} ({at.patients})" for at in result.shares))
    caption = f"{metric}{_unit(result, metric)} by share of the real patients [95 % over patients and seeds]"
    return Table(caption=caption, head=head, rows=tuple(rows), folded=metric != result.main)


def _differences(result: TableTaskResult, at: ShareResult) -> Table:
    metrics = [m["name"] for m in at.result.metrics]
    return Table(
        caption=f"Arm less reference, {percent(at.share)} of the real patients, and in % of the reference",
        head=("arm", "less", *metrics),
        rows=tuple(_difference_rows(at.result, metrics)),
        folded=at.share != max(result.settings.shares),
    )


def _difference_rows(one: DownstreamResult, metrics: Sequence[str]) -> list[tuple[Cell, ...]]:
    rows = []
    for arm, reference in dict.fromkeys((d.arm, d.reference) for d in one.differences):
        cells = []
        for metric in metrics:
            d = one.difference(arm, reference, metric)
            share = "" if d.relative is None or d.relative.value is None else f", {100 * d.relative.value:+.1f} %"
            text = f"{ranged(d.difference, sign=True)}{share} {d.verdict}"
            cells.append(Cell(text=text, heat=2 if d.verdict == "worse" else 0))
        rows.append((Cell(text=arm), Cell(text=reference), *cells))
    return rows


def _delong(at: ShareResult) -> Table:
    rows = [
        _cells(d.arm, d.reference, ranged(d.difference, sign=True), DASH if d.p is None else f"{d.p:.3f}")
        for d in at.delong
    ]
    caption = f"DeLong's test of macro AUROC, {percent(at.share)} of the real patients; seeds as they are"
    return Table(caption=caption, head=("arm", "less", "difference", "p"), rows=tuple(rows), folded=True)


def _groups(result: TableTaskResult, at: ShareResult) -> Table:
    groups = list(dict.fromkeys(row.group for row in at.result.rows))
    rows = []
    for arm in at.result.arms:
        found = [_row(at.result, arm.name, result.main, group) for group in groups]
        rows.append(_cells(arm.name, *(DASH if x is None else ranged(x) for x in found)))
    return Table(caption=f"{result.main} by group of the test patients", head=("arm", *groups), rows=tuple(rows),
                 folded=True)  # fmt: skip


def _site_section(result: TableTaskResult) -> Section:
    tables = []
    for site in result.sites:
        metrics = [m["name"] for m in site.result.metrics]
        name = site.site or "real data as one unlabelled site"
        said = (
            f"{name}: tested on {site.result.test_patients} patients; trained on {site.train_patients} of other sites"
        )
        rows = [_cells(a.name, *(ranged(site.result.row(a.name, m).result) for m in metrics)) for a in site.result.arms]
        tables.append(Table(caption=said, head=("arm", *metrics), rows=tuple(rows)))
        rows = _difference_rows(site.result, metrics)
        tables.append(Table(caption=f"{name}: arm less reference", head=("arm", "less", *metrics), rows=tuple(rows)))
    texts = (
        "A site is left out of the real training data and of the synthetic data that name it.",
        "'-> shot' and '-> tent' go on without labels and without the data trained on before, on the site's training "
        "samples; the patients tested on are others. SHOT keeps the head and learns the body by maximising information "
        "and by labels from its own centroids; TENT learns the norms' scales by minimising entropy.",
    )
    return Section(name=f"{PART}-sites", title="Out of distribution", texts=texts, tables=tuple(tables))


def _probe_section(result: TableTaskResult) -> Section:
    assert result.probes is not None
    metrics = [m["name"] for m in result.probes.metrics]
    rows = [_cells(a.name, *(ranged(result.probes.row(a.name, m).result) for m in metrics)) for a in result.probes.arms]
    levels = Table(
        caption="Probes of features, fitted on real training samples", head=("body", *metrics), rows=tuple(rows)
    )
    less = Table(caption="Body less reference", head=("body", "less", *metrics),
                 rows=tuple(_difference_rows(result.probes, metrics)))  # fmt: skip
    said = (f"{NEIGHBOURS} nearest neighbours, a linear model, and one on {SHOTS} samples a class (mean over "
            f"{EPISODES} draws). The full fine-tune is among the arms above.",)  # fmt: skip
    return Section(name=f"{PART}-probes", title="What the features are worth", texts=said, tables=(levels, less))


def _row(one: DownstreamResult, arm: str, metric: str, group: str = "all") -> Interval | None:
    return next((r.result for r in one.rows if (r.arm, r.metric, r.group) == (arm, metric, group)), None)


def _unit(result: TableTaskResult, metric: str) -> str:
    unit = next(m["unit"] for m in result.shares[0].result.metrics if m["name"] == metric)
    return f" in {unit}" if unit else ""


def _cells(*texts: str) -> tuple[Cell, ...]:
    return tuple(Cell(text=text) for text in texts)
