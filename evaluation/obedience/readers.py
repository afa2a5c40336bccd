"""Readers of attributes: linear models of features, held back by a penalty, their chances calibrated on other patients.

A reader learns from real training rows alone. How strong its penalty is, and what its scores mean as chances, is found
on folds of patients that it had not seen. It is no network of quality control, so nothing was selected by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from ...conditioning.seeds import stream
from ...generators.readout.scaling import Scaling, scaled_classes
from ..realism.samples import Sample
from .conditions import Attribute

FOLDS = 5
FEW = 10  # rows of a class that a reader needs
FEW_PATIENTS = 4  # that they come from
DIRECTIONS = 256  # principal directions of the training rows that readers see
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # of scikit-learn's C
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)  # of a ridge
Calibration = Literal["platt", "isotonic"]


@dataclass(frozen=True)
class Space:
    """Features as readers see them: centred, scaled, turned to their principal directions.

    A penalty on a turned model is that on the model, so where there are no more directions than kept nothing is lost.

    Attributes:
        mean: of the training rows.
        scale: their standard deviation; a constant feature is left out.
        turn: (d, r).
    """

    mean: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]
    turn: Float[np.ndarray, "d r"]

    @classmethod
    def of(cls, training: Sample, most: int = DIRECTIONS) -> Space:
        """Return the space of training rows.

        Raises:
            ValueError: every feature is constant.
        """
        mean, sd = training.x.mean(axis=0), training.x.std(axis=0)
        varies = sd > 1e-9 * np.maximum(1, np.abs(mean))
        if not varies.any():
            raise ValueError(f"all {len(sd)} features are constant over {len(training)} training rows")
        scale = np.where(varies, sd, np.inf)
        x = (training.x - mean) / scale
        values, vectors = np.linalg.eigh(x.T @ x) if x.shape[1] <= len(x) else (None, np.linalg.svd(x, False)[2].T)
        if values is not None:
            vectors = vectors[:, ::-1][:, : int((values > 1e-9 * values.max()).sum())]
        return cls(mean, scale, vectors[:, : min(most, len(x) - 1)])

    def __call__(self, sample: Sample) -> Float[np.ndarray, "n r"]:
        """Return rows in this space."""
        return ((sample.x - self.mean) / self.scale) @ self.turn


@dataclass(frozen=True)
class ClassReader:
    """Reads the chance of each class.

    Attributes:
        model: a logistic regression.
        scaling: of its logits; None where chances are made by `steps`.
        steps: an isotonic regression of the second class's score, or None.
        prior: share of each class among the training rows.
        strength: C.
        rows: that it was trained on.
    """

    model: Any
    scaling: Scaling
    steps: Any
    prior: Float[np.ndarray, " k"]
    strength: float
    rows: int

    def chances(self, x: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "n k"]:
        """Return calibrated chances, where classes are as common as in training."""
        logits = _logits(self.model, x)
        if self.steps is not None:
            p = np.clip(self.steps.predict(logits[:, 1]), 1e-3, 1 - 1e-3)
            return np.column_stack([1 - p, p])
        return np.asarray(softmax(self.scaling(logits), axis=1))

    def even(self, x: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "n k"]:
        """Return the chances as they were if all classes were equally common."""
        p = self.chances(x) / self.prior
        return p / p.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class NumberReader:
    """Reads a number.

    Attributes:
        model: a ridge regression.
        line: slope and start that take what it reads of other patients to their numbers.
        strength: its penalty.
        rows: that it was trained on.
    """

    model: Any
    line: tuple[float, float]
    strength: float
    rows: int

    def values(self, x: Float[np.ndarray, "n r"]) -> Float[np.ndarray, " n"]:
        """Return what is read, in the attribute's unit."""
        return self.line[0] * self.model.predict(x) + self.line[1]


