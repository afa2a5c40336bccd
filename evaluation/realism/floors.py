"""The floor: what a metric says of two halves of the same real data, at the rows it is compared at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...conditioning.seeds import stream
from ..result import Result, unknown_result
from .samples import Sample

Metrics = Callable[[Sample, Sample], Mapping[str, float]]


@dataclass(frozen=True)
class Measured:
    """One metric of real against synthetic.

    Attributes:
        name: the metric.
        whole: all rows, with a bootstrap interval over patients.
        floor: one real half against the other: median and central 95 % over random splits; n is rows a side.
        matched: a real half against as many synthetic rows, likewise; this is what the floor is compared with.
    """

    name: str
    whole: Result
    floor: Result
    matched: Result

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; NaN becomes None."""
        parts = {"whole": self.whole, "floor": self.floor, "matched": self.matched}
        return {"name": self.name} | {key: part.as_dict() for key, part in parts.items()}


def side_rows(real: Sample, other: Sample) -> int:
    """Return how many rows a side of a floor has: as many as two disjoint real halves and `other` can give.

    A half is made of whole patients, so the rows of the largest patient are set aside for the cut.
    """
    largest = Counter(real.patients).most_common(1)[0][1]
    return min((len(real) - (largest - 1)) // 2, len(other))


def floors(
    real: Sample, other: Sample, metrics: Metrics, *, seed: int, splits: int
) -> dict[str, tuple[Result, Result]]:
    """Return (floor, matched) of each metric.

    Args:
        real: real rows; split by patient.
        other: synthetic rows.
        metrics: takes real rows first.
        seed: seed of the splits.
        splits: random splits, one or more.

    Raises:
        ValueError: no split is asked for.
    """
    if splits < 1:
        raise ValueError(f"splits is {splits}; a floor needs one or more")
    size = side_rows(real, other)
    halves: list[Mapping[str, float]] = []
    against: list[Mapping[str, float]] = []
    for split in range(splits):
        rng = stream(seed, f"realism.floor/{split}")
        first, second = _halves(real, size, rng)
        halves.append(metrics(first, second))
        against.append(metrics(first, other.rows(_shuffled(other, rng)[:size])))
    return {name: (_spread(halves, name, size), _spread(against, name, size)) for name in halves[0]}


def _shuffled(sample: Sample, rng: np.random.Generator) -> np.ndarray:
    """Return all rows, patients in random order and each patient's rows together."""
    names, code = np.unique(np.asarray(sample.patients), return_inverse=True)
    place = rng.permutation(len(names))[code]
    return np.lexsort((rng.random(len(code)), place))


def _halves(real: Sample, size: int, rng: np.random.Generator) -> tuple[Sample, Sample]:
    order = _shuffled(real, rng)
    first = order[:size]
    taken = {real.patients[i] for i in first.tolist()}
    rest = np.array([i for i in order[size:].tolist() if real.patients[i] not in taken], dtype=np.int64)
    return real.rows(first), real.rows(rest[:size])


def _spread(values: list[Mapping[str, float]], name: str, n: int) -> Result:
    x = np.array([v[name] for v in values])
    x = x[np.isfinite(x)]
    if not len(x):
        return unknown_result(n)
    low, middle, high = np.quantile(x, [0.025, 0.5, 0.975])
    return Result(float(middle), float(low), float(high), n)
