"""How real synthetic radiographs look: as clouds of features, as greys, as spectra, and as pairs of one condition.

Every number stands beside its floor, one half of the real patients against the other. Groups of patients (sex, age
band, view, finding) are compared likewise, and one that is too small for that says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from ..groups import AGE_BANDS
from ..realism import (
    FEWEST_PATIENTS,
    Measured,
    Pairs,
    Sample,
    compare_features,
    curve_distance,
    frechet,
    kid,
    likeness_gap,
    neighbourhoods,
    same_condition_pairs,
    standardised,
)
from ..realism.floors import side_rows
from .attributes import AGE, SEX, age_band, columns, distinct
from .images import Images, picked
from .measured import MeasuredRow, measured_row
from .ms_ssim import ms_ssim_pairs, scales_for
from .texture import grey_shares, radial_spectra_db

FEWEST_ROWS = 8  # of a half; fewer are no sample
SMALL = 20  # patients of a group, below which its numbers are marked
K = 5
MOST_PAIRS = 20_000  # of a side; more tell nothing new
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class GroupRow(BaseModel):
    """One group of patients.

    Attributes:
        name: such as `effusion` or `F`.
        kind: `all`, `sex`, `age`, `view` or `finding`.
        n_real: real images.
        real_patients: whose they are.
        n_synthetic: synthetic images.
        metrics: none where the group is too small.
        small: whether it has fewer than twenty real patients.
    """

    model_config = _FROZEN
    name: str
    kind: str
    n_real: int
    real_patients: int
    n_synthetic: int
    metrics: tuple[MeasuredRow, ...]
    small: bool


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
    pairs = [_pairs(side, cells, seed) for side, cells in zip(sides, names, strict=True)]
    curves = [(grey_shares(side.x), radial_spectra_db(side.x)) for side in sides]
    scaled = None if features is None else _on_one_scale(features)
    order = sorted(set(names[0]) | set(names[1]))
    index = [_numbered(p, [order.index(n) for n in side]) for p, side in zip(pairs, names, strict=True)]
    rows = []
    for name, kind, a, b in groups(real, synthetic):
        whole = kind == "all"
        metrics: list[MeasuredRow] = []
        if _comparable(real, synthetic, a, b):
            effort = (resamples, splits) if whole else (max(20, resamples // 4), max(10, splits // 2))
            settings = {"seed": seed, "resamples": effort[0], "splits": effort[1]}
            metrics = _metrics(sides, scaled, curves, (a, b), settings, whole)
            if whole:
                metrics.append(measured_row(likeness_gap("ms_ssim", index[0], index[1], len(order), **settings)))
        patients = len(set(picked(real.patients, a)))
        rows.append(
            GroupRow(
                name=name, kind=kind, n_real=int(a.sum()), real_patients=patients, n_synthetic=int(b.sum()),
                metrics=tuple(metrics), small=patients < SMALL,
            )
        )  # fmt: skip
    return Realism(groups=tuple(rows), cells=_cells(order, names, index), scales=scales_for(real.x.shape[-1]))


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


def _comparable(real: Images, synthetic: Images, a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether both sides have patients enough, and the real one halves worth comparing."""
    names = [picked(s.patients, k) for s, k in ((real, a), (synthetic, b))]
    if min(len(set(n)) for n in names) < FEWEST_PATIENTS:
        return False
    r, s = (Sample(np.zeros((len(n), 1)), n) for n in names)
    return side_rows(r, s) >= FEWEST_ROWS


def _on_one_scale(features: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    a, b = (Sample(f, [str(i) for i in range(len(f))]) for f in features)
    first, second = standardised(a, b)
    return first.x, second.x


def _metrics(
    sides: Sequence[Images], features: tuple[np.ndarray, np.ndarray] | None,
    curves: Sequence[tuple[np.ndarray, np.ndarray]], rows: tuple[np.ndarray, np.ndarray], settings: dict[str, int],
    whole: bool,
) -> list[MeasuredRow]:  # fmt: skip
    found: list[Measured] = []
    whose = [picked(s.patients, k) for s, k in zip(sides, rows, strict=True)]
    if features is not None:
        r, s = (Sample(f[k], names) for f, k, names in zip(features, rows, whose, strict=True))
        if whole:
            trained = {
                "retrainings": max(5, settings["resamples"] // 7),
                "trained_splits": max(3, settings["splits"] // 5),
            }
            found += compare_features(r, s, standardise=False, classifiers=("logistic",), **settings, **trained)
            found.insert(1, kid(r, s, **settings))
        else:
            found += [frechet(r, s, **settings), kid(r, s, **settings)]
            found += neighbourhoods(r, s, k=min(K, side_rows(r, s) - 1), **settings)
    for which, name in enumerate(("greys", "spectrum_db")):
        r, s = (Sample(c[which][k], names) for c, k, names in zip(curves, rows, whose, strict=True))
        found.append(curve_distance(name, r, s, **settings))
    return [measured_row(m) for m in found]


def _pairs(side: Images, cells: Sequence[str], seed: int) -> Pairs:
    first, second = same_condition_pairs(cells, side.patients)
    if len(first) > MOST_PAIRS:
        kept = np.sort(np.random.default_rng([seed, len(first)]).permutation(len(first))[:MOST_PAIRS])
        first, second = first[kept], second[kept]
    likeness = ms_ssim_pairs(side.x, side.x, first, second)
    return Pairs(first, second, np.zeros(len(first), np.int64), likeness, side.patients)


def _numbered(pairs: Pairs, cell: Sequence[int]) -> Pairs:
    number = np.asarray(cell, dtype=np.int64)
    return Pairs(pairs.first, pairs.second, number[pairs.first], pairs.likeness, pairs.patients)


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
