"""How real synthetic radiographs look: as clouds of features, as greys, as spectra, and as pairs of one condition.

Every number stands beside its floor, one half of the real patients against the other. Groups of patients (sex, age
band, view, finding) are compared likewise, and one that is too small for that says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from ..groups import AGE_BANDS, Group
from ..realism import Pairs, same_condition_pairs
from ..realism.groupwise import SMALL, Effort, GroupRow, TwoSides, group_row, on_real_spread
from ..realism.ms_ssim import ms_ssim_pairs, scales_for
from ..realism.texture import grey_shares, radial_spectra_db
from .attributes import AGE, SEX, age_band, columns, distinct
from .images import Images

MOST_PAIRS = 20_000  # of a side; more tell nothing new
_FROZEN = ConfigDict(frozen=True, extra="forbid")
__all__ = ["SMALL", "CellRow", "GroupRow", "Realism", "cell_names", "groups", "realism"]


class CellRow(BaseModel):
    """How alike images of one sex, view and age band are among themselves: mean MS-SSIM of pairs.

    Attributes:
        name: of the condition.
        real: mean over pairs of different patients; None with too few.
        synthetic: mean over synthetic pairs.
        n_real: real images and pairs.
        n_synthetic: synthetic images and pairs.
    """

    model_config = _FROZEN
    name: str
    real: float | None
    synthetic: float | None
    n_real: tuple[int, int]
    n_synthetic: tuple[int, int]


class Realism(BaseModel):
    """All that was found; the first group is everyone.

    Attributes:
        groups: one a group of patients.
        cells: one a condition of sex, view and age band.
        scales: of MS-SSIM.
    """

    model_config = _FROZEN
    groups: tuple[GroupRow, ...]
    cells: tuple[CellRow, ...]
    scales: int


def realism(
    real: Images, synthetic: Images, features: tuple[np.ndarray, np.ndarray] | None, *, seed: int,
    resamples: int = 200, splits: int = 50,
) -> Realism:  # fmt: skip
    """Compare synthetic radiographs with real ones of patients that were not trained on.

    Args:
        real: held-out real images.
        synthetic: synthetic images.
        features: an encoder's of both; without them greys, spectra and pairs remain.
        seed: of resamples and splits.
        resamples: of each bootstrap.
        splits: random halves of each floor.
    """
    sides, names = (real, synthetic), cell_names(real, synthetic)
    order = sorted(set(names[0]) | set(names[1]))
    index = [
        _pairs(side, cells, [order.index(n) for n in cells], seed) for side, cells in zip(sides, names, strict=True)
    ]
    seen = TwoSides(
        patients=(real.patients, synthetic.patients),
        features=None if features is None else on_real_spread(*features),
        curves={
            "greys": (grey_shares(real.x), grey_shares(synthetic.x)),
            "spectrum_db": (radial_spectra_db(real.x), radial_spectra_db(synthetic.x)),
        },
        pairs=(index[0], index[1], len(order)),
    )
    effort = Effort(seed, resamples, splits)
    rows = tuple(group_row(seen, Group(*group), effort) for group in groups(real, synthetic))
    return Realism(groups=rows, cells=_cells(order, names, index), scales=scales_for(real.x.shape[-1]))


def groups(real: Images, synthetic: Images) -> list[tuple[str, str, Bool[np.ndarray, " n"], Bool[np.ndarray, " m"]]]:
    """Return (name, kind, real rows, synthetic rows) of everyone and of each group that both sides have."""
    a, b = columns(real.conditions), columns(synthetic.conditions)
    found: list[tuple[str, str, np.ndarray, np.ndarray]] = [
        ("all", "all", np.ones(len(real), bool), np.ones(len(synthetic), bool))
    ]

    def add(name: str, kind: str, first: np.ndarray, second: np.ndarray) -> None:
        if first.any() and second.any():
            found.append((name, kind, first, second))

    for sex, k in (("F", 0.0), ("M", 1.0)):
        add(sex, "sex", a[SEX].value == k, b[SEX].value == k)
    for name, low, high in AGE_BANDS:
        add(name, "age", *((c[AGE].value >= low) & (c[AGE].value < high) for c in (a, b)))
    for name in distinct(b, list(b)):
        kind = "view" if name.startswith("view=") else "race" if name.startswith("race=") else "finding"
        if name not in (SEX, AGE):
            add(a[name].label, kind, a[name].value == 1, b[name].value == 1)
    return found


def cell_names(*sides: Images) -> tuple[list[str], ...]:
    """Return the condition of each image in words: sex, view and age band, as far as they are known."""
    return tuple(
        [
            ", ".join(w for w in (str(c.sex or ""), str(c.view or "").upper(), age_band(c.age_years)) if w) or "unsaid"
            for c in side.conditions
        ]
        for side in sides
    )


def _pairs(side: Images, cells: Sequence[str], number: Sequence[int], seed: int) -> Pairs:
    first, second = same_condition_pairs(cells, side.patients)
    if len(first) > MOST_PAIRS:
        kept = np.sort(np.random.default_rng([seed, len(first)]).permutation(len(first))[:MOST_PAIRS])
        first, second = first[kept], second[kept]
    likeness = ms_ssim_pairs(side.x, side.x, first, second)
    return Pairs(first, second, np.asarray(number, dtype=np.int64)[first], likeness, side.patients)


def _cells(order: Sequence[str], names: Sequence[Sequence[str]], pairs: Sequence[Pairs]) -> tuple[CellRow, ...]:
    means = [p.means(np.ones((1, len(p.patients))), len(order))[0] for p in pairs]
    counts: list[Float[np.ndarray, " cells"]] = [np.bincount(p.condition, minlength=len(order)) for p in pairs]
    return tuple(
        CellRow(
            name=name,
            real=_number(means[0][k]),
            synthetic=_number(means[1][k]),
            n_real=(names[0].count(name), int(counts[0][k])),
            n_synthetic=(names[1].count(name), int(counts[1][k])),
        )
        for k, name in enumerate(order)
    )


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
