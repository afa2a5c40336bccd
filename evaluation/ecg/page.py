"""The first look in words, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...conditioning.record import Record
from ..comparison import furthest, sentence
from ..distributions import distribution_figure
from ..drawing import data_uri
from ..report import Cell, Page, Picture, Section, Table
from ..statistics import half_size
from ..tables import heat, number, number_table, percent, ranged, ratio_table, spread, worst_table
from .paper import sheet
from .spectrum_figure import spectrum_figure
from .verdict import first_findings

if TYPE_CHECKING:
    from .first_look import FirstLook

MOST_SAID = 12
N_SYNTHETIC_SHEETS, N_REAL_SHEETS = 4, 2
SHOWN = (
    "heart_rate_bpm", "rr_sd_ms", "pr_ms", "qrs_ms", "qtcf_ms", "axis_deg", "marked_pr_ms", "marked_qrs_ms",
    "marked_qt_ms", "p_mv_II", "r_mv_II", "t_mv_II", "s_mv_V2", "st_mv_V2", "t_mv_V3", "r_mv_V5",
)  # fmt: skip


def page(look: FirstLook) -> Page:
    """Return the page of a first look."""
    sections = (
        _summary(look), _groups(look), _distributions(look), _spectra(look), _r_peaks(look), _sheets(look),
        _ruler(look), _numbers(look), _limits(),
    )  # fmt: skip
    return Page(facts=_facts(look), sections=sections, findings=first_findings(look))


def _facts(look: FirstLook) -> tuple[tuple[str, str], ...]:
    counted = [r for r in look.rows if r.group == "all" and (r.ratio is not None or r.stands_out)]
    facts = [
        (str(len(look.sides[0].records)), "real ECGs"),
        (str(len(look.sides[1].records)), "synthetic ECGs"),
        (f"{len(furthest(look.rows))} of {len(counted)}", f"features over {look.limit:g} floors"),
    ]
    for lead, where in (("reference", "best of II, V5, I, V2"), ("II", "lead II")):
        scored = {r.name: r for r in look.r_peaks if r.lead == lead and r.kind in ("all", "SNR")}
        if (best := scored.get("20 dB and more") or scored.get("all")) is not None:
            which = "at 20 dB and more" if best.name != "all" else "all records"
            facts.append((percent(best.sensitivity).split(" [")[0], f"R peaks found, {where}, {which}"))
    return tuple(facts)


def _summary(look: FirstLook) -> Section:
    real, synthetic = ("; ".join(f"{n} from {k}" for k, n in look.sources[s].items()) for s in ("real", "synthetic"))
    off = furthest(look.rows)
    texts = [
        f"Real ECGs ({real}) and synthetic ones ({synthetic}) were measured by the same program "
        f"({look.method}) and compared, feature by feature.",
        "Every difference is given in floors. A floor is how far one random half of the real records lies from "
        "the other half; the difference is taken at the same number of records. About 1 floor: this feature, on its "
        f"own and with this many real records, does not tell the two apart. A feature stands out above {look.limit:g} "
        "floors: two samples of one Gaussian passed that in none of 200 trials with 100 real values, in 6 % with 14.",
    ]
    worst = [g for g in look.groups if g.kind != "all" and g.n_real >= 10]
    worst = sorted(worst, key=lambda g: -_share_off(look, g.name))[:1]
    if worst and _share_off(look, worst[0].name) > 1.5 * _share_off(look, "all"):
        g = worst[0]
        texts.append(
            f"Worst subgroup: {g.name} ({g.n_real} real, {g.n_synthetic} synthetic), where "
            f"{len(furthest(look.rows, g.name))} features stand out; the table by sex and age band has the others."
        )
    if not off:
        return Section(name="summary", title="What stands out", texts=(*texts, "No feature stands out."))
    texts.append(f"{len(off)} features stand out; the furthest first:")
    said = tuple(sentence(r, look.feature[r.feature]) for r in off[:MOST_SAID])
    rest = off[MOST_SAID:]
    names = ", ".join(f"{look.feature[r.feature].label} ({number(r.ratio, 1)})" for r in rest)
    more = (f"Also: {names}.",) if rest else ()
    return Section(name="summary", title="What stands out", texts=tuple(texts), items=said + more)


def _share_off(look: FirstLook, group: str) -> float:
    """Return the share of a group's compared features that stand out."""
    compared = [r for r in look.rows if r.group == group and r.matched.value is not None]
    return sum(r.stands_out for r in compared) / max(1, len(compared))


