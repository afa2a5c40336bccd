"""What was found of made contrasts in words, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from ...conditioning.mri.contrasts import Contrast
from ..report import Cell, Page, Picture, Section, Table
from ..tables import DASH
from .look import MADE, MriLook, PairLook
from .pairs import Pair
from .regions import REGIONS
from .sheets import error_sheet
from .summary import FEWEST, METHOD, Value, by_contrast, over_patients, patients, score_of, shown, trust_of


def mri_page(look: MriLook, pairs: Sequence[Pair], more: Sequence[Section] = ()) -> Page:
    """Return the page.

    Args:
        look: the results.
        pairs: what they are of.
        more: sections of other parts, in their order.
    """
    sections = [_shown(look, pairs), _paired(look), _challenge(look), _trusted(look), *more, _limits(look)]
    facts = (
        (str(len(look.pairs)), "made volumes beside the real ones"),
        (str(len(patients(look.pairs))), "patients"),
        (", ".join(dict.fromkeys(p.contrast for p in look.pairs)), "contrasts"),
    )
    return Page(facts=facts, sections=tuple(s for s in sections if s is not None))


def _shown(look: MriLook, pairs: Sequence[Pair]) -> Section:
    texts = ["In the order of the data; none was picked by its looks."]
    pictures: tuple[Picture, ...] = (error_sheet(pairs),)
    return Section(name="slices", title="Real and made", texts=(*texts, *look.notes[:12]), pictures=pictures)


def _paired(look: MriLook) -> Section:
    few = len(patients(look.pairs))
    interval = (
        f"Intervals resample the {few} patients."
        if few >= FEWEST
        else f"{'One patient' if few == 1 else f'{few} patients'}: no interval can be given."
    )
    controls = "the mean of the inputs"
    if look.learned_on:
        controls += f", and the best single input with its grey levels set to those of {look.learned_on} or more other"
        controls += " patients"
    texts = (
        "0 to the 99.5th percentile of the real brain is the range, 1; both volumes are cut there. The unit of a "
        "contrast that was never measured cannot be known, so each volume, made or control, gets the one factor that "
        "brings it nearest; 'as made' is without it. Similarity is the mean of the map over the region's voxels, with "
        f"nothing outside counted. Controls, from the same inputs: {controls}. {interval}",
    )
    tables = tuple(_contrast_table(contrast, pairs) for contrast, pairs in by_contrast(look))
    return Section(name="paired", title="How near to the real contrast", texts=texts, tables=tables)


def _contrast_table(contrast: Contrast, pairs: Sequence[PairLook]) -> Table:
    rows = []
    for region in REGIONS:
        if not any(region in p.scores for p in pairs):
            continue
        for method, words in METHOD.items():
            if any(method in p.fitted for p in pairs):
                rows.append(_row(f"{region}, {words}", pairs, region, method))
    head = ("region and method", "PSNR (dB)", "similarity", "mean error", "PSNR as made (dB)")
    better = {"PSNR (dB)": "higher", "similarity": "higher", "mean error": "lower", "PSNR as made (dB)": "higher"}
    n, m = len(pairs), len(patients(pairs))
    caption = f"{contrast}: {n} made {'volume' if n == 1 else 'volumes'} of {m} {'patient' if m == 1 else 'patients'}"
    return Table(caption=caption, head=head, rows=tuple(rows), better=better)


def _row(words: str, pairs: Sequence[PairLook], region: str, method: str) -> tuple[Cell, ...]:
    def mean(name: str, digits: int) -> Cell:
        return Cell(text=shown(over_patients(pairs, score_of(method, region, name)), digits))

    def as_made(p: PairLook) -> float | None:
        return p.scores[region].psnr_db if region in p.scores else None

    raw = shown(over_patients(pairs, as_made), 1) if method == MADE else DASH
    return (Cell(text=words), mean("psnr_db", 1), mean("ssim", 3), mean("mae", 3), Cell(text=raw))


def _challenge(look: MriLook) -> Section | None:
    if not any(p.brasyn for p in look.pairs):
        return None
    names = ("ssim_tumour", "inside_tumour", "ssim_non_tumour", "inside_non_tumour")
    rows = []
    for contrast, pairs in by_contrast(look):
        with_one = [p for p in pairs if p.brasyn]
        cells = (shown(over_patients(with_one, lambda p, n=n: getattr(p.brasyn, n)), 3) for n in names)  # type: ignore[misc]
        rows.append((Cell(text=str(contrast)), *(Cell(text=t) for t in cells)))
    head = ("contrast", "tumour, BraSyn", "tumour, voxels inside", "other, BraSyn", "other, voxels inside")
    text = (
        "The measure of the BraSyn challenge: each volume cut at its own 0.5th and 99.5th percentile, masked, "
        "similarity over the whole volume. The zeros outside the mask count as perfectly similar, so a small tumour "
        "comes near 1 whatever is in it; beside it the same similarity over the voxels inside alone."
    )
    return Section(
        name="brasyn", title="As the challenge measures it", texts=(text,),
        tables=(Table(caption="Structural similarity", head=head, rows=tuple(rows)),),
    )  # fmt: skip


def _trusted(look: MriLook) -> Section | None:
    rows = [(c, [p for p in pairs if p.trust]) for c, pairs in by_contrast(look)]
    rows = [(c, pairs) for c, pairs in rows if pairs]
    if not rows:
        return None
    values: tuple[tuple[str, Value, int], ...] = (
        ("rank correlation", trust_of(lambda t: t.rank_correlation), 2),
        ("within 1 SD (.683)", trust_of(lambda t: t.covered_68), 3),
        ("within 1.96 SD (.950)", trust_of(lambda t: t.covered_95), 3),
        ("RMS error by RMS SD (1)", trust_of(lambda t: t.overconfidence), 2),
    )
    table = Table(
        caption="Uncertainty and error in the brain's voxels", head=("contrast", *(name for name, *_ in values)),
        rows=tuple(
            (Cell(text=str(c)), *(Cell(text=shown(over_patients(pairs, v), d)) for _, v, d in values))
            for c, pairs in rows
        ),
    )  # fmt: skip
    tenths = Table(
        caption="Mean error by tenth of the voxels, from the surest to the least sure",
        head=("contrast", *(f"{k}" for k in range(1, 11))),
        rows=tuple((Cell(text=str(c)), *_tenths(pairs)) for c, pairs in rows),
        folded=True,
    )
    text = (
        "The uncertainty is the standard deviation of several samples, voxel by voxel. Its rank correlation with the "
        "absolute error says whether it tells where the error is; the shares within one and 1.96 of it say whether it "
        "is as large as the error (in brackets what a normal one gives)."
    )
    return Section(
        name="uncertainty", title="Does the uncertainty tell the error", texts=(text,), tables=(table, tenths)
    )


def _tenths(pairs: Sequence[PairLook]) -> list[Cell]:
    means = [over_patients(pairs, trust_of(lambda t, k=k: t.deciles[k].error)) for k in range(10)]  # type: ignore[misc]
    return [Cell(text=shown(mean, 3)) for mean in means]


def _limits(look: MriLook) -> Section:
    n = len(patients(look.pairs))
    items = [
        f"{n} {'patient was' if n == 1 else 'patients were'} compared; what holds for them need not hold for others.",
        "A made contrast can be near in the mean and lack, or invent, a lesion: no figure here replaces looking.",
        "The real contrast is itself one scan of many; another of the same patient would differ from it too.",
        "Regions are those of the real brain: what was made outside it is not counted.",
    ]
    return Section(name="limits", title="Limits", items=tuple(items))
