"""An attack that scores candidates, higher for those taken to have been trained on: how well it tells them apart.

What counts is the true positive rate where hardly anybody is accused wrongly (Carlini et al. 2022, arXiv 2112.03570):
an attack that is sure of a few is worse than one that is a little better than chance about all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism.auroc import auroc
from ..realism.resampling import around, patient_weights
from ..result import Result, unknown_result
from .result import Figure
from .risk import beyond, clopper_pearson, line_rank

RATES = (0.001, 0.01)
LINE = 0.01
_RESAMPLES = 300


def score_rates(
    members: Float[np.ndarray, " k"], others: Float[np.ndarray, " h"], patients: tuple[int, int]
) -> tuple[Result, Result]:
    """Return how often members and others are accused, by a line that 1 % of the others pass."""
    return beyond(members, others, LINE, patients)


def score_figures(
    members: Float[np.ndarray, " k"], others: Float[np.ndarray, " h"],
    member_patients: Sequence[str], other_patients: Sequence[str], *, seed: int,
) -> tuple[Figure, ...]:  # fmt: skip
    """Return the area under the ROC curve and true positive rates at false positive rates of 0.1 % and 1 %.

    Args:
        members: scores of records that were trained on; finite.
        others: scores of records that were not.
        member_patients: whose each is.
        other_patients: likewise; nobody is on both sides.
        seed: of the bootstrap over patients.
    """
    half = interval(Result(0.5, 0.5, 0.5, len(others)))
    area = area_of(members, others, member_patients, other_patients, seed=seed)
    first = Figure(name="auc", label="area under the ROC curve", value=interval(area), control=half)
    return (first, *(_rate(members, others, len(set(member_patients)), fpr) for fpr in RATES))


def area_of(
    members: Float[np.ndarray, " k"], others: Float[np.ndarray, " h"],
    member_patients: Sequence[str], other_patients: Sequence[str], *, seed: int,
) -> Result:  # fmt: skip
    """Return the area under the ROC curve with its interval over patients."""
    n = min(len(members), len(others))
    if not n:
        return unknown_result(0)
    weight = np.concatenate(
        patient_weights([member_patients, other_patients], _RESAMPLES, stream(seed, "privacy.auc")), axis=1
    )
    positive = np.arange(len(members) + len(others)) < len(members)
    score = np.concatenate([members, others])
    return around(float(auroc(positive, score)[0]), auroc(positive, score, weight), n, (0.0, 1.0))


def _rate(members: np.ndarray, others: np.ndarray, patients: int, fpr: float) -> Figure:
    label = f"true positives at {100 * fpr:g} % false positives"
    name, control = f"tpr_at_{fpr:g}", interval(Result(fpr, fpr, fpr, len(others)))
    needed = round(1 / fpr)
    if len(others) < needed:
        reason = f"{len(others)} records that were not trained on; {needed} or more are needed to state it"
        return Figure(
            name=name, label=label, value=interval(unknown_result(len(members))), control=control, reason=reason
        )
    k = max(1, line_rank(len(others), fpr))
    line = np.partition(others, len(others) - k)[len(others) - k]
    share = float((members > line).mean())
    return Figure(
        name=name, label=label, value=interval(clopper_pearson(share, len(members), patients)), control=control
    )
