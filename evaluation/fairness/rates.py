"""Rates of groups: every one a mean of what is counted, so that a thousand resamples cost one product."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from ..realism.auroc import auroc

TPR, FPR, SELECTION, ACCURACY = "true positive rate", "false positive rate", "selection rate", "accuracy"
UNDER, AUROC = "underdiagnosis", "auroc"
Cells = Mapping[str, Bool[np.ndarray, " n"]]


def counted(label: Float[np.ndarray, " n"], called: Float[np.ndarray, " n"]) -> dict[str, Float[np.ndarray, " n"]]:
    """Return what each rate is the mean of; NaN where a row does not count.

    Args:
        label: 1, 0 or NaN where nothing is known.
        called: 1 or 0, or the share of seeds that call it 1; NaN where there is no score.
    """
    known = np.where(np.isfinite(label), called, np.nan)
    return {
        TPR: np.where(label == 1, called, np.nan),
        FPR: np.where(label == 0, called, np.nan),
        SELECTION: called.astype(float),
        ACCURACY: np.where(label == 1, known, 1 - known),
    }


def cell_rates(
    value: Float[np.ndarray, " n"], cells: Cells, weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, "resamples cells"]:
    """Return the mean of what counts in each cell; NaN where none was drawn.

    Args:
        value: from `counted`.
        cells: rows of each cell; a row may belong to none.
        weight: how often each row counts.
    """
    if not cells:
        return np.empty((len(weight), 0))
    known = np.isfinite(value)
    member = np.stack([mask & known for mask in cells.values()], axis=1).astype(float)
    total = weight @ member
    summed = weight @ (member * np.where(known, value, 0.0)[:, None])
    return np.divide(summed, total, out=np.full(total.shape, np.nan), where=total > 0)


def cell_aurocs(
    label: Float[np.ndarray, " n"], score: Float[np.ndarray, " n"], cells: Cells,
    weight: Float[np.ndarray, "resamples n"],
) -> Float[np.ndarray, "resamples cells"]:  # fmt: skip
    """Return the area under the ROC curve inside each cell; NaN where it has one class."""
    known = np.isfinite(label) & np.isfinite(score)
    columns = []
    for mask in cells.values():
        mine = mask & known
        columns.append(auroc(label[mine] > 0.5, score[mine], weight[:, mine]))
    return np.stack(columns, axis=1) if columns else np.empty((len(weight), 0))


def frame_rates(
    label: Float[np.ndarray, " n"], called: Float[np.ndarray, " n"], cells: Cells
) -> dict[str, dict[str, float]]:
    """Return each rate of each cell by fairlearn's `MetricFrame`; NaN where nothing counts.

    The rates are fairlearn's own of the same names, but that a group without positives has no true positive rate,
    where fairlearn's is 0, and that seeds may disagree.

    Args:
        label: 1, 0 or NaN.
        called: 1 or 0, or the share of seeds that call it 1; NaN where there is no score.
        cells: disjoint groups of rows.
    """
    from fairlearn.metrics import MetricFrame

    whose = np.full(len(label), "", dtype=object)
    for name, mask in cells.items():
        whose[mask] = name
    if not (whose != "").any():
        return {}
    metrics = {name: _Mean(name) for name in (TPR, FPR, SELECTION, ACCURACY)}
    in_cell = whose != ""
    frame = MetricFrame(
        metrics=metrics, y_true=label[in_cell], y_pred=called[in_cell], sensitive_features=whose[in_cell]
    )
    return {name: {str(k): float(v) for k, v in frame.by_group[name].items()} for name in metrics}


class _Mean:
    """One rate of a group of rows, as `MetricFrame` wants it."""

    def __init__(self, name: str) -> None:
        self.name = self.__name__ = name

    def __call__(self, y_true: np.ndarray, y_pred: np.ndarray) -> float:
        value = counted(np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float))[self.name]
        known = value[np.isfinite(value)]
        return float(known.mean()) if len(known) else float("nan")