def class_reader(
    x: Float[np.ndarray, "n r"], attribute: Attribute, patients: Sequence[str], seed: int,
    calibration: Calibration = "platt",
) -> ClassReader | str:  # fmt: skip
    """Return a reader of classes, or why there is none.

    Args:
        x: training rows in a `Space`.
        attribute: what they say.
        patients: whose they are.
        seed: of the folds.
        calibration: `platt`, a slope and offsets, or `isotonic`, for two classes with hundreds of rows.
    """
    known = np.isfinite(attribute.training)
    y, z, who = attribute.training[known].astype(int), x[known], np.asarray(patients)[known]
    k = len(attribute.levels)
    for level in range(k):
        n, m = int((y == level).sum()), len(np.unique(who[y == level]))
        if n < FEW or m < FEW_PATIENTS:
            said = f"{n} training rows of {m} patients say {attribute.levels[level]!r}"
            return f"{said}; {FEW} rows of {FEW_PATIENTS} patients are needed"
    if k < 2:
        return "training rows say one value or none"
    parts = _folds(y, who, seed, attribute.name)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outs = {c: _out_of_fold(z, y, parts, c, k) for c in STRENGTHS}
        best = min(STRENGTHS, key=lambda c: _loss(outs[c], y))
        model = _logistic(best).fit(z, y)
    scaling, steps = scaled_classes(outs[best], y, np.ones(len(y))), None
    if calibration == "isotonic" and k == 2:
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression(out_of_bounds="clip").fit(outs[best][:, 1], y)
    return ClassReader(model, scaling, steps, np.bincount(y, minlength=k) / len(y), best, len(y))


def number_reader(
    x: Float[np.ndarray, "n r"], attribute: Attribute, patients: Sequence[str], seed: int
) -> NumberReader | str:
    """Return a reader of a number, or why there is none; see `class_reader`."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold

    known = np.isfinite(attribute.training)
    y, z, who = attribute.training[known], x[known], np.asarray(patients)[known]
    if len(y) < 2 * FEW or len(np.unique(who)) < FOLDS or np.ptp(y) == 0:
        return f"{len(y)} training rows of {len(np.unique(who))} patients say a number that varies; {2 * FEW} needed"
    parts = list(GroupKFold(FOLDS).split(z, y, who))
    outs = {a: np.empty(len(y)) for a in PENALTIES}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for train, test in parts:
            for a in PENALTIES:
                outs[a][test] = Ridge(a).fit(z[train], y[train]).predict(z[test])
        best = min(PENALTIES, key=lambda a: float(((outs[a] - y) ** 2).mean()))
        model = Ridge(best).fit(z, y)
    slope = float(np.polyfit(outs[best], y, 1)[0]) if np.ptp(outs[best]) > 1e-9 * np.ptp(y) else 0.0
    if slope <= 0:
        return f"learnt from {len(y)} rows, it reads nothing of the number off patients that it had not seen"
    return NumberReader(model, (slope, float(y.mean() - slope * outs[best].mean())), best, len(y))


def _logistic(c: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=c, max_iter=300)


def _logits(model: Any, x: np.ndarray) -> np.ndarray:
    score = model.decision_function(x)
    return np.column_stack([np.zeros(len(x)), score]) if score.ndim == 1 else score


def _folds(y: np.ndarray, who: np.ndarray, seed: int, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(len(np.unique(who[y == level])) for level in np.unique(y))
    key = int(stream(seed, f"obedience.folds/{name}").integers(2**31))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=key).split(y, y, who))


def _out_of_fold(
    z: np.ndarray, y: np.ndarray, parts: Sequence[tuple[np.ndarray, np.ndarray]], c: float, k: int
) -> np.ndarray:
    """Return each row's logits by a model that had not seen its patient; a class that a fold lacks gets the lowest."""
    out = np.zeros((len(y), k))
    for train, test in parts:
        model = _logistic(c).fit(z[train], y[train])
        found = _logits(model, z[test])
        out[test] = found.min(axis=1, keepdims=True)
        out[test[:, None], model.classes_[None]] = found
    return out


def _loss(logits: np.ndarray, y: np.ndarray) -> float:
    p = softmax(logits, axis=1)[np.arange(len(y)), y]
    return float(-np.log(np.maximum(p, 1e-12)).mean())