def _groups(look: FirstLook) -> Section:
    groups = [(g.name, g.n_real, g.n_synthetic) for g in look.groups]
    main = [f for f in look.features if f.family in ("rate", "interval", "marked", "axis")]
    rest = [f for f in look.features if f.family in ("amplitude", "spectrum")]
    few = [g.name for g in look.groups if g.n_real < 10]
    texts = ["In brackets: real to synthetic records. Warmer cells are further off: above 1.5, 3 and 6 floors."]
    if few:
        texts.append(f"Fewer than 10 real records in {', '.join(few)}: read these columns as anecdotes.")
    return Section(
        name="groups",
        title="By sex and age band",
        texts=tuple(texts),
        tables=(
            worst_table(look.rows, look.feature, groups),
            ratio_table(look.rows, main, groups, "Rates, intervals and axis"),
            ratio_table(look.rows, rest, groups, "Amplitudes in every lead, and band powers", folded=True),
        ),
    )


def _distributions(look: FirstLook) -> Section:
    a, b = look.sides
    shown = [look.feature[name] for name in SHOWN if name in look.feature]
    pictures = tuple(
        Picture(
            uri=data_uri(distribution_figure(f, a.values[f.name], b.values[f.name])),
            alt=f"Distribution of {f.label} in real and synthetic records",
        )
        for f in shown
    )
    text = (
        "Above: histograms. Below: the share of records at or under a value. Grey is real, orange synthetic. "
        "neurokit2 never reads a QRS or P longer than 100 ms, so these end there; 'marked' durations do not."
    )
    return Section(name="distributions", title="Distributions", texts=(text,), pictures=pictures)


def _spectra(look: FirstLook) -> Section:
    a, b = look.sides
    figure = spectrum_figure(a.spectra, b.spectra, seed=look.seed, size=half_size(len(a.records), len(b.records)))
    rows = tuple(
        (
            Cell(text=f"{r.band} Hz"), Cell(text=ranged(r.distance, 1)), Cell(text=ranged(r.floor, 1)),
            Cell(text=number(r.ratio, 1), heat=heat(r.ratio)),
        )
        for r in look.bands
    )  # fmt: skip
    table = Table(
        caption="Mean absolute difference of two mean log spectra, at equal numbers of records",
        head=("band", "dB [95 %]", "floor [95 %]", "ratio"),
        rows=rows,
    )
    picture = Picture(uri=data_uri(figure), alt="Mean power spectra of real and synthetic records", wide=True)
    text = (
        "Welch in windows of 4 s, each lead relative to its own mean power density from 1 to 40 Hz, median over "
        "I, II and V1 to V6. Above 40 Hz this compares recorders and their filters more than hearts."
    )
    return Section(name="spectra", title="Spectra", texts=(text,), pictures=(picture,), tables=(table,))


def _r_peaks(look: FirstLook) -> Section:
    rows = tuple(
        tuple(
            Cell(text=t)
            for t in (
                r.name.replace("_", " ") if r.kind in ("all", "SNR") else f"{r.kind}: {r.name.replace('_', ' ')}",
                r.lead, str(r.n_records), str(r.sensitivity.n),
                percent(r.sensitivity), percent(r.predictive_value), f"{r.n_edge_found} of {r.n_edge}",
            )
        )
        for r in look.r_peaks
    )  # fmt: skip
    table = Table(
        caption="R peaks of synthetic records found by neurokit2, within 150 ms, one to one",
        head=("records", "lead", "n", "beats", "found [95 %]", "of the found, true [95 %]", "found at the edges"),
        rows=rows,
    )
    text = (
        "Beats within 0.3 s of either end are not scored, since neurokit2 reports none in the first 0.3 s by "
        "construction; the last column counts them. Intervals resample records. The reference lead is the one of II, "
        "V5, I and V2 whose R peaks agree best with the others': lead II alone takes T for R where its QRS is low."
    )
    return Section(name="r-peaks", title="Are the R peaks where the truth says", texts=(text,), tables=(table,))


