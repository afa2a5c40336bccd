"""Whether images show what was asked for: attributes read back by a classifier that was trained on real images.

Each reading stands between a ceiling, the same classifier on real images that it was not trained on, and a floor, the
same readings against conditions that were shuffled. A classifier that reads poorly says little: low numbers beside
a low ceiling are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ..comparison import Interval, interval
from ..downstream import correlation, mean
from ..fairness.thresholds import balanced_threshold
from ..obedience.measures import Answers, Measure, mean_error, measured, shuffled
from ..realism.auroc import auroc
from .attributes import AGE, SEX, Column
from .images import picked

FEW = 10  # of a class on a side, below which a row is marked small
FOLDS = 5


class ObedienceRow(BaseModel):
    """One attribute by one metric.

    Attributes:
        attribute: name of the column.
        label: how a page calls it.
        metric: `auroc`, `accuracy`, `correlation` or `mae_years`.
        synthetic: synthetic images against what was asked.
        ceiling: held-out real images against their labels.
        floor: synthetic images against shuffled conditions: middle and central 95 %.
        n: positive and negative synthetic images, positive and negative real ones; all of a side for an age.
        patients: real patients of the smaller class, or all for an age.
        small: whether a class has fewer than ten images, or its real images fewer than five patients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    attribute: str
    label: str
    metric: str
    synthetic: Interval
    ceiling: Interval
    floor: Interval
    n: tuple[int, int, int, int]
    patients: int
    small: bool


@dataclass(frozen=True)
class Read:
    """One side's conditions beside what was read.

    Attributes:
        columns: what conditions say, by name.
        scores: what was read, by the same names: higher where the attribute is taken to be present; years for the age.
        patients: whose each image is.
    """

    columns: Mapping[str, Column]
    scores: Mapping[str, Float[np.ndarray, " n"]]
    patients: Sequence[str]

    def known(self, name: str) -> Side:
        """Return answers, readings and patients of the images of which something is said and read."""
        answer, score = self.columns[name].value, self.scores[name]
        kept = np.isfinite(answer) & np.isfinite(score)
        return Side(answer[kept], score[kept], picked(self.patients, kept))


@dataclass(frozen=True)
class Side:
    """Answers and readings of one attribute on one side."""

    answer: Float[np.ndarray, " n"]
    score: Float[np.ndarray, " n"]
    patients: list[str]

    @property
    def classes(self) -> tuple[int, int]:
        """Return how many are positive and negative."""
        return int((self.answer > 0.5).sum()), int((self.answer <= 0.5).sum())

    @property
    def answers(self) -> Answers:
        """Return them as the measures take them."""
        return Answers(self.answer, self.score, self.patients)

    def patients_of(self, positive: bool) -> int:
        """Return how many patients a class has."""
        return len({p for p, a in zip(self.patients, self.answer.tolist(), strict=True) if (a > 0.5) == positive})


def obedience(
    synthetic: Read, real: Read, names: Sequence[str], *, seed: int, resamples: int = 1000
) -> tuple[ObedienceRow, ...]:
    """Return rows for each attribute that is asked for, known of real images and read.

    Sex and view also get the accuracy, at the threshold that separates held-out real images best for equally common
    classes; the age its correlation and its mean absolute error, after a straight line that takes what is read of
    held-out real images to their age. Both calibrations are fitted on real images of other patients.

    Args:
        synthetic: synthetic conditions and readings.
        real: held-out real ones.
        names: attributes in the order wanted.
        seed: of resamples and shuffles.
        resamples: of the bootstrap over patients.
    """
    rows: list[ObedienceRow] = []
    for name in names:
        if name not in synthetic.scores or name not in real.scores:
            continue
        s, r = synthetic.known(name), real.known(name)
        make = _age_rows if name == AGE else _class_rows
        rows += make(real.columns[name], s, r, seed, resamples)
    return tuple(rows)


