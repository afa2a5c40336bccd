"""Every metric of two sides, for everyone and for each group of patients: features, curves and pairs alike.

A group that is too small for halves says why in place of its metrics, and one with few real patients is marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ..groups import Group
from .curves import curve_distance
from .discriminator import discriminate
from .floors import Measured, side_rows
from .frechet import frechet
from .kid import kid
from .pairs import Pairs, likeness_gap
from .prdc import K, neighbourhoods
from .rows import MeasuredRow, measured_row
from .samples import FEWEST_PATIENTS, Sample, standardised

FEWEST_ROWS = 8  # of a half; fewer are no sample
SMALL = 20  # patients of a group, below which its numbers are marked
COMPONENTS = 50  # that a discriminator sees of longer features


class GroupRow(BaseModel):
    """One group of patients.

    Attributes:
        name: such as `effusion` or `F`.
        kind: `all`, `sex`, `age`, `view`, `finding`, or what the caller adds.
        n_real: real records.
        real_patients: whose they are.
        n_synthetic: synthetic records.
        metrics: none where the group is too small.
        small: whether it has fewer than twenty real patients.
        reason: why there are no metrics; empty where there are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: str
    n_real: int
    real_patients: int
    n_synthetic: int
    metrics: tuple[MeasuredRow, ...]
    small: bool
    reason: str = ""


@dataclass(frozen=True)
class TwoSides:
    """Real and synthetic records as they are compared: (real, synthetic) of each thing.

    Attributes:
        patients: whose each record is.
        features: a network's features, one row a record; None without one.
        curves: by the metric's name, one curve a record.
        radiomics: radiomics-style features; compared on the spread of the real ones.
        pairs: pairs of records of one condition, and how many conditions there are.
    """

    patients: tuple[Sequence[str], Sequence[str]]
    features: tuple[np.ndarray, np.ndarray] | None = None
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    radiomics: tuple[np.ndarray, np.ndarray] | None = None
    pairs: tuple[Pairs, Pairs, int] | None = None


