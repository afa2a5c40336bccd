"""How well what was read agrees with what was asked, of rows that count as often as they were drawn.

Each measure stands between a ceiling, held-out real rows against their labels, and a floor, the same readings against
conditions that were dealt out anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..downstream import balanced_accuracy as balanced
from ..realism.auroc import auroc
from ..realism.resampling import around, patient_weights
from ..result import Result, unknown_result

SHUFFLES = 200
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Answers:
    """Answers and readings of one attribute on one side.

    Attributes:
        answer: what was asked, or the label: a class's place, or a number.
        read: what was read: (n,), or (n, classes) of scores.
        patients: whose each row is.
    """

    answer: Float[np.ndarray, " n"]
    read: Float[np.ndarray, "n ..."]
    patients: Sequence[str]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.answer)


def measured(
    name: str, measure: Measure, side: Answers, seed: int, resamples: int, bounds: tuple[float, float]
) -> Result:
    """Return a measure with its interval over patients."""
    n = len(side)
    if not n:
        return unknown_result(0)
    (weight,) = patient_weights([side.patients], resamples, stream(seed, f"obedience/{name}"))
    value = float(measure(side.answer, side.read, np.ones((1, n)))[0])
    return around(value, measure(side.answer, side.read, weight), n, bounds)


def shuffled(name: str, measure: Measure, side: Answers, seed: int) -> Result:
    """Return the measure of conditions that were dealt out anew: middle and central 95 %."""
    n = len(side)
    if not n:
        return unknown_result(0)
    rng, ones = stream(seed, f"obedience/{name}/shuffled"), np.ones((1, n))
    values = np.array([measure(rng.permutation(side.answer), side.read, ones)[0] for _ in range(SHUFFLES)])
    values = values[np.isfinite(values)]
    if not len(values):
        return unknown_result(n)
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
    return Result(float(middle), float(low), float(high), n)


def class_auroc(answer: np.ndarray, read: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of the second of two classes, or its mean over classes against the others.

    Args:
        answer: place of the class.
        read: (n, classes): higher where the class is taken to be there.
        weight: (resamples, n).
    """
    asked = np.unique(answer).astype(int).tolist()
    if read.shape[1] == 2:
        return auroc(answer == 1, read[:, 1], weight)
    if len(asked) < 2:
        return np.full(len(weight), np.nan)
    return np.mean([auroc(answer == k, read[:, k], weight) for k in asked], axis=0)


def class_accuracy(answer: np.ndarray, read: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the mean over classes of the share read as what they are."""
    return balanced(answer, read.argmax(axis=1).astype(float), weight)


def kappa(answer: np.ndarray, read: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa of answer and likeliest class; NaN where agreement by chance is perfect.

    Source: Cohen 1960.
    """
    k = read.shape[1]
    place = answer.astype(np.int64) * k + read.argmax(axis=1)
    table = (weight @ np.eye(k * k)[place]).reshape(-1, k, k)
    table = table / np.maximum(table.sum(axis=(1, 2), keepdims=True), 1e-300)
    agreed = np.trace(table, axis1=1, axis2=2)
    chance = (table.sum(axis=2) * table.sum(axis=1)).sum(axis=1)
    return np.divide(agreed - chance, 1 - chance, out=np.full(len(table), np.nan), where=chance < 1 - 1e-12)


def concordance_correlation(answer: np.ndarray, read: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return Lin's concordance correlation, kappa's counterpart for numbers; NaN where both sides are one value.

    Source: Lin 1989.
    """
    w = weight / weight.sum(axis=1, keepdims=True)
    ma, mb = w @ answer, w @ read
    cov, va, vb = w @ (answer * read) - ma * mb, w @ answer**2 - ma**2, w @ read**2 - mb**2
    below = va + vb + (ma - mb) ** 2
    return np.divide(2 * cov, below, out=np.full(len(w), np.nan), where=below > 1e-12)


def mean_error(answer: np.ndarray, read: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference, in the attribute's unit."""
    return np.asarray(weight @ np.abs(answer - read) / weight.sum(axis=1))
