"""Metrics of clouds as rows of a page's table: all rows, at the floor's size, and the floor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from ..report import Cell, Table
from ..tables import DASH

NAMES = {
    "frechet": "Fréchet distance",
    "kid": "kernel distance (KID)",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "discriminator_auc_logistic": "discriminator AUC, logistic regression",
    "discriminator_auc_boosting": "discriminator AUC, boosted trees",
    "closer_than_held_out": "closer to training than the held-out's 1st percentile",
    "nearer_than_held_out": "chance of lying nearer to training than a held-out record",
    "median_ratio": "median distance to training over that of held-out records",
    "greys": "grey levels, Wasserstein distance (of 1)",
    "spectrum_db": "radial power spectrum, mean difference (dB)",
    "frechet_radiomics": "Fréchet distance of radiomics features",
    "ms_ssim": "MS-SSIM of pairs of one condition, synthetic less real",
}
# Which end is nearer to real data; where a value can be too high and too low, none is.
BETTER: dict[str, Literal["higher", "lower"]] = {
    "frechet": "lower", "kid": "lower", "precision": "higher", "recall": "higher", "coverage": "higher",
    "discriminator_auc_logistic": "lower", "discriminator_auc_boosting": "lower", "greys": "lower",
    "spectrum_db": "lower", "closer_than_held_out": "lower", "nearer_than_held_out": "lower",
}  # fmt: skip
HEAD = ("metric", "all records [95 %]", "at equal size", "floor: real against real")


def measured_table(rows: Iterable[Any], caption: str) -> Table:
    """Return a table of metrics.

    Args:
        rows: each with `name`, `whole`, `matched` and `floor`, which have a value and an interval.
        caption: what the table shows.
    """
    better = {NAMES[name]: end for name, end in BETTER.items()}
    return Table(caption=caption, head=HEAD, rows=tuple(measured_cells(m) for m in rows), better=better)


def measured_cells(m: Any) -> tuple[Cell, ...]:
    """Return one metric's row."""
    digits = 3 if m.name in ("greys", "kid", "ms_ssim") else 2
    return (Cell(text=NAMES.get(m.name, m.name)), *(Cell(text=shown(r, digits)) for r in (m.whole, m.matched, m.floor)))


def shown(r: Any, digits: int = 2) -> str:
    """Return `value [low to high]` of a result in either form; a dash where it is not known."""
    if r.value is None or r.value != r.value:
        return DASH
    return f"{r.value:.{digits}f} [{r.low:.{digits}f} to {r.high:.{digits}f}]"