@dataclass(frozen=True)
class Effort:
    """How much is resampled.

    Attributes:
        seed: of everything.
        resamples: of each bootstrap over patients.
        splits: random halves of each floor.
    """

    seed: int
    resamples: int = 200
    splits: int = 50

    def for_group(self) -> Effort:
        """Return a quarter of the resamples and half of the splits."""
        return Effort(self.seed, max(20, self.resamples // 4), max(10, self.splits // 2))

    def settings(self) -> dict[str, int]:
        """Return them as keyword arguments."""
        return {"seed": self.seed, "resamples": self.resamples, "splits": self.splits}


def group_row(sides: TwoSides, group: Group, effort: Effort) -> GroupRow:
    """Return one group's metrics, or why there are none.

    Args:
        sides: all records.
        group: which of them.
        effort: for everyone; other groups get less.
    """
    rows = (np.flatnonzero(group.real), np.flatnonzero(group.synthetic))
    whose = tuple([names[i] for i in r.tolist()] for names, r in zip(sides.patients, rows, strict=True))
    reason, metrics = too_few(*whose), tuple[MeasuredRow, ...]()
    if not reason:
        whole = group.kind == "all"
        found, reason = _metrics(sides, rows, whose, effort if whole else effort.for_group(), whole)
        metrics = tuple(measured_row(m) for m in found)
    patients = len(set(whose[0]))
    return GroupRow(
        name=group.name, kind=group.kind, n_real=len(rows[0]), real_patients=patients, n_synthetic=len(rows[1]),
        metrics=metrics, small=patients < SMALL, reason=reason,
    )  # fmt: skip


def condition_groups(
    kind: str, real: Sequence[str | None], synthetic: Sequence[str | None], most: int = 40
) -> tuple[Group, ...]:
    """Return one group for each value of a column of conditions that synthetic records have, the most frequent first.

    Args:
        kind: the column, such as `view`.
        real: each real record's value; None where it is not said.
        synthetic: likewise.
        most: groups at most.
    """
    sides = [np.array(["" if v is None else str(v) for v in side], dtype=object) for side in (real, synthetic)]
    values, count = np.unique([v for v in sides[1] if v], return_counts=True)
    order = sorted(zip(-count, values.tolist(), strict=True))[:most]
    return tuple(Group(str(value), kind, sides[0] == value, sides[1] == value) for _, value in order)


def too_few(real: Sequence[str], synthetic: Sequence[str]) -> str:
    """Return why records of these patients cannot be compared; empty where they can."""
    for names, side in ((real, "real"), (synthetic, "synthetic")):
        have = len(set(names))
        if have < FEWEST_PATIENTS:
            return f"{have} {side} patients ({len(names)} records); at least {FEWEST_PATIENTS} are needed"
    r, s = (Sample(np.zeros((len(n), 1)), n) for n in (real, synthetic))
    half = side_rows(r, s)
    if half < FEWEST_ROWS:
        return f"halves of {half} real records are no sample; {FEWEST_ROWS} are needed"
    return ""


def _metrics(
    sides: TwoSides, rows: tuple[np.ndarray, np.ndarray], whose: Sequence[Sequence[str]], effort: Effort, whole: bool
) -> tuple[list[Measured], str]:
    found: list[Measured] = []
    settings: dict[str, Any] = effort.settings()
    reason = ""

    def samples(pair: tuple[np.ndarray, np.ndarray]) -> tuple[Sample, Sample]:
        first, second = (Sample(x[k], names) for x, k, names in zip(pair, rows, whose, strict=True))
        return first, second

    if sides.features is not None:
        r, s = samples(sides.features)
        if (np.ptp(r.x, axis=0) == 0).all():
            reason = f"the features of all {len(r)} real records are equal, so they tell nothing"
        else:
            found += _of_features(r, s, settings, whole)
    for name, pair in sides.curves.items():
        found.append(curve_distance(name, *samples(pair), **settings))
    if sides.radiomics is not None:
        found += _of_radiomics(*samples(sides.radiomics), settings)
    if whole and sides.pairs is not None:
        first, second, conditions = sides.pairs
        found.append(likeness_gap("ms_ssim", first, second, conditions, **settings))
    return found, reason


def _of_features(r: Sample, s: Sample, settings: dict[str, Any], whole: bool) -> list[Measured]:
    k = min(K, side_rows(r, s) - 1)
    found = [frechet(r, s, **settings), kid(r, s, **settings), *neighbourhoods(r, s, k=k, **settings)]
    if not whole:
        return found
    seen = principal(r, s) if r.x.shape[1] > COMPONENTS else (r, s)
    trained = {"retrainings": max(5, settings["resamples"] // 7), "splits": max(3, settings["splits"] // 5)}
    return [*found, discriminate(*seen, seed=settings["seed"], classifier="logistic", **trained)]


def principal(real: Sample, synthetic: Sample, components: int = COMPONENTS) -> tuple[Sample, Sample]:
    """Return both sides on the principal components of all rows together, which know no side."""
    x = np.concatenate([real.x, synthetic.x])
    x = x - x.mean(axis=0)
    if len(x) < x.shape[1]:
        value, vector = np.linalg.eigh(x @ x.T)
        top = np.argsort(value)[::-1][: min(components, len(x))]
        scores = vector[:, top] * np.sqrt(np.maximum(value[top], 0))
    else:
        value, vector = np.linalg.eigh(x.T @ x)
        scores = x @ vector[:, np.argsort(value)[::-1][:components]]
    return Sample(scores[: len(real)], real.patients), Sample(scores[len(real) :], synthetic.patients)


def on_real_spread(
    real: Float[np.ndarray, "n d"], synthetic: Float[np.ndarray, "m d"]
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Return both less the mean of the real rows and over their standard deviation, feature by feature."""
    a, b = standardised(*(Sample(x, [str(i) for i in range(len(x))]) for x in (real, synthetic)))
    return a.x, b.x


def _of_radiomics(r: Sample, s: Sample, settings: dict[str, Any]) -> list[Measured]:
    r, s = (Sample(x, side.patients) for x, side in zip(on_real_spread(r.x, s.x), (r, s), strict=True))
    m = frechet(r, s, **settings)
    return [Measured("frechet_radiomics", m.whole, m.floor, m.matched)]
