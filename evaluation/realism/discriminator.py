"""How well a classifier tells synthetic rows from real ones: 0.5 is not at all, 1 is always."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...conditioning.seeds import stream
from ...conditioning.words import unknown
from .auroc import concordance
from .floors import Measured, floors
from .resampling import around, patient_weights
from .samples import Sample, check_sides

FOLDS = 5


def _logistic(random_state: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _boosting(random_state: int) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=100, max_leaf_nodes=15, min_samples_leaf=10, early_stopping=False, random_state=random_state
    )


# Logistic regression sees means; boosted trees see spread, shape and interplay too.
CLASSIFIERS: dict[str, Callable[[int], Any]] = {"logistic": _logistic, "boosting": _boosting}


def cross_validated(
    x: Float[np.ndarray, "n d"], positive: Bool[np.ndarray, " n"], groups: Sequence[str], classifier: str, seed: int,
    folds: int = FOLDS,
) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:  # fmt: skip
    """Return each row's score by a classifier that never saw its group, and the fold it was scored in.

    Args:
        x: features.
        positive: which rows are of the positive class.
        groups: whose each row is; a group is in one fold only.
        classifier: a name of `CLASSIFIERS`.
        seed: seed of the folds and of the classifier.
        folds: parts of the cross-validation.

    Raises:
        ValueError: one class, fewer groups of a class than folds, or a classifier that nobody knows.
    """
    if classifier not in CLASSIFIERS:
        raise ValueError(unknown("classifier", classifier, list(CLASSIFIERS)))
    for is_positive, name in ((True, "positive"), (False, "negative")):
        have = len({g for g, p in zip(groups, positive.tolist(), strict=True) if p == is_positive})
        if have < folds:
            raise ValueError(f"{have} {name} groups cannot be spread over {folds} folds; both classes need {folds}")
    key = int(stream(seed, f"realism.discriminator/{classifier}").integers(2**31))
    score, fold = np.full(len(x), np.nan), np.full(len(x), -1)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=key)
    for k, (train, test) in enumerate(parts.split(x, positive, np.asarray(groups))):
        model = CLASSIFIERS[classifier](key + k).fit(x[train], positive[train])
        score[test], fold[test] = model.decision_function(x[test]), k
    return score, fold


def auc_by_fold(
    positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"], fold: Int[np.ndarray, " n"],
    weight: Float[np.ndarray, "resamples n"],
) -> Float[np.ndarray, " resamples"]:  # fmt: skip
    """Return the AUC over pairs of rows of one fold: scores of different folds' classifiers are not comparable."""
    parts = [concordance(positive[fold == k], score[fold == k], weight[:, fold == k]) for k in np.unique(fold)]
    in_order, pairs = np.sum([a for a, _ in parts], axis=0), np.sum([b for _, b in parts], axis=0)
    return np.asarray(np.divide(in_order, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))


def discriminate(
    real: Sample, synthetic: Sample, *, seed: int, classifier: str = "boosting", resamples: int = 200,
    splits: int = 10, folds: int = FOLDS,
) -> Measured:  # fmt: skip
    """Return the AUC of a cross-validated classifier of real against synthetic, with interval and floor.

    The interval resamples patients among the scores that the classifiers gave; they are not trained again.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: seed of folds, resamples and splits.
        classifier: a name of `CLASSIFIERS`.
        resamples: of the bootstrap.
        splits: random halves for the floor; each trains `folds` classifiers twice.
        folds: parts of the cross-validation.

    Raises:
        ValueError: too few patients on a side, or a classifier that nobody knows.
    """
    check_sides(real, synthetic)

    def scored(a: Sample, b: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        positive = np.arange(len(a) + len(b)) >= len(a)
        x = np.concatenate([a.x, b.x])
        return positive, *cross_validated(x, positive, [*a.patients, *b.patients], classifier, seed, folds)

    def auc(a: Sample, b: Sample) -> dict[str, float]:
        return {"auc": float(auc_by_fold(*scored(a, b), np.ones((1, len(a) + len(b))))[0])}

    found = scored(real, synthetic)
    rng = stream(seed, f"realism.discriminator/{classifier}/bootstrap")
    weights = np.concatenate(patient_weights([real.patients, synthetic.patients], resamples, rng), axis=1)
    value = float(auc_by_fold(*found, np.ones((1, weights.shape[1])))[0])
    whole = around(value, auc_by_fold(*found, weights), min(len(real), len(synthetic)), (0.0, 1.0))
    return Measured(
        f"discriminator_auc_{classifier}", whole, *floors(real, synthetic, auc, seed=seed, splits=splits)["auc"]
    )
