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
    label: Float[np.ndarray, " n"], called: Float[np.ndarray, "seeds n"], cells: Cells
) -> dict[str, dict[str, float]]:
    """Return each rate of each cell by fairlearn's `MetricFrame`, meaned over seeds; NaN where nothing counts.

    Args:
        label: 1, 0 or NaN.
        called: 1, 0 or NaN.
        cells: disjoint groups of rows.

    Source: fairlearn's metrics say 0 of a group without positives; here it has no rate.
    """
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    whose = np.full(len(label), "", dtype=object)
    for name, mask in cells.items():
        whose[mask] = name
    rates = {TPR: true_positive_rate, FPR: false_positive_rate, ACCURACY: accuracy_score}
    found: dict[str, dict[str, float]] = {name: dict.fromkeys(cells, float("nan")) for name in (*rates, SELECTION)}
    by_seed: dict[str, list[dict[str, float]]] = {name: [] for name in found}
    for one in called:
        for names, rows in ((tuple(rates), np.isfinite(label) & np.isfinite(one)), ((SELECTION,), np.isfinite(one))):
            rows = rows & (whose != "")
            if not rows.any():
                continue
            truth = label[rows] if SELECTION not in names else one[rows]
            frame = MetricFrame(
                metrics={name: rates.get(name, selection_rate) for name in names},
                y_true=truth.astype(int), y_pred=one[rows].astype(int), sensitive_features=whose[rows],
            )  # fmt: skip
            for name in names:
                by_seed[name].append(frame.by_group[name].to_dict())
    for name, tables in by_seed.items():
        for cell in cells:
            values = [t[cell] for t in tables if cell in t]
            if values and _counts(name, label, called, cells[cell]):
                found[name][cell] = float(np.mean(values))
    return found


def _counts(name: str, label: np.ndarray, called: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether a rate of a cell counts any row."""
    scored = np.isfinite(called).all(axis=0) & mask
    among = {TPR: label == 1, FPR: label == 0, ACCURACY: np.isfinite(label), SELECTION: np.ones(len(label), bool)}
    return bool((scored & among[name]).any())
