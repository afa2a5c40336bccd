"""Whether larger groups are served better: correlation of size and performance, beside what chance gives.

Source: Tayebi Arasteh et al. 2024 relate AUROC to the size of subgroups.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism.resampling import around
from ..result import unknown_result
from .decisions import Decided
from .rates import Cells
from .result import SizeRow

FEWEST_GROUPS = 4  # a correlation of fewer says nothing


def size_row(
    d: Decided, axis: str, measure: str, cells: Cells, rates: Float[np.ndarray, "draws cells"],
    sizes: Mapping[str, int] | None, seed: int,
) -> SizeRow:  # fmt: skip
    """Return how the size of groups goes with their performance.

    Args:
        d: whose scores and of what.
        axis: attribute or crossing.
        measure: of the performance.
        cells: rows of each group.
        rates: performance of each group, of all rows first and then of each resample.
        sizes: rows that were trained on, by group; test rows where None.
        seed: of the sizes dealt out anew.
    """
    counted = "test rows" if sizes is None else "training rows"
    size = np.array([int(m.sum()) if sizes is None else sizes.get(c, 0) for c, m in cells.items()], dtype=float)
    known = np.isfinite(rates[0])
    x, y = size[known], rates[:, known]
    nothing = interval(unknown_result(int(known.sum())))
    why = ""
    if known.sum() < FEWEST_GROUPS:
        why = f"{int(known.sum())} groups have a figure; {FEWEST_GROUPS} are needed"
    elif np.ptp(x) == 0 or np.ptp(y[0]) == 0:
        why = "all groups are of one size or one performance"
    if why:
        return SizeRow(
            arm=d.arm, label=d.label, axis=axis, measure=measure, counted=counted, groups=int(known.sum()),
            pearson=nothing, spearman=nothing, pearson_chance=None, spearman_chance=None, unknown=why,
        )  # fmt: skip
    rng = stream(seed, f"fairness.size/{axis}/{measure}")
    found: dict[str, Any] = {}
    for kind, a, b in (("pearson", x, y), ("spearman", rankdata(x), rankdata(y, axis=1))):
        b = np.where(np.isfinite(y), b, np.nan)
        draws = correlations(a, b)
        found[kind] = interval(around(float(draws[0]), draws[1:], len(x), (-1.0, 1.0)))
        found[kind + "_chance"] = _dealt(a, b[0], rng)
    return SizeRow(
        arm=d.arm, label=d.label, axis=axis, measure=measure, counted=counted, groups=len(x), **found
    )  # fmt: skip


def correlations(x: Float[np.ndarray, " groups"], y: Float[np.ndarray, "rows groups"]) -> Float[np.ndarray, " rows"]:
    """Return the correlation of `x` with each row of `y`; NaN where a row is constant or not all known."""
    a, b = x - x.mean(), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((a @ a) * (b * b).sum(axis=1))
    return np.divide(b @ a, scale, out=np.full(len(y), np.nan), where=scale > 1e-12)


def _dealt(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, most: int = 2000) -> float:
    """Return the size of correlation that sizes dealt out anew stay under in 95 of 100 cases."""
    if len(x) <= 6:
        dealt = np.array(list(permutations(y.tolist())))
    else:
        dealt = rng.permuted(np.broadcast_to(y, (most, len(y))), axis=1)
    return float(np.quantile(np.abs(correlations(x, dealt)), 0.95))
