"""The curation part of a page, and what its first screen says of it."""

from __future__ import annotations

from ..finding import Finding
from ..report import Cell, Section, Table
from ..tables import DASH, number, percent
from .result import CurationResult, Reason

REASONS: dict[Reason, str] = {
    "kept": "kept",
    "copy_of_real": "near a real record, by hash",
    "duplicate": "near an earlier record, by hash",
    "duplicate_by_embedding": "near an earlier record, by embedding",
    "not_selected": "left out by the selection",
}
HOW = (
    "Hashes of 64 bits that differ in at most {radius} are near-duplicates; the first of them in order is kept. By "
    "embedding, records are near-duplicates where they lie nearer than the nearest {share:g} % of real records do to "
    "another patient's. Real records of different patients that are near-duplicates by hash are the control: a hash "
    "that cannot tell patients apart cannot tell copies."
)


def curation_section(result: CurationResult) -> Section:
    """Return the section: what would be kept and why, and what a stricter line would keep."""
    said = HOW.format(radius=max(result.radius, 0), share=100 * result.config.share)
    where = "within each volume" if result.config.within == "volume" else "in the whole set"
    return Section(
        name="curation",
        title="Curation: near-duplicates and what to keep",
        texts=(said, f"Duplicates were looked for {where}.", *result.notes),
        tables=(_fates(result), _rates(result), _curve(result)),
    )


def _fates(result: CurationResult) -> Table:
    rows = tuple((Cell(text=REASONS[r]), Cell(text=str(result.count(r)))) for r in REASONS)
    return Table(caption="What becomes of the records", head=("", "records"), rows=rows)


def _rates(result: CurationResult) -> Table:
    before, after = (DASH if c is None else f"{100 * c:.1f} %" for c in result.coverage)
    rows = (
        ("near an earlier record, by hash", percent(result.duplicates), percent(result.real_duplicates)),
        ("near a real record, by hash", percent(result.copies), percent(result.real_duplicates)),
        ("near an earlier record, by embedding", percent(result.by_embedding), f"{100 * result.config.share:g} %"),
        ("real records covered, by all", before, ""),
        ("real records covered, by those kept", after, ""),
    )
    body = tuple(tuple(Cell(text=t) for t in row) for row in rows)
    return Table(caption="Shares [95 %]", head=("share", "synthetic", "real against other patients"), rows=body)


def _curve(result: CurationResult) -> Table:
    rows = tuple(
        (Cell(text=str(p.radius)), Cell(text=f"{100 * p.kept:.1f} %"), Cell(text=number(p.coverage, 3)))
        for p in result.curve
    )
    head = ("bits, at most", "kept", "coverage retained")
    return Table(caption="Keep rate as near-duplicates are taken more widely", head=head, rows=rows)


def curation_findings(result: CurationResult) -> tuple[Finding, ...]:
    """Return what the first screen says."""
    if not result.rows:
        return (_finding("unknown", "No record was given to look for duplicates in", ""),)
    if result.radius < 0:
        claim = "Hashes take different real patients for one, so they cannot tell copies of this kind of data"
        return (_finding("unknown", claim, f"real against other patients {percent(result.real_duplicates)}", "risk"),)
    return tuple(f for f in (_copied(result), _redundant(result)) if f is not None)


def _copied(result: CurationResult) -> Finding | None:
    copies, control = result.copies, result.real_duplicates
    if copies.value is None or copies.low is None:
        return None
    figure = f"{percent(copies)}, real against other patients {percent(control)}"
    if control.high is None:
        return _finding("unknown", "Hashes near real ones could not be set against a control", figure, "risk")
    if copies.low > control.high:
        claim = "More synthetic records have the hash of a real record than real ones of other patients have"
        return _finding("care", claim, figure, "risk")
    claim = (
        "Hashes of synthetic records lie no nearer to real ones than those of other patients; a screen, no guarantee"
    )
    return _finding("good", claim, figure, "risk")


def _redundant(result: CurationResult) -> Finding:
    twice, control = result.duplicates, result.real_duplicates
    line = 0.05 if control.high is None else max(0.05, control.high)
    figure = f"{percent(twice)}, line {100 * line:.1f} %"
    if twice.low is not None and twice.low > line:
        return _finding("care", "Records are near-duplicates of each other; drop them before training", figure)
    return _finding("good", "Few records are near-duplicates of each other", figure)


def _finding(level: str, claim: str, figure: str, question: str = "purpose") -> Finding:
    return Finding.model_validate(
        {"part": "curation", "question": question, "level": level, "claim": claim, "figure": figure}
    )
