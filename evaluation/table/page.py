"""The evaluation of a table's records in words, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from ..finding import Finding
from ..realism.groupwise import SMALL, GroupRow
from ..realism.tables import measured_table
from ..report import Cell, Page, Section, Table
from ..tables import DASH, number
from .arrays import Compared
from .look import MOST, MOST_SD, TableLook
from .sheets import contact_sheet

IN_GROUPS = {"frechet": "Fréchet", "kid": "KID", "greys": "greys", "spectrum_db": "dB"}
OF_LEADS = "power spectrum, mean of the leads, mean difference (dB)"
CHANCE = 0.5  # of an area under the ROC curve
NOUNS = {"image": "images", "volume": "volumes", "signal": "signals"}


def table_page(look: TableLook, sides: Compared, more: Sequence[Section] = ()) -> Page:
    """Return the page.

    Args:
        look: the results.
        sides: the records.
        more: sections of the other parts, in their order.
    """
    sections = [_shown(look, sides), _realism(look), _groups(look), *more, _limits(look)]
    return Page(facts=_facts(look), sections=tuple(s for s in sections if s is not None))


def table_findings(look: TableLook) -> tuple[Finding, ...]:
    """Return what the first screen says of realism by simple features."""
    everyone = look.groups[0]
    if not everyone.metrics:
        said = f"Realism could not be told: {everyone.reason}."
        return (Finding(part="realism", question="use", level="unknown", claim=said),)
    found = {m.name: m for m in everyone.metrics}
    frechet, auc = found["frechet"], found.get("discriminator_auc_logistic")
    figure = f"Fréchet at equal size {number(frechet.matched.value, 2)}, floor {number(frechet.floor.value, 2)}"
    if auc is not None:
        figure += (
            f"; AUC of telling real from synthetic {number(auc.matched.value, 2)}, floor {number(auc.floor.value, 2)}"
        )
    classes = [g for g in look.groups if g.kind == "label" and g.metrics]
    if classes:
        beyond = sum(any(m.name == "frechet" and m.beyond_floor for m in g.metrics) for g in classes)
        figure += f"; beyond the floor in {beyond} of {len(classes)} classes"
    apart = auc is not None and auc.beyond_floor and (auc.whole.low or 0) > CHANCE
    told = frechet.beyond_floor or apart
    claim = (
        f"Synthetic {NOUNS[look.kind]} are told from real ones by simple features (brightness, spectrum, texture)."
        if told
        else f"Simple features do not tell synthetic {NOUNS[look.kind]} from real ones; a trained eye may."
    )
    return (Finding(part="realism", question="use", level="care" if told else "good", claim=claim, figure=figure),)


def _facts(look: TableLook) -> tuple[tuple[str, str], ...]:
    noun = NOUNS[look.kind]
    facts = [
        (str(look.n[0]), f"real {noun}{_of(look.n[0], look.patients[0])}"),
        (str(look.n[1]), f"synthetic {noun} measured, of {look.of}"),
    ]
    if look.n[2]:
        facts.append((str(look.n[2]), f"training {noun}{_of(look.n[2], look.patients[1])}"))
    return tuple(facts)


def _of(n: int, patients: int) -> str:
    return "" if n == patients else f" of {patients} patients"


def _shown(look: TableLook, sides: Compared) -> Section:
    texts = ["None was picked by its looks: the first records of each class, in the order of the data."]
    return Section(
        name="images", title=f"Real and synthetic {NOUNS[look.kind]}", texts=(*texts, *look.notes),
        pictures=(contact_sheet(sides),),
    )  # fmt: skip


def _realism(look: TableLook) -> Section:
    everyone, noun = look.groups[0], NOUNS[look.kind]
    texts = [
        f"{look.n[0]} real {noun} are compared with {look.n[1]} synthetic ones, by simple features that need no "
        f"trained network: {look.features}. Each is put on the mean and spread of the real ones first, and cut at "
        f"{MOST_SD:g} of their standard deviations. The floor is one half of the real patients against the other, and "
        "'at equal size' a half against as many synthetic records: compare these two. Intervals of the first column "
        "resample patients; the others are spreads over random halves. KID is unbiased: two samples of one "
        "distribution give 0 on average.",
    ]
    if not everyone.metrics:
        texts.append(f"Not measured: {everyone.reason}.")
    rows = [m.model_copy(update={"name": OF_LEADS}) if _of_leads(look, m.name) else m for m in everyone.metrics]
    tables = (measured_table(rows, f"All {noun}"),) if rows else ()
    return Section(name="realism", title="Do they look real", texts=tuple(texts), tables=tables)


def _of_leads(look: TableLook, metric: str) -> bool:
    return look.kind == "signal" and metric == "spectrum_db"


def _groups(look: TableLook) -> Section | None:
    rows = look.groups[1:]
    if not rows:
        return None
    known = {m.name for g in rows for m in g.metrics}
    metrics = [m for m in IN_GROUPS if m in known]
    head = ("group", "of", "real (patients)", "synthetic", *(IN_GROUPS[m] for m in metrics), "")
    table = Table(
        caption="At equal size / floor [its upper end]; tinted where beyond it", head=head,
        rows=tuple(_row(g, metrics) for g in rows), prose=True,
    )  # fmt: skip
    text = (
        "Each group is compared with itself; greys and dB are the distances of grey levels and of power spectra. All "
        f"rise where records are less real. A star marks fewer than {SMALL} real patients: a single one can move it."
    )
    return Section(name="groups", title="By class and group of patients", texts=(text,), tables=(table,))


def _row(g: GroupRow, metrics: Sequence[str]) -> tuple[Cell, ...]:
    found = {m.name: m for m in g.metrics}
    cells = [
        Cell(text=g.name + ("*" if g.small else "")), Cell(text=g.kind), Cell(text=f"{g.n_real} ({g.real_patients})"),
        Cell(text=str(g.n_synthetic)),
    ]  # fmt: skip
    for name in metrics:
        m = found.get(name)
        if m is None or m.matched.value is None:
            cells.append(Cell(text=DASH))
            continue
        digits = 3 if name in ("greys", "kid") else 2
        text = f"{m.matched.value:.{digits}f} / {number(m.floor.value, digits)} [{number(m.floor.high, digits)}]"
        cells.append(Cell(text=text, heat=2 if m.beyond_floor else 0))
    return (*cells, Cell(text=g.reason))


def _limits(look: TableLook) -> Section:
    shape = " x ".join(map(str, look.shape))
    items = [
        f"{look.n[0]} real records set the floors: what lies within them cannot be told from real data by these "
        "means, which is less than being real.",
        f"All was compared at {shape}; detail that this does not hold cannot be seen.",
        "Simple features see brightness, contrast, sharpness, noise and coarse layout, and nothing of anatomy.",
        "Rows without patient_id count as patients of their own; where they are not, intervals are too narrow.",
        "Many metrics and groups are compared and none is corrected for their number.",
    ]
    if look.of > look.n[1]:
        items.append(f"{look.n[1]} of {look.of} synthetic records were compared, evenly spread ({MOST} at most).")
    return Section(name="limits", title="Limits", items=tuple(items))
