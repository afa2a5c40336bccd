"""Scores of probabilities against labels, all resamples at once, and what a model that sees nothing would score."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Num

from ..downstream import accuracy, balanced_accuracy
from ..realism.auroc import auroc
from .calibration import BINS, Claims, bins_of, brier, calibration_error, errors_by_chance, likelihood_loss

ACCURACY, BALANCED, AUROC = "accuracy", "balanced accuracy", "auroc"
ECE, ADAPTIVE, BRIER, NLL = "ece", "adaptive ece", "brier", "nll"
MEASURES = (ACCURACY, BALANCED, AUROC, ECE, ADAPTIVE, BRIER, NLL)
HIGHER_IS_BETTER = frozenset({ACCURACY, BALANCED, AUROC})
BOUNDS = {name: (0.0, np.inf if name in (BRIER, NLL) else 1.0) for name in MEASURES}
_Of = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def scores(
    label: Num[np.ndarray, "n ..."], probability: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
) -> dict[str, Float[np.ndarray, " resamples"]]:
    """Return every measure; of several labels the mean over them, each over the rows where it is known.

    Args:
        label: class of each row, (n,), or (n, labels) of 1, 0 and NaN.
        probability: (n, classes), or (n, labels).
        weight: how often each row counts.
    """
    return {name: _over_labels(of, label, probability, weight) for name, of in _MEASURES.items()}


def floors(
    label: Num[np.ndarray, "n ..."], probability: Float[np.ndarray, "n k"], rng: np.random.Generator, draws: int = 200
) -> dict[str, float]:
    """Return what a model that sees nothing scores: the shares of the labels, whatever the input.

    Of calibration errors it is the error that right probabilities stay under in 95 of 100 cases.
    """
    if label.ndim == 1:
        share = np.bincount(label.astype(np.int64), minlength=probability.shape[1]) / max(1, len(label))
        blind = np.tile(share, (len(label), 1))
    else:
        known = np.isfinite(label)
        blind = np.tile(np.where(known, label, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), (len(label), 1))
    found = scores(label, blind, np.ones((1, len(label))))
    by_chance = {name: _chance(label, probability, rng, name == ADAPTIVE, draws) for name in (ECE, ADAPTIVE)}
    return {name: float(v[0]) for name, v in found.items()} | by_chance


def _chance(label: np.ndarray, probability: np.ndarray, rng: np.random.Generator, adaptive: bool, draws: int) -> float:
    made = [
        errors_by_chance(c, bins_of(c.claim, BINS, adaptive=adaptive), rng, draws)
        for y, p in _columns(label, probability) if len(y) for c in [Claims.of(y, p)]
    ]  # fmt: skip
    return float(np.quantile(np.mean(made, axis=0), 0.95)) if made else float("nan")


def _columns(label: np.ndarray, probability: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return labels and class probabilities of each label by itself."""
    if label.ndim == 1:
        return [(label.astype(np.int64), probability)]
    known = np.isfinite(label)
    return [
        (label[m, k].astype(np.int64), np.column_stack([1 - probability[m, k], probability[m, k]]))
        for k, m in enumerate(known.T)
    ]


def _over_labels(of: _Of, label: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    parts = _columns(label, probability)
    if label.ndim == 1:
        return of(*parts[0], weight)
    known = np.isfinite(label).T
    return np.mean([of(y, p, weight[:, m]) for (y, p), m in zip(parts, known, strict=True)], axis=0)


def _accuracy(y: np.ndarray, p: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return accuracy(y, p.argmax(axis=1), weight)


def _balanced(y: np.ndarray, p: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if len(np.unique(y)) < 2:
        return np.full(len(weight), np.nan)
    return balanced_accuracy(y, p.argmax(axis=1), weight)


def _auroc(y: np.ndarray, p: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the area of the second of two classes, or the mean over classes against the others."""
    classes = np.unique(y).tolist()
    if len(classes) < 2:
        return np.full(len(weight), np.nan)
    if p.shape[1] == 2:
        return auroc(y == 1, p[:, 1], weight)
    return np.mean([auroc(y == k, p[:, k], weight) for k in classes], axis=0)


def _error(adaptive: bool) -> _Of:
    def of(y: np.ndarray, p: np.ndarray, weight: np.ndarray) -> np.ndarray:
        claims = Claims.of(y, p)
        return calibration_error(claims, bins_of(claims.claim, BINS, adaptive=adaptive), weight)

    return of


_MEASURES: Mapping[str, _Of] = {
    ACCURACY: _accuracy, BALANCED: _balanced, AUROC: _auroc, ECE: _error(False), ADAPTIVE: _error(True),
    BRIER: brier, NLL: likelihood_loss,
}  # fmt: skip
