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
from threadpoolctl import threadpool_limits

from ...conditioning.seeds import stream
from ...conditioning.words import unknown
from ..result import Result, unknown_result
from .auroc import concordance
from .floors import Measured, floors
from .resampling import patient_weights
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
    folds: int = FOLDS, weight: Float[np.ndarray, " n"] | None = None,
) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:  # fmt: skip
    """Return each row's score by a classifier that never saw its group, and the fold it was scored in.

    Args:
        x: features.
        positive: which rows are of the positive class.
        groups: whose each row is; a group is in one fold only.
        classifier: a name of `CLASSIFIERS`.
        seed: seed of the folds and of the classifier.
        folds: parts of the cross-validation.
        weight: how often each row is trained on, above 0; once when left out.

    Raises:
        ValueError: one class, fewer groups of a class than folds, or a classifier that nobody knows.
    """
    if classifier not in CLASSIFIERS:
        raise ValueError(unknown("classifier", classifier, list(CLASSIFIERS)))
    for is_positive, name in ((True, "positive"), (False, "negative")):
        have = _count(groups, positive, is_positive)
        if have < folds:
            raise ValueError(f"{have} {name} groups cannot be spread over {folds} folds; both classes need {folds}")
    w = np.ones(len(x)) if weight is None else weight
    key = int(stream(seed, f"realism.discriminator/{classifier}").integers(2**31))
    score, fold = np.full(len(x), np.nan), np.full(len(x), -1)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=key)
    with threadpool_limits(1):  # such small trainings wait longer for threads than they work
        for k, (train, test) in enumerate(parts.split(x, positive, np.asarray(groups))):
            model = CLASSIFIERS[classifier](key // 2 + k)
            last = model.steps[-1][0] + "__" if hasattr(model, "steps") else ""
            model.fit(x[train], positive[train], **{f"{last}sample_weight": w[train]})
            score[test], fold[test] = model.decision_function(x[test]), k
    return score, fold


def auc_by_fold(
    positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"], fold: Int[np.ndarray, " n"],
    weight: Float[np.ndarray, " n"],
) -> float:  # fmt: skip
    """Return the AUC over pairs of rows of one fold: scores of different folds' classifiers are not comparable."""
    parts = [concordance(positive[fold == k], score[fold == k], weight[None, fold == k]) for k in np.unique(fold)]
    pairs = sum(float(b[0]) for _, b in parts)
    return sum(float(a[0]) for a, _ in parts) / pairs if pairs else float("nan")


def discriminate(
    real: Sample, synthetic: Sample, *, seed: int, classifier: str = "boosting", retrainings: int = 30,
    splits: int = 10, folds: int = FOLDS,
) -> Measured:  # fmt: skip
    """Return the AUC of a cross-validated classifier of real against synthetic, with interval and floor.

    For the interval patients are drawn with replacement and the whole cross-validation is done again: classifiers
    kept as they are would leave out what another training set changes, and give intervals up to a quarter too narrow.
    It is the value with 1.96 standard deviations of the draws on either side.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: seed of folds, draws and splits.
        classifier: a name of `CLASSIFIERS`.
        retrainings: draws for the interval; each trains `folds` classifiers.
        splits: random halves for the floor; each trains `folds` classifiers twice.
        folds: parts of the cross-validation.

    Raises:
        ValueError: too few patients on a side, or a classifier that nobody knows.
    """
    check_sides(real, synthetic)
    both = Sample(np.concatenate([real.x, synthetic.x]), [*real.patients, *synthetic.patients])
    positive = np.arange(len(both)) >= len(real)
    rng = stream(seed, f"realism.discriminator/{classifier}/draws")
    weights = np.concatenate(patient_weights([real.patients, synthetic.patients], retrainings, rng), axis=1)
    value = _auc_of(real, synthetic, classifier, seed, folds)
    draws = [_auc(both, positive, w, classifier, int(rng.integers(2**62)), folds) for w in weights]
    halves = floors(
        real, synthetic, lambda a, b: {"auc": _auc_of(a, b, classifier, seed, folds)}, seed=seed, splits=splits
    )
    whole = _normal(value, np.array(draws), min(len(real), len(synthetic)))
    return Measured(f"discriminator_auc_{classifier}", whole, *halves["auc"])


def _auc_of(real: Sample, synthetic: Sample, classifier: str, seed: int, folds: int) -> float:
    both = Sample(np.concatenate([real.x, synthetic.x]), [*real.patients, *synthetic.patients])
    return _auc(both, np.arange(len(both)) >= len(real), np.ones(len(both)), classifier, seed, folds)


def _auc(both: Sample, positive: np.ndarray, weight: np.ndarray, classifier: str, seed: int, folds: int) -> float:
    """Return the AUC of the rows drawn; NaN where the draw left fewer patients than folds."""
    drawn = np.flatnonzero(weight > 0)
    rows, is_positive, w = both.rows(drawn), positive[drawn], weight[drawn]
    if min(_count(rows.patients, is_positive, side) for side in (True, False)) < folds:
        return float("nan")
    score, fold = cross_validated(rows.x, is_positive, rows.patients, classifier, seed, folds, w)
    return auc_by_fold(is_positive, score, fold, w)


def _count(groups: Sequence[str], positive: np.ndarray, side: bool) -> int:
    return len({g for g, p in zip(groups, positive.tolist(), strict=True) if p == side})


def _normal(value: float, draws: np.ndarray, n: int) -> Result:
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(draws) < 2:
        return unknown_result(n)
    half = 1.96 * float(draws.std(ddof=1))
    return Result(value, max(0.0, value - half), min(1.0, value + half), n)
