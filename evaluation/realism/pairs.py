"""How alike two samples of one condition are: synthetic pairs beside real pairs of different patients.

Pairs that are more alike than real ones show a generator that repeats itself; less alike, one that does not
keep to the condition. A condition's mean is over its pairs, and the value is the mean over conditions, so a
condition with many samples does not count for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ...conditioning.seeds import stream
from .floors import Measured, floors
from .resampling import around, patient_weights
from .samples import Sample

FEWEST_PAIRS = 3  # of a condition, below which it does not count


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows of one side.

    Attributes:
        first: row numbers.
        second: row numbers.
        condition: number of the condition that both rows have.
        likeness: how alike they are.
        patients: whose each row is.
    """

    first: Int[np.ndarray, " pairs"]
    second: Int[np.ndarray, " pairs"]
    condition: Int[np.ndarray, " pairs"]
    likeness: Float[np.ndarray, " pairs"]
    patients: Sequence[str]

    def means(self, weight: Float[np.ndarray, "draws rows"], conditions: int) -> Float[np.ndarray, "draws conditions"]:
        """Return the mean likeness of each condition in each draw; NaN where it has too few pairs."""
        out = np.full((len(weight), conditions), np.nan)
        for c in range(conditions):
            mine = np.flatnonzero(self.condition == c)
            w = weight[:, self.first[mine]] * weight[:, self.second[mine]]
            drawn, total = (w > 0).sum(axis=1), w.sum(axis=1)
            enough = drawn >= FEWEST_PAIRS
            out[enough, c] = (w @ self.likeness[mine])[enough] / total[enough]
        return out


def same_condition_pairs(
    conditions: Sequence[str], patients: Sequence[str]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Return all pairs of rows of one condition and of different patients."""
    condition, patient = np.asarray(conditions), np.asarray(patients)
    first, second = np.triu_indices(len(condition), 1)
    kept = (condition[first] == condition[second]) & (patient[first] != patient[second])
    return first[kept], second[kept]


def likeness_gap(
    name: str, real: Pairs, synthetic: Pairs, conditions: int, *, seed: int, resamples: int = 200, splits: int = 50
) -> Measured:
    """Return how much more alike synthetic pairs are than real ones: the mean over conditions that both have.

    Args:
        name: of the metric.
        real: pairs of real rows of different patients.
        synthetic: pairs of synthetic rows.
        conditions: how many conditions there are.
        seed: seed of resamples and splits.
        resamples: of the bootstrap over patients.
        splits: random halves for the floor.

    Returns:
        `floor` is that of one real half against the other, so its middle is 0.
    """
    sides = (real, synthetic)
    rng = stream(seed, f"realism.pairs/{name}")
    weights = patient_weights([s.patients for s in sides], resamples, rng)
    ones = [np.ones((1, len(s.patients))) for s in sides]
    value = _gaps(real, synthetic, ones[0], ones[1], conditions)[0]
    draws = _gaps(real, synthetic, weights[0], weights[1], conditions)
    n = min(len(s.patients) for s in sides)
    rows = [Sample(np.arange(len(s.patients), dtype=float)[:, None], s.patients) for s in sides]
    # A half of the real rows meets real rows or synthetic ones: the side is told by which table of pairs is used.
    marked = Sample(rows[1].x + len(rows[0]), rows[1].patients)

    def measure(a: Sample, b: Sample) -> dict[str, float]:
        other = synthetic if b.x[0, 0] >= len(rows[0]) else real
        index_b = b.x[:, 0].astype(np.int64) - (len(rows[0]) if other is synthetic else 0)
        w_a, w_b = _chosen(a.x[:, 0].astype(np.int64), len(rows[0])), _chosen(index_b, len(other.patients))
        return {name: float(_gaps(real, other, w_a, w_b, conditions)[0])}

    halves = floors(rows[0], marked, measure, seed=seed, splits=splits)
    return Measured(name, around(float(value), draws, n), *halves[name])


def _chosen(index: np.ndarray, n: int) -> np.ndarray:
    weight = np.zeros((1, n))
    weight[0, index] = 1
    return weight


def _gaps(real: Pairs, synthetic: Pairs, w_r: np.ndarray, w_s: np.ndarray, conditions: int) -> np.ndarray:
    """Return the mean over conditions that both sides have of synthetic less real likeness, one a draw."""
    gap = synthetic.means(w_s, conditions) - real.means(w_r, conditions)
    known = np.isfinite(gap)
    count = known.sum(axis=1)
    return np.divide(np.where(known, gap, 0).sum(axis=1), count, out=np.full(len(gap), np.nan), where=count > 0)
