"""Which radiographs are shown: never picked by looks, always the first of their condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...conditioning.radiograph import DISEASES, Finding, RadiographCondition
from ..groups import AGE_BANDS, SEXES
from ..report import Picture
from .attributes import age_band
from .copies import CopyCheck
from .images import Images
from .look import Sides
from .pictures import Tile, sheet

ACROSS = 5  # images a side on the contact sheet
MOST_FINDINGS = 7
PAIRS = 8


def contact_sheet(sides: Sides) -> Picture | None:
    """Return real beside synthetic images of the same finding, sex and view; None where no finding is asked for."""
    real, synthetic = sides.real, sides.synthetic
    rows = []
    for finding in _findings(real, synthetic):
        pairs = _matched(real, synthetic, finding)[:ACROSS]
        blank = [Tile(None)] * (ACROSS - len(pairs))
        left = [Tile(real.x[i], _who(real.conditions[i])) for i, _ in pairs]
        right = [Tile(synthetic.x[j], _who(synthetic.conditions[j])) for _, j in pairs]
        if pairs:
            rows.append((finding.replace("_", " "), [*left, *blank, *right, *blank]))
    if not rows:
        return None
    return sheet(
        rows,
        (("real, held out", ACROSS), ("synthetic, same condition", ACROSS)),
        "Real and synthetic chest radiographs of the same findings, sex and view side by side: "
        + ", ".join(label for label, _ in rows),
        "Each synthetic image stands for the real one in the same place of its row: same finding, sex and view, the "
        "nearest age.",
    )


def condition_grid(sides: Sides) -> Picture | None:
    """Return one real and one synthetic image for each sex, view and age band."""
    views = [v for v in ("pa", "ap", "lateral") if any(str(c.view) == v for c in sides.synthetic.conditions)]
    bands = [name for name, _, _ in AGE_BANDS if any(age_band(c.age_years) == name for c in sides.synthetic.conditions)]
    if not views or not bands:
        return None
    rows = []
    for sex in SEXES:
        for view in views:
            tiles = [_first(side, sex, view, band) for side in (sides.real, sides.synthetic) for band in bands]
            rows.append((f"{sex}, {view.upper()}", tiles))
    return sheet(
        rows,
        (("real, held out, by age band", len(bands)), ("synthetic, by age band", len(bands))),
        f"One real and one synthetic chest radiograph for each sex, view and age band ({', '.join(bands)})",
        "The first image of each sex, view and age band, with no finding where there is one. An empty place: no "
        "held-out real image has that condition.",
    )


def pairs_sheet(sides: Sides, check: CopyCheck) -> Picture:
    """Return the closest synthetic images over their nearest training images, and held-out real ones likewise."""
    at = {side.name: {name: side.x[k] for k, name in enumerate(side.ids)} for side in (sides.training, sides.real)}
    made = {name: sides.synthetic.x[k] for k, name in enumerate(sides.synthetic.ids)}
    n = min(PAIRS, len(check.pairs), len(check.real_pairs))
    rows = [
        ("synthetic", [Tile(made[p.image], f"{p.distance:.2f}") for p in check.pairs[:n]]),
        ("its nearest\ntraining image", [Tile(at["training"][p.training], "") for p in check.pairs[:n]]),
        ("held-out real", [Tile(at["real"][p.image], f"{p.distance:.2f}") for p in check.real_pairs[:n]]),
        ("its nearest\ntraining image", [Tile(at["training"][p.training], "") for p in check.real_pairs[:n]]),
    ]
    by = "aligned pixels" if check.by == "pixels" else "the encoder"
    return sheet(
        rows,
        ((f"closest pairs by {by}", n),),
        f"The synthetic radiographs nearest to training images by {by}, each over its training image, and held-out "
        "real ones likewise",
        "Under an image: its distance. The lower two rows show how near images of two different patients can be.",
    )


def _findings(real: Images, synthetic: Images) -> list[Finding]:
    """Return no finding, then the diseases that both sides have, the commonest first."""

    def count(side: Images, f: Finding) -> int:
        return sum(f in (c.findings or ()) for c in side.conditions)

    both = [f for f in (Finding.no_finding, *DISEASES) if count(real, f) and count(synthetic, f)]
    rest = sorted((f for f in both if f is not Finding.no_finding), key=lambda f: -count(synthetic, f))
    return ([Finding.no_finding] if Finding.no_finding in both else []) + rest[:MOST_FINDINGS]


def _matched(real: Images, synthetic: Images, finding: Finding) -> list[tuple[int, int]]:
    """Return (real, synthetic) rows of one finding, sex and view, each image once, real ones of different patients."""
    left = [j for j, c in enumerate(synthetic.conditions) if finding in (c.findings or ())]
    pairs: list[tuple[int, int]] = []
    shown: set[str] = set()
    for i, c in enumerate(real.conditions):
        if finding not in (c.findings or ()) or real.patients[i] in shown:
            continue
        alike = [j for j in left if (synthetic.conditions[j].sex, synthetic.conditions[j].view) == (c.sex, c.view)]
        if alike:
            age = [abs((synthetic.conditions[j].age_years or 0) - (c.age_years or 0)) for j in alike]
            j = alike[int(np.argmin(age))]
            left.remove(j)
            shown.add(real.patients[i])
            pairs.append((i, j))
    return pairs


def _first(side: Images, sex: str, view: str, band: str) -> Tile:
    mine = [
        k for k, c in enumerate(side.conditions)
        if (str(c.sex), str(c.view), age_band(c.age_years)) == (sex, view, band)
    ]  # fmt: skip
    healthy = [k for k in mine if Finding.no_finding in (side.conditions[k].findings or ())]
    chosen: Sequence[int] = healthy or mine
    return Tile(side.x[chosen[0]], band) if chosen else Tile(None, band)


def _who(c: RadiographCondition) -> str:
    words = [str(c.sex or ""), "" if c.age_years is None else f"{c.age_years:.0f} y", str(c.view or "").upper()]
    return " ".join(w for w in words if w)