def _class_rows(column: Column, s: Side, r: Side, seed: int, resamples: int) -> list[ObedienceRow]:
    if 0 in s.classes:
        return []  # one class was asked for: nothing to tell apart
    rows = [_row(column, "auroc", _auroc, s, r, seed, resamples, (0.0, 1.0))]
    if (column.name == SEX or column.name.startswith("view=")) and min(r.classes) >= FEW:
        cs, cr = _sides_calibrated(s, r, _threshold)
        rows.append(_row(column, "accuracy", _accuracy, cs, cr, seed, resamples, (0.0, 1.0)))
    return rows


def _age_rows(column: Column, s: Side, r: Side, seed: int, resamples: int) -> list[ObedienceRow]:
    if len(s.answer) < FEW or np.ptp(s.answer) == 0:
        return []
    rows = [_row(column, "correlation", correlation, s, r, seed, resamples, (-1.0, 1.0))]
    if len(set(r.patients)) >= 2 * FOLDS and len(r.answer) >= FEW:
        cs, cr = _sides_calibrated(s, r, _line)
        rows.append(_row(column, "mae_years", mean_error, cs, cr, seed, resamples, (0.0, np.inf)))
    return rows


def _row(
    column: Column, metric: str, measure: Measure, s: Side, r: Side, seed: int, resamples: int,
    bounds: tuple[float, float],
) -> ObedienceRow:  # fmt: skip
    continuous = column.name == AGE
    n = (len(s.answer), 0, len(r.answer), 0) if continuous else (*s.classes, *r.classes)
    patients = len(set(r.patients)) if continuous else min(r.patients_of(True), r.patients_of(False))
    fewest = min(n[0], n[2]) if continuous else min(n)
    results = [measured(column.name, measure, side.answers, seed, resamples, bounds) for side in (s, r)]
    return ObedienceRow(
        attribute=column.name,
        label=column.label,
        metric=metric,
        synthetic=interval(results[0]),
        ceiling=interval(results[1]),
        floor=interval(shuffled(column.name, measure, s.answers, seed)),
        n=n,
        patients=patients,
        small=fewest < FEW or patients < FEW // 2,
    )


def _auroc(answer: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return auroc(answer > 0.5, score, weight)


def _accuracy(answer: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the mean of both classes' shares of right answers; a score above 0 says yes."""
    shares = []
    for positive in (True, False):
        mine = (answer > 0.5) == positive
        shares.append(mean(((score[mine] > 0) == positive).astype(float), weight[:, mine]))
    return np.asarray((shares[0] + shares[1]) / 2)


def _sides_calibrated(s: Side, r: Side, fit: Callable[[Side], Callable[[np.ndarray], np.ndarray]]) -> tuple[Side, Side]:
    """Return both sides calibrated: synthetic by all real images, each real one by those of other patients."""
    names = sorted(set(r.patients))
    folds = np.array([names.index(p) % FOLDS for p in r.patients])
    score = np.empty(len(r.score))
    for k in np.unique(folds):
        others = folds != k
        rest = Side(r.answer[others], r.score[others], picked(r.patients, others))
        score[~others] = fit(rest)(r.score[~others])
    return Side(s.answer, fit(r)(s.score), s.patients), Side(r.answer, score, r.patients)


def _threshold(side: Side) -> Callable[[np.ndarray], np.ndarray]:
    """Return a shift to the threshold with the best balanced accuracy (the middle one of equally good ones)."""
    limit = balanced_threshold(side.answer, side.score)
    shift = limit if np.isfinite(limit) else 0.0
    return lambda score: score - shift


def _line(side: Side) -> Callable[[np.ndarray], np.ndarray]:
    """Return the least-squares line from reading to age; the mean age where nothing is read."""
    if np.ptp(side.score) == 0:
        return lambda score: np.full(len(score), side.answer.mean())
    slope, start = np.polyfit(side.score, side.answer, 1)
    return lambda score: slope * score + start
