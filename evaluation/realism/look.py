"""How real synthetic records look, whatever they are: one function from features to a result that a report shows.

Rows are pooled: a metric is of all records of a side (or of a stated random part of their patients), never a mean over
shards. Every metric has an interval over patients and its floor, one half of the real patients against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...conditioning.seeds import stream
from ..comparison import Interval, interval
from ..groups import Group
from ..kept import kept
from ..result import Result
from .floors import Measured
from .frechet import frechet_pooled
from .frechet_infinity import frechet_infinity
from .groupwise import Effort, GroupRow, TwoSides, group_row, on_real_spread
from .jackknife import patient_groups
from .kid import kid_over_subsets
from .memorising import authenticity, c_t, generalisation
from .mmd import SIGMA, mmd
from .moments import Moments
from .pairs import Pairs
from .result import FigureRow, RealismResult
from .samples import Sample

VERSION = 1  # of what is kept: raised when a metric changes
MOST_ROWS = 5000  # of a side, for what looks at pairs of rows


def finite_rows(x: np.ndarray, patients: Sequence[str], side: str) -> tuple[Sample, np.ndarray, str]:
    """Return the rows whose features are all finite, which rows they are, and a remark on those left out.

    Args:
        x: features (n, d).
        patients: whose each row is.
        side: what the remark calls them.

    Raises:
        ValueError: not (n, d), or not one patient a row.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or len(x) != len(patients):
        raise ValueError(f"{side} features have the shape {x.shape} for {len(patients)} patients")
    kept_rows = np.flatnonzero(np.isfinite(x).all(axis=1))
    lost = len(x) - len(kept_rows)
    said = f"{lost} of {len(x)} {side} records have features that are not finite and are left out" if lost else ""
    return Sample(x[kept_rows], [patients[i] for i in kept_rows.tolist()]), kept_rows, said


