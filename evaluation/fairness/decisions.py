"""Scores of arms as decisions on the same test rows: thresholds found on other rows, and who is called healthy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .rates import UNDER, counted
from .thresholds import AS_IT_IS, BALANCED, ThresholdRow, balanced_threshold, sensitivity_threshold

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Decided:
    """One label as one arm decides it.

    Attributes:
        arm: whose scores.
        label: name of the label.
        truth: 1, 0 or NaN.
        score: (seeds, n); NaN where there is none.
        called: (seeds, n): 1, 0 or NaN.
    """

    arm: str
    label: str
    truth: Float[np.ndarray, " n"]
    score: Float[np.ndarray, "seeds n"]
    called: Float[np.ndarray, "seeds n"]

    @property
    def share(self) -> Float[np.ndarray, " n"]:
        """Return the share of seeds that call a row 1."""
        return np.asarray(self.called.mean(axis=0))

    def values(self) -> dict[str, Float[np.ndarray, " n"]]:
        """Return what each rate is the mean of."""
        return counted(self.truth, self.share)


def truth_of(labels: Columns) -> dict[str, Float[np.ndarray, " n"]]:
    """Return labels as 1, 0 and NaN.

    Raises:
        ValueError: a value that is none of these, or labels of different lengths.
    """
    made = {name: np.asarray(column, dtype=float) for name, column in labels.items()}
    for name, column in made.items():
        strange = sorted({float(v) for v in column[np.isfinite(column)].tolist()} - {0.0, 1.0})
        if strange or column.ndim != 1:
            raise ValueError(f"label {name!r} has {strange or column.shape}; each row needs 1, 0 or NaN")
    if len({len(column) for column in made.values()}) > 1:
        raise ValueError(f"labels have {sorted({len(c) for c in made.values()})} rows; all need the same")
    return made


def scores_of(scores: Columns, labels: Columns, arm: str) -> dict[str, Float[np.ndarray, "seeds n"]]:
    """Return the scores of an arm as (seeds, n); infinite ones are as good as none.

    Raises:
        ValueError: a label without scores, or of another length.
    """
    made = {}
    for name, truth in labels.items():
        if name not in scores:
            raise ValueError(f"arm {arm!r} has no scores of label {name!r} (it has: {', '.join(scores)})")
        score = np.atleast_2d(np.asarray(scores[name], dtype=float))
        if score.ndim != 2 or score.shape[1] != len(truth):
            raise ValueError(f"arm {arm!r} scores {score.shape} rows of {name!r}; the labels have {len(truth)}")
        made[name] = np.where(np.isfinite(score), score, np.nan)
    return made


def decided(
    arm: str, truth: Columns, score: Columns, validation: tuple[Columns, Mapping[str, Columns]] | None,
    given: Mapping[str, float] | None, rule: str,
) -> tuple[list[Decided], list[ThresholdRow]]:  # fmt: skip
    """Return each label as an arm decides it, and the thresholds.

    Args:
        arm: name of the arm.
        truth: from `truth_of`.
        score: from `scores_of`.
        validation: labels, and scores of each arm, of rows that are not judged.
        given: thresholds by label; they go before what would be chosen.
        rule: `balanced`, or `sensitivity 0.9` for another share.

    Raises:
        ValueError: another rule.
    """
    made, rows = [], []
    for name in truth:
        value, row = _threshold(arm, name, len(score[name]), validation, given, rule)
        rows.append(row)
        known = np.isfinite(score[name]) & np.isfinite(value)[:, None]
        called = np.where(known, (score[name] > np.nan_to_num(value)[:, None]).astype(float), np.nan)
        made.append(Decided(arm, name, truth[name], score[name], called))
    return made, rows


def _threshold(
    arm: str, name: str, seeds: int, validation: tuple[Columns, Mapping[str, Columns]] | None,
    given: Mapping[str, float] | None, rule: str,
) -> tuple[np.ndarray, ThresholdRow]:  # fmt: skip
    if given is not None and name in given:
        value, said, n = np.full(seeds, float(given[name])), "given", (0, 0)
    elif validation is None:
        value, said, n = np.full(seeds, AS_IT_IS), f"{AS_IT_IS}, not chosen on any rows", (0, 0)
    else:
        truth = truth_of(validation[0])[name]
        score = scores_of(validation[1][arm], {name: truth}, f"{arm}, validation")[name]
        value = np.array([_chosen(truth, one, rule) for one in score])
        value = np.broadcast_to(value, (seeds,)) if len(value) == 1 else value
        known = np.isfinite(truth)
        said, n = f"{rule}, on validation rows", (int((truth[known] == 1).sum()), int((truth[known] == 0).sum()))
    values = tuple(float(v) if np.isfinite(v) else None for v in value)
    row = ThresholdRow(arm=arm, label=name, value=values, rule=said, positives=n[0], negatives=n[1])
    return np.asarray(value), row


def _chosen(truth: np.ndarray, score: np.ndarray, rule: str) -> float:
    known = np.isfinite(truth) & np.isfinite(score)
    kind, _, share = rule.partition(" ")
    if rule == BALANCED:
        return balanced_threshold(truth[known], score[known]) if known.any() else float("nan")
    try:
        least = float(share) if kind == "sensitivity" else 0.0
    except ValueError:
        least = 0.0
    if not 0 < least <= 1:
        raise ValueError(f"rule {rule!r} is not known (allowed: balanced, or sensitivity and a share, as 0.9)")
    return sensitivity_threshold(truth[known], score[known], least)


def healthy_called(made: list[Decided], no_finding: str | None) -> Decided:
    """Return who is sick and called healthy, as a decision whose rate among the sick is underdiagnosis.

    Args:
        made: all labels of an arm.
        no_finding: the label that says healthy; None where a row without any label is healthy, and one that is called
            nothing is called healthy.

    Raises:
        ValueError: no such label.
    """
    if no_finding is not None:
        found = next((d for d in made if d.label == no_finding), None)
        if found is None:
            raise ValueError(f"no label is named {no_finding!r} (there are: {', '.join(d.label for d in made)})")
        return Decided(found.arm, UNDER, 1 - found.truth, -found.score, found.called)
    truths = np.stack([d.truth for d in made])
    some = np.isfinite(truths).any(axis=0)
    sick = np.where(some, np.where(np.isfinite(truths), truths, 0).max(axis=0), np.nan)
    called = np.max(np.stack([d.called for d in made]), axis=0)
    score = np.max(np.stack([d.score for d in made]), axis=0)
    return Decided(made[0].arm, UNDER, sick, score, 1 - called)


def missed(healthy: Decided) -> Float[np.ndarray, " n"]:
    """Return, of each sick row, the share of seeds that call it healthy; NaN of the others."""
    return np.where(healthy.truth == 1, healthy.share, np.nan)
