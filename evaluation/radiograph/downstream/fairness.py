"""Who is sick and called healthy: the false `No Finding` rate of each group, and how far groups lie apart.

Source: Seyyed-Kalantari et al., "Underdiagnosis bias of artificial intelligence algorithms applied to chest
radiographs in under-served patient populations", Nature Medicine 2021.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

from ...downstream import mean
from ...fairness.cells import axis_name
from ...fairness.gaps import spread, wandering
from ...fairness.rates import cell_rates
from .examples import ATTRIBUTES

__all__ = ["AXES", "FEWEST_SICK", "axis_name", "cells", "compared", "gap", "noise_gap", "underdiagnosis"]

FEWEST_SICK = 10  # patients: a smaller cell is shown and compared with none
AXES: tuple[tuple[str, ...], ...] = (
    ("sex",), ("age band",), ("view",), ("sex", "age band"), ("sex", "view"), ("age band", "view"),
)  # fmt: skip


def cells(axis: Sequence[str], attribute: Int[np.ndarray, "n 3"]) -> dict[str, Bool[np.ndarray, " n"]]:
    """Return which rows belong to each cell of an axis, by a name such as `F ap`; cells without a row are left out.

    Args:
        axis: attributes that are crossed.
        attribute: (n, 3): places in the lists of `ATTRIBUTES`, -1 where it is not stated.
    """
    columns = [list(ATTRIBUTES).index(name) for name in axis]
    made = {}
    for place in product(*(range(len(ATTRIBUTES[name])) for name in axis)):
        mask = np.all(attribute[:, columns] == place, axis=1)
        if mask.any():
            made[" ".join(ATTRIBUTES[name][k] for name, k in zip(axis, place, strict=True))] = mask
    return made


def underdiagnosis(
    sick: Bool[np.ndarray, " n"], called_healthy: Bool[np.ndarray, " n"], weight: Float[np.ndarray, "resamples n"]
) -> Float[np.ndarray, " resamples"]:
    """Return the share of sick rows that are called healthy; NaN where none is sick."""
    return mean(missed(sick, called_healthy), weight)


def missed(sick: Bool[np.ndarray, " n"], called_healthy: Bool[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return 1 for a sick row that is called healthy, 0 for another sick one, NaN for a healthy one."""
    return np.where(sick, called_healthy.astype(float), np.nan)


def compared(
    axis: Sequence[str], attribute: Int[np.ndarray, "n 3"], sick: Bool[np.ndarray, " n"],
    patient: Int[np.ndarray, " n"], fewest: int = FEWEST_SICK,
) -> dict[str, Bool[np.ndarray, " n"]]:  # fmt: skip
    """Return the cells of an axis that hold enough sick patients to be compared."""
    found = cells(axis, attribute)
    return {name: mask for name, mask in found.items() if len(np.unique(patient[mask & sick])) >= fewest}


def gap(
    cell: Mapping[str, Bool[np.ndarray, " n"]], sick: Bool[np.ndarray, " n"], called_healthy: Bool[np.ndarray, " n"],
    weight: Float[np.ndarray, "resamples n"],
) -> Float[np.ndarray, " resamples"]:  # fmt: skip
    """Return the largest false `No Finding` rate of the cells less the smallest; NaN with fewer than two cells.

    A gap of noisy rates is above zero even where all are treated alike: see `noise_gap`.

    Args:
        cell: rows of each cell that is compared.
        sick: which rows show a disease.
        called_healthy: which rows the classifier calls healthy.
        weight: how often each row counts.
    """
    return spread(cell_rates(missed(sick, called_healthy), cell, weight))


def noise_gap(
    cell: Mapping[str, Bool[np.ndarray, " n"]], sick: Bool[np.ndarray, " n"], called_healthy: Bool[np.ndarray, " n"],
    weight: Float[np.ndarray, "resamples n"], level: float = 0.95,
) -> float:  # fmt: skip
    """Return the gap that the draw of patients alone stays under in 95 of 100 cases where all cells are treated alike.

    Each cell's rate is drawn about its own mean, so that what is left is how far such rates wander.

    Args:
        cell: rows of each cell that is compared.
        sick: which rows show a disease.
        called_healthy: which rows the classifier calls healthy.
        weight: resamples of patients, from `patient_weights`.
        level: share of the cases.
    """
    if len(cell) < 2:
        return float("nan")
    return float(np.nanquantile(wandering(missed(sick, called_healthy), cell, weight), level))
