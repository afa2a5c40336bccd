"""The evaluation of synthetic radiographs in words, tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..downstream import DownstreamResult
from ..realism.tables import measured_table, shown
from ..report import Cell, Page, Section, Table
from ..tables import DASH, number, ranged
from .leaks import LeakRow
from .look import RadiographLook, Sides
from .obedience import ObedienceRow
from .pictures import curves_picture, distances_picture, obedience_picture
from .realism import SMALL, GroupRow
from .sheets import condition_grid, contact_sheet, pairs_sheet
from .together import TogetherRow
from .verdict import radiograph_findings

METRIC = {"auroc": "AUROC", "accuracy": "accuracy", "correlation": "correlation", "mae_years": "error, years"}
IN_GROUPS = {
    "frechet": "Fréchet", "kid": "KID", "coverage": "coverage", "greys": "greys", "spectrum_db": "dB",
}  # fmt: skip


def page(
    look: RadiographLook, sides: Sides, task: DownstreamResult | None = None, more: Sequence[Section] = ()
) -> Page:
    """Return the page.

    Args:
        look: the results.
        sides: the images.
        task: the downstream task's results.
        more: sections on the task and on how the data were made.
    """
    sections = [_sheets(sides), _realism(look, sides), _groups(look), _pairs(look)]
    if look.obedience is not None:
        sections += [_obedience(look), _leaks(look)]
    if look.copies is not None:
        sections.append(_copies(look, sides))
    said = radiograph_findings(look, task)
    return Page(facts=_facts(look), sections=(*sections, *more, _limits(look)), findings=said)


def _facts(look: RadiographLook) -> tuple[tuple[str, str], ...]:
    facts = [
        (str(look.n[1]), f"held-out real radiographs of {look.patients[1]} patients"),
        (str(look.n[2]), f"synthetic radiographs measured, of {look.of}"),
    ]
    if look.obedience is not None:
        rows = {(r.attribute, r.metric): r for r in look.obedience.rows}
        for key, what in (
            (("sex", "auroc"), "sex"),
            (("view=pa", "auroc"), "view"),
            (("age_years", "correlation"), "age"),
        ):
            if (row := rows.get(key)) is not None and row.synthetic.value is not None:
                kind = "correlation" if key[1] == "correlation" else "AUROC"
                facts.append((f"{row.synthetic.value:.2f}", f"{kind} of {what}, real: {number(row.ceiling.value, 2)}"))
    if look.copies is not None and (ratio := look.copies.checks[0].median_ratio.whole.value) is not None:
        facts.append((f"{ratio:.2f}", "distance to training images over held-out real's"))
    return tuple(facts)


def _sheets(sides: Sides) -> Section:
    pictures = tuple(p for p in (contact_sheet(sides), condition_grid(sides)) if p is not None)
    text = "None was picked by its looks: the first images of each condition, in the order of the data."
    if not pictures:
        text = "No condition is shared by real and synthetic images, so there is nothing to show side by side."
    return Section(name="images", title="Real and synthetic images", texts=(text,), pictures=pictures)


def _realism(look: RadiographLook, sides: Sides) -> Section:
    everyone = look.realism.groups[0]
    learnt = f"what learns there learnt on {look.n[0]} real training images"
    eyes = f"Features are those of {look.eyes}; {learnt}. " if look.eyes else ""
    texts: tuple[str, ...] = (
        look.sizes,
        f"{eyes}{look.n[1]} real images of patients that were not trained on are compared with {look.n[2]} synthetic "
        "ones. The floor is one half of the held-out patients against the other, and 'at equal size' a half against "
        "as many synthetic images: compare these two, for distances grow as images get fewer. Intervals of the first "
        "column resample patients; the others are spreads over random halves. KID is unbiased: two samples of one "
        "distribution give 0 on average.",
    )
    table = measured_table(everyone.metrics, "All images")
    if not everyone.metrics:
        texts = (*texts, "Halves of so few real images are no sample: no floor, so no comparison.")
    return Section(
        name="realism",
        title="Do they look real",
        texts=texts,
        pictures=(curves_picture(sides.real.x, sides.synthetic.x),),
        tables=(table,) if everyone.metrics else (),
    )


def _groups(look: RadiographLook) -> Section:
    known = {m.name for g in look.realism.groups for m in g.metrics}
    metrics = [m for m in IN_GROUPS if m in known]
    head = ("group", "real (patients)", "synthetic", *(IN_GROUPS[m] for m in metrics))
    rows = tuple(_group(g, metrics) for g in look.realism.groups)
    table = Table(caption="At equal size / floor [its upper end]; tinted where beyond it", head=head, rows=rows)
    few = [g.name for g in look.realism.groups if g.small]
    text = (
        "Each group is compared with itself; greys and dB are the distances of grey levels and of power spectra. "
        f"Coverage falls where images are less real, the others rise. A star marks fewer than {SMALL} real patients: "
        "a single one can move it. A dash: too few to have halves."
    )
    return Section(name="groups", title="By sex, age, view and finding", texts=(text, *_small(few)), tables=(table,))


def _small(names: Sequence[str]) -> tuple[str, ...]:
    return (f"Small groups: {', '.join(names)}.",) if names else ()


def _group(g: GroupRow, metrics: Iterable[str]) -> tuple[Cell, ...]:
    found = {m.name: m for m in g.metrics}
    star = "*" if g.small else ""
    cells = [Cell(text=f"{g.name}{star}"), Cell(text=f"{g.n_real} ({g.real_patients})"), Cell(text=str(g.n_synthetic))]
    for name in metrics:
        m = found.get(name)
        if m is None or m.matched.value is None:
            cells.append(Cell(text=DASH))
            continue
        digits = 3 if name == "greys" else 2
        low = name == "coverage"  # the only one that falls where images are less real
        end = m.floor.low if low else m.floor.high
        beyond = m.matched.value < (m.floor.low or 0) if low else m.beyond_floor
        text = f"{m.matched.value:.{digits}f} / {number(m.floor.value, digits)} [{number(end, digits)}]"
        cells.append(Cell(text=text, heat=2 if beyond else 0))
    return tuple(cells)


def _pairs(look: RadiographLook) -> Section:
    rows = tuple(
        (
            Cell(text=c.name), Cell(text=number(c.real, 3)), Cell(text=f"{c.n_real[0]} ({c.n_real[1]})"),
            Cell(text=number(c.synthetic, 3)), Cell(text=f"{c.n_synthetic[0]} ({c.n_synthetic[1]})"),
        )
        for c in look.realism.cells
    )  # fmt: skip
    table = Table(
        caption="Mean MS-SSIM of pairs of images of one sex, view and age band",
        head=("condition", "real", "images (pairs)", "synthetic", "images (pairs)"),
        rows=rows,
        folded=len(rows) > 12,
    )
    text = (
        f"Multi-scale structural similarity with {look.realism.scales} scales, as many as {look.size} pixels hold; 1 "
        "is the same image. Real pairs are of different patients. More alike than real ones: the generator repeats "
        "itself; less alike: it does not keep to the condition. The mean over conditions is in the table of all "
        "images."
    )
    return Section(name="pairs", title="How varied they are within a condition", texts=(text,), tables=(table,))


def _obedience(look: RadiographLook) -> Section:
    assert look.obedience is not None
    rows = tuple(_obeyed(r) for r in look.obedience.rows)
    table = Table(
        caption="Attributes read back",
        head=("attribute", "metric", "synthetic [95 %]", "ceiling: real", "floor: shuffled", "n synthetic", "n real"),
        rows=rows,
    )  # fmt: skip
    texts = [
        f"Read by {look.eyes}. The ceiling is the same judge on held-out real images, whose labels are themselves not "
        "all right; the floor deals the conditions out anew. Accuracies weigh both classes alike, at the threshold "
        "that suits real images; the age's error is after a straight line fitted to real images. Both were fitted on "
        "real images of other patients than those they are shown for. n: positive / negative. A star marks fewer "
        "than 10 images of a class, or fewer than 5 real patients.",
    ]
    if look.obedience.absent_dropped:
        texts.append(
            "The plan lists what an image shows and not what it lacks, so a finding counts as absent only where no "
            "finding was asked for; real labels are taken likewise, so that both are equally hard."
        )
    pictures = (obedience_picture(look.obedience.rows),) if rows else ()
    if not rows:
        texts.append("No attribute was asked for in two values, known of real images and learnt by the judge.")
    return Section(
        name="obedience",
        title="Do they show what was asked for",
        texts=tuple(texts),
        pictures=pictures,
        tables=(table,) if rows else (),
    )


def _obeyed(r: ObedienceRow) -> tuple[Cell, ...]:
    digits = 1 if r.metric == "mae_years" else 2
    continuous = r.metric in ("correlation", "mae_years")
    counts = [str(r.n[k]) if continuous else f"{r.n[k]} / {r.n[k + 1]}" for k in (0, 2)]
    texts = (
        r.label + ("*" if r.small else ""), METRIC[r.metric], ranged(r.synthetic, digits), ranged(r.ceiling, digits),
        ranged(r.floor, digits), counts[0], f"{counts[1]} ({r.patients} patients)",
    )  # fmt: skip
    return tuple(Cell(text=t) for t in texts)


def _leaks(look: RadiographLook) -> Section:
    assert look.obedience is not None
    rows = look.obedience.leaks
    off = tuple(r for r in rows if r.stands_out)
    head = ("asked for", "read", "synthetic [95 %]", "real [95 %]")
    tables = tuple(
        Table(caption=caption, head=head, rows=tuple(_leak(r) for r in part), folded=folded)
        for caption, part, folded in (
            ("Leaks beyond those of real images", off, False), (f"All {len(rows)} pairs of attributes", rows, True)
        )
        if part
    )  # fmt: skip
    text = (
        "Does one attribute that is asked for move what is read of another? Among images of which the same was asked "
        "of the second, the area under the ROC curve is 0.5 where it does not. Real images leak too, and so does the "
        "judge: what counts is where synthetic images leak more than real ones can be told to."
    )
    found = (
        f"{len(off)} of {len(rows)} pairs leak more." if rows else "No two attributes have ten images of each class."
    )
    pairs = _together(look.obedience.together)
    return Section(name="leaks", title="What comes along unasked", texts=(text, found), tables=(*tables, *pairs))


def _together(rows: Sequence[TogetherRow]) -> tuple[Table, ...]:
    """Return which attributes come together, those first that are seen together otherwise than they were asked for."""

    def off(r: TogetherRow) -> float:
        return -abs((r.synthetic.value or 0) - (r.real.value or 0))

    body = tuple(
        tuple(
            Cell(text=t)
            for t in (
                f"{r.first}, {r.second}", ranged(r.asked, 2), ranged(r.labelled, 2), ranged(r.synthetic, 2),
                ranged(r.real, 2),
            )
        )
        for r in sorted(rows, key=off)
    )  # fmt: skip
    caption = "What comes together: correlations of what is asked or labelled, and of what is read"
    head = ("pair", "asked, synthetic", "labelled, real", "read, synthetic", "read, real")
    return (Table(caption=caption, head=head, rows=body, folded=True),) if rows else ()


def _leak(r: LeakRow) -> tuple[Cell, ...]:
    texts = (r.asked_label, r.read_label, ranged(r.synthetic, 2), ranged(r.real, 2))
    heat = 2 if r.stands_out else 0
    return tuple(Cell(text=t, heat=heat if k == 2 else 0) for k, t in enumerate(texts))


def _copies(look: RadiographLook, sides: Sides) -> Section:
    assert look.copies is not None
    tables, pictures = [], []
    for check in look.copies.checks:
        by = "aligned pixels" if check.by == "pixels" else "the encoder's features"
        tables.append(measured_table((check.median_ratio, check.closer, check.nearer), f"By {by}"))
        pictures.append(distances_picture(*check.histogram, check.by))
    pictures += [pairs_sheet(sides, check) for check in look.copies.checks]
    pairs = Table(
        caption="Closest pairs by aligned pixels",
        head=("synthetic", "training", "distance", "held-out real images at least as near"),
        rows=tuple(
            tuple(
                Cell(text=t)
                for t in (p.image, p.training, number(p.distance, 3), f"{100 * p.held_out_nearer:.0f} %")
            )
            for p in look.copies.checks[0].pairs
        ),
        folded=True,
    )  # fmt: skip
    ratio = look.copies.checks[0].median_ratio.whole
    text = (
        f"Each of {look.n[2]} synthetic images is held against every one of the {look.n[0]} training images, and each "
        f"of {look.n[1]} held-out real images too. Pixels are compared in float, under all whole shifts up to a "
        "sixteenth of the edge, each image at mean 0 and standard deviation 1: 0 is the same image, 1.41 two that "
        f"have nothing in common. The line for the median ratio is 0.9; it is {shown(ratio)}."
    )
    screen = "A screen for copies, no proof of privacy: data that pass it can still be open to membership inference."
    return Section(
        name="copies",
        title="Are they copies",
        texts=(text, screen),
        pictures=tuple(pictures),
        tables=(*tables, pairs),
    )


def _limits(look: RadiographLook) -> Section:
    items = [
        f"{look.n[1]} real images of {look.patients[1]} patients set the floors and ceilings: what lies within them "
        "cannot be told from real data by these means, which is less than being real.",
        f"At {look.size} x {look.size} pixels fine signs (small nodules, lines of fibrosis, thin tubes) cannot be "
        "seen, in real or synthetic images; nothing here speaks of them.",
        "Real cohorts mix sexes, views, ages and illness as a clinic does; a balanced plan does not. Part of a "
        "difference over all images is that mix; the groups show the rest.",
        "Many metrics and groups are compared and none is corrected for their number.",
    ]
    if look.of > look.n[2]:
        items.append(f"{look.n[2]} of {look.of} synthetic images were measured, chosen by the seed or by --limit.")
    return Section(name="limits", title="Limits", items=tuple(items))