def realism_of(
    real: Sample, synthetic: Sample, groups: Sequence[Group] = (), *, training: Sample | None = None, seed: int = 0,
    sides: TwoSides | None = None, eyes: str = "", standardise: bool = False, resamples: int = 100, splits: int = 30,
    most_rows: int = MOST_ROWS, folder: Path | None = None, made_from: dict[str, Any] | None = None,
    everyone: GroupRow | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> RealismResult:  # fmt: skip
    """Compare synthetic records with real ones that the generator was not trained on.

    Args:
        real: features of held-out real records.
        synthetic: features of synthetic records.
        groups: memberships; everyone is added where no group is of the kind `all`.
        training: features of the records that the generator was trained on, for figures on memorising.
        seed: of resamples, splits and subsets.
        sides: what `appearance` found of the records themselves, compared too; its features are not read.
        eyes: whose features they are, with the hash of the weights.
        standardise: put features on the mean and spread of the real ones, as measured quantities and the studio's own
            encoder need; a published network's are compared as they are.
        resamples: of each bootstrap.
        splits: random halves of each floor.
        most_rows: rows a side of what looks at pairs of rows; more are drawn at random by patient, and it is said.
        folder: of the evaluation, where each group's part is kept for a later run.
        made_from: JSON values that tell these features from all others, such as hashes; needed with `folder`.
        everyone: the metrics of everyone, where they were measured before; they are not measured again.
        progress: told what comes next.

    Returns:
        A result. What could not be told has a reason in it: few patients, equal features, too few rows.

    Raises:
        ValueError: a folder without `made_from`, or memberships of another length.
    """
    if folder is not None and made_from is None:
        raise ValueError("parts can be kept only under what they were made from; give made_from with folder")
    groups = _memberships(groups, len(real), len(synthetic))
    if real.x.shape[1] != synthetic.x.shape[1]:
        said = f"real records have {real.x.shape[1]} features, synthetic ones {synthetic.x.shape[1]}: not compared"
        return _nothing(real, synthetic, groups, eyes, said)
    if standardise and len(real):
        real, synthetic, training = _on_spread_of_real(real, synthetic, training)
    whole = (real, synthetic)
    parts = tuple(_part(s, most_rows, seed, name) for s, name in zip(whole, ("real", "synthetic"), strict=True))
    shown, effort = _picked(sides, whole, parts), Effort(seed, resamples, splits)
    settings = effort.settings() | {"rows": most_rows, "standardise": standardise}
    found = []
    for g in groups:
        if g.kind == "all" and everyone is not None:
            found.append(everyone)
            continue
        progress(f"realism of {g.name}")
        picked = Group(g.name, g.kind, g.real[parts[0]], g.synthetic[parts[1]])
        key = dict(made_from or {}) | settings | {"version": VERSION, "group": [g.kind, g.name]}
        row = kept(folder, "realism-group", key, GroupRow, lambda p=picked: group_row(shown, p, effort))  # type: ignore[misc]
        counts = {"n_real": int(g.real.sum()), "n_synthetic": int(g.synthetic.sum())}
        found.append(row.model_copy(update=counts))
    progress("realism at any number of records")
    return RealismResult(
        eyes=eyes,
        n=(len(real), len(synthetic)),
        patients=(real.n_patients, synthetic.n_patients),
        n_training=0 if training is None else len(training),
        groups=tuple(found),
        figures=tuple(_figures(whole, parts, training, seed, effort)),
        remarks=_drawn(whole, parts),
    )


def _memberships(groups: Sequence[Group], n_real: int, n_synthetic: int) -> tuple[Group, ...]:
    """Return everyone first, and the groups.

    Raises:
        ValueError: a group of other numbers of records.
    """
    for g in groups:
        if len(g.real) != n_real or len(g.synthetic) != n_synthetic:
            sizes = f"{len(g.real)} real and {len(g.synthetic)} synthetic records"
            raise ValueError(f"group {g.name!r} is of {sizes}, features of {n_real} and {n_synthetic}")
    all_ = [g for g in groups if g.kind == "all"] or [
        Group("all", "all", np.ones(n_real, bool), np.ones(n_synthetic, bool))
    ]
    return (*all_, *(g for g in groups if g.kind != "all"))


def _on_spread_of_real(
    real: Sample, synthetic: Sample, training: Sample | None
) -> tuple[Sample, Sample, Sample | None]:
    x, y = on_real_spread(real.x, synthetic.x)
    learnt = None if training is None else Sample(on_real_spread(real.x, training.x)[1], training.patients)
    return Sample(x, real.patients), Sample(y, synthetic.patients), learnt


def _drawn(whole: tuple[Sample, Sample], parts: tuple[np.ndarray, ...]) -> tuple[str, ...]:
    """Return what is said of rows that were drawn at random."""
    return tuple(
        f"metrics of groups use {len(rows)} of {len(s)} {name} records, whole patients at random"
        for s, rows, name in zip(whole, parts, ("real", "synthetic"), strict=True)
        if len(rows) < len(s)
    )


def _figures(
    whole: tuple[Sample, Sample], parts: tuple[np.ndarray, ...], training: Sample | None, seed: int, effort: Effort
) -> Iterator[FigureRow]:
    """Give everyone's figures; what cannot be told has its reason."""
    real, synthetic = (s.rows(rows) for s, rows in zip(whole, parts, strict=True))
    least = min(len(s) for s in whole)
    if any(len(rows) < len(s) for s, rows in zip(whole, parts, strict=True)):
        yield _told("frechet_all", least, lambda: _row("frechet_all", _frechet_of_all(*whole, seed)))
    yield _told("frechet_infinity", least, lambda: _infinity(real, synthetic, seed))
    for name, sigma, estimator in (("mmd_rbf", "median", "unbiased"), ("cmmd", SIGMA, "v")):
        yield _told(name, least, lambda s=sigma, e=estimator: _measured(  # type: ignore[misc]
            mmd(real, synthetic, sigma=s, estimator=e, **effort.for_group().settings())))  # fmt: skip
    yield _told("kid_subsets", least, lambda: _subsets(real, synthetic, seed))
    if training is None:
        return
    yield _told("authenticity", least, lambda: _measured(authenticity(training, real, synthetic, seed=seed)))
    yield _told("c_t", least, lambda: _row("c_t", c_t(training, real, synthetic, seed=seed)))
    try:
        g = generalisation(training, real, synthetic, seed=seed)
    except ValueError as error:
        yield FigureRow(name="generalisation_gap", value=_none(least), reason=str(error))
        return
    yield _row("fld", g.fld)
    yield _row("generalisation_gap", g.gap, g.floor)


def _told(name: str, n: int, make: Callable[[], FigureRow]) -> FigureRow:
    """Return a figure, or the reason why there is none."""
    try:
        return make()
    except ValueError as error:
        return FigureRow(name=name, value=_none(n), reason=str(error))


def _row(name: str, value: Result, floor: Result | None = None) -> FigureRow:
    return FigureRow(name=name, value=interval(value), floor=None if floor is None else interval(floor))


def _measured(m: Measured) -> FigureRow:
    """Return a metric at the size of its floor."""
    return _row(m.name, m.matched, m.floor) if m.name != "authenticity" else _row(m.name, m.whole, m.floor)


def _infinity(real: Sample, synthetic: Sample, seed: int) -> FigureRow:
    small = real.x.shape[1] <= 128
    found = frechet_infinity(real, synthetic, seed=seed, repeats=4 if small else 2, groups=12 if small else 8)
    return FigureRow(name="frechet_infinity", value=interval(found.result), reason=found.reason)


def _subsets(real: Sample, synthetic: Sample, seed: int) -> FigureRow:
    """Return KID over subsets of a half of the rows (1,000 at most); its ends are one standard deviation off."""
    size = min(1000, len(real) // 2, len(synthetic) // 2)
    mean, sd = kid_over_subsets(real.x, synthetic.x, seed=seed, subsets=50, size=size)
    return _row("kid_subsets", Result(mean, mean - sd, mean + sd, size))


def _frechet_of_all(real: Sample, synthetic: Sample, seed: int) -> Result:
    """Return the Fréchet distance of all rows, through moments of ten groups of patients a side."""
    groups = []
    for sample, name in ((real, "real"), (synthetic, "synthetic")):
        code = patient_groups(sample, min(10, sample.n_patients), stream(seed, f"realism.look/{name}"))
        groups.append([Moments.of(sample.x[code == k]) for k in range(int(code.max()) + 1)])
    return frechet_pooled(*groups)


def _part(sample: Sample, most: int, seed: int, name: str) -> np.ndarray:
    """Return rows of whole patients drawn at random, at most so many; in their order."""
    if len(sample) <= most:
        return np.arange(len(sample))
    names, code = np.unique(np.asarray(sample.patients), return_inverse=True)
    place = stream(seed, f"realism.look/part/{name}").permutation(len(names))[code]
    order = np.argsort(place, kind="stable")
    fits = np.cumsum(np.bincount(place, minlength=len(names))) <= most
    return np.sort(order[: int(np.bincount(place, minlength=len(names))[fits].sum())])


def _picked(sides: TwoSides | None, whole: tuple[Sample, Sample], parts: tuple[np.ndarray, ...]) -> TwoSides:
    """Return the parts of both sides."""
    pair = (whole[0].rows(parts[0]), whole[1].rows(parts[1]))
    patients, features = (pair[0].patients, pair[1].patients), (pair[0].x, pair[1].x)
    if sides is None:
        return TwoSides(patients, features)

    def cut(x: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        return x[0][parts[0]], x[1][parts[1]]

    return replace(
        sides,
        patients=patients,
        features=features,
        curves={name: cut(x) for name, x in sides.curves.items()},
        radiomics=None if sides.radiomics is None else cut(sides.radiomics),
        pairs=_kept_pairs(sides.pairs, parts),
    )


def _kept_pairs(
    pairs: tuple[Pairs, Pairs, int] | None, parts: tuple[np.ndarray, ...]
) -> tuple[Pairs, Pairs, int] | None:
    return None if pairs is None else (_kept(pairs[0], parts[0]), _kept(pairs[1], parts[1]), pairs[2])


def _kept(pairs: Pairs, rows: np.ndarray) -> Pairs:
    """Return the pairs of which both rows are kept, by their new numbers."""
    number = np.full(len(pairs.patients), -1, np.int64)
    number[rows] = np.arange(len(rows))
    first, second = number[pairs.first], number[pairs.second]
    both = (first >= 0) & (second >= 0)
    patients = [pairs.patients[i] for i in rows.tolist()]
    return Pairs(first[both], second[both], pairs.condition[both], pairs.likeness[both], patients)


def _nothing(real: Sample, synthetic: Sample, groups: Sequence[Group], eyes: str, reason: str) -> RealismResult:
    rows = tuple(
        GroupRow(
            name=g.name, kind=g.kind, n_real=int(g.real.sum()), real_patients=0, n_synthetic=int(g.synthetic.sum()),
            metrics=(), small=True, reason=reason,
        )
        for g in groups
    )  # fmt: skip
    return RealismResult(
        eyes=eyes, n=(len(real), len(synthetic)), patients=(real.n_patients, synthetic.n_patients), groups=rows,
        figures=(), remarks=(reason,),
    )  # fmt: skip


def _none(n: int) -> Interval:
    return Interval(value=None, low=None, high=None, n=n)
