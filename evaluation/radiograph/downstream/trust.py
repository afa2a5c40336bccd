"""On whom the errors of the findings task fall, and how its classifiers stand worse images, at the largest share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ...downstream import Outcomes
from ...downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC
from ...fairness import FairnessResult, fairness_of
from ...robustness import Model, TorchModel
from ...robustness.arms import WornLook
from ...trust import PERMUTATIONS, RESAMPLES
from .classifier import Classifier, Unweighted
from .examples import ATTRIBUTES, Radiographs
from .settings import FIRST, MIXED
from .task import FindingsTask, Told

LOOKED = (REAL, SYNTHETIC, MIXED, FIRST, SAME_COMPUTE)


def worn_look(arms: Sequence[str]) -> WornLook:
    """Return the look at arms, by their names at their share."""
    return WornLook(tuple(arms), opened=_opened, given=_given)


def _opened(model: Classifier) -> Model:
    """Return the chances of the findings, what weighting did to them undone."""
    return TorchModel(Unweighted.of(model), multilabel=True).model()


def _given(test: Radiographs) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the rows of the first site."""
    first = test.rows(np.array(test.site) == test.site[0])
    return first.image.astype(np.float32), first.label, list(first.patient)


def judged_fairness(
    task: FindingsTask, outcomes: Mapping[str, Sequence[Outcomes]], training: Radiographs
) -> FairnessResult:
    """Return on whom the errors fall; an image has a finding where its weighted chance is above one half.

    `no_finding` is decided at each classifier's own threshold.

    Args:
        task: the task.
        outcomes: of one site, by the arm's name, one entry a seed.
        training: real rows that arms were trained on.
    """
    arms = {arm: [Told.of(o.values, len(task.findings)) for o in rows] for arm, rows in outcomes.items()}
    first = next(iter(arms.values()))[0]
    scores = {
        arm: {
            name: np.stack([_shifted(t) if k == 0 else t.score[:, k] for t in told])
            for k, name in enumerate(task.findings)
        }
        for arm, told in arms.items()
    }
    attributes = {name: column for name, column in _attributes(first.attribute).items() if any(column)}
    return fairness_of(
        {name: first.label[:, k] for k, name in enumerate(task.findings)}, scores,
        attributes or {"sex": [""] * len(first.label)}, next(iter(outcomes.values()))[0].patients,
        thresholds=dict.fromkeys(task.findings, 0.0), no_finding=task.findings[0],
        training=_attributes(training.attribute) if attributes else None, resamples=RESAMPLES,
        permutations=PERMUTATIONS,
    )  # fmt: skip


def _shifted(told: Told) -> Float[np.ndarray, " n"]:
    """Return logits of `no_finding` less the threshold that their calls tell: halfway where calls change."""
    score = told.score[:, 0]
    if told.healthy.all() or not told.healthy.any():
        return score - (score.min() - 1 if told.healthy.all() else score.max() + 1)
    return score - (score[told.healthy].min() + score[~told.healthy].max()) / 2


def _attributes(code: np.ndarray) -> dict[str, list[str]]:
    return {
        name: ["" if k < 0 else words[k] for k in code[:, column].tolist()]
        for column, (name, words) in enumerate(ATTRIBUTES.items())
    }