def _sheets(look: FirstLook) -> Section:
    chosen = [*varied(look.sides[1].records, N_SYNTHETIC_SHEETS), *varied(look.sides[0].records, N_REAL_SHEETS)]
    pictures = tuple(
        Picture(
            uri=data_uri(sheet(r)),
            alt=f"12-lead ECG of {'synthetic' if r.synthetic else 'real'} record {r.record_id}",
            caption=r.record_id,
            wide=True,
            of="synthetic" if r.synthetic else "real",
        )
        for r in chosen
    )
    text = "25 mm/s and 10 mm/mV. Not picked by looks: the first record, then the first of each further kind."
    return Section(name="sheets", title="Example sheets", texts=(text,), pictures=pictures)


def varied(records: Sequence[Record], n: int) -> list[Record]:
    """Return `n` records: the first of each rhythm and set of findings, then whatever comes first."""
    first: dict[str, Record] = {}
    for r in records:
        first.setdefault(f"{getattr(r.condition, 'rhythm', None)} {getattr(r.condition, 'findings', None)}", r)
    chosen = list(first.values())[:n]
    ids = {id(r) for r in chosen}
    return chosen + [r for r in records if id(r) not in ids][: n - len(chosen)]


def _ruler(look: FirstLook) -> Section:
    rows = tuple(
        tuple(
            Cell(text=t)
            for t in (
                look.feature[r.feature].label, str(r.n_real), spread(r.real, 0),
                str(r.n_synthetic), spread(r.synthetic, 0),
            )
        )
        for r in look.ruler
    )  # fmt: skip
    error = Table(
        caption="neurokit2 less the marks, in ms: median [IQR] over records",
        head=("interval", "n real", "real", "n synthetic", "synthetic"),
        rows=rows,
    )
    failures = Table(
        caption="What neurokit2 could not do: leads struck (their values are missing, and n is smaller)",
        head=("reason", "real", "synthetic"),
        rows=tuple(tuple(Cell(text=t) for t in row) for row in _failures(look)),
    )
    text = (
        "Where waves carry marks (cardiologists' on real records, the truth on synthetic ones) the program's own "
        "error shows. If it differs between the two sides, a difference of the measured intervals is partly the "
        "ruler's; the features called 'marked' compare the marks themselves."
    )
    tables = tuple(t for t in (error, failures) if t.rows)
    nothing = () if failures.rows else ("neurokit2 measured every lead that it was given.",)
    return Section(name="failures", title="How good the ruler is", texts=(text, *nothing), tables=tables)


def _failures(look: FirstLook) -> list[tuple[str, str, str]]:
    real, synthetic = look.failures["real"], look.failures["synthetic"]
    return [(k, str(real.get(k, 0)), str(synthetic.get(k, 0))) for k in sorted({*real, *synthetic})]


def _numbers(look: FirstLook) -> Section:
    text = "Wasserstein is in the feature's unit. 'At equal size' is what the floor divides to give the ratio."
    tables = tuple(
        number_table(look.rows, look.feature, g.name, f"{g.name}: {g.n_real} real, {g.n_synthetic} synthetic")
        for g in look.groups
    )
    return Section(name="numbers", title="All numbers", texts=(text,), tables=tables)


def _limits() -> Section:
    items = (
        "A first look: single features, one at a time. It says nothing about combinations, about privacy, or about "
        "what the data is worth to a model.",
        "The floor shows what this many real records can tell. With few of them it is high, and a difference may "
        "hide under it: a low ratio is no proof of realism.",
        "Real and synthetic cohorts differ in rhythm, illness and age where the plan did not copy the real mix; part "
        "of a difference is then the mix.",
        "neurokit2's prominence method searches P and QRS in 100 ms: neither is ever longer, wide QRS reads too "
        "short, and most P durations read 95 to 100 ms. PR and P are left out where the rhythm has no P wave before "
        "its QRS; records of unknown rhythm keep them.",
        "Many features are compared and they hang together (leads are combinations of each other): count what stands "
        "out with that in mind.",
    )
    return Section(name="limits", title="Limits", items=items)
