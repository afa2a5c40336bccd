"""Precision, recall, density and coverage: whether synthetic rows lie where real ones lie, and everywhere they do.

A row's neighbourhood is the open ball that reaches to its k-th nearest neighbour on its own side.
Precision: share of synthetic rows inside some real ball. Recall: share of real rows inside some synthetic
ball. Density: real balls round a synthetic row over k, 1 where the clouds are alike. Coverage: share of
real balls that hold a synthetic row.

Source: Kynkäänniemi et al. 2019; Naeem et al. 2020.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from ...conditioning.seeds import stream
from .floors import Measured, floors, side_rows
from .resampling import around, patient_weights, share_around
from .samples import Sample, check_sides

NAMES = ("precision", "recall", "density", "coverage")
K = 5
_BLOCK = 4_000_000  # distances held at once while neighbours are looked for


def prdc(real: Float[np.ndarray, "n d"], synthetic: Float[np.ndarray, "m d"], k: int = K) -> dict[str, float]:
    """Return precision, recall, density and coverage.

    Args:
        real: real rows.
        synthetic: synthetic rows.
        k: which neighbour a ball reaches to; less than the rows of either side.

    Raises:
        ValueError: `k` is out of range.
    """
    for x, name in ((real, "real"), (synthetic, "synthetic")):
        if not 1 <= k < len(x):
            raise ValueError(f"k is {k}; with {len(x)} {name} rows it must be from 1 to {len(x) - 1}")
    near = [np.concatenate([np.partition(d, k, axis=1)[:, k] for d in _blocks(x)]) for x in (real, synthetic)]
    ones = (np.ones(len(real)), np.ones(len(synthetic)))
    return dict(zip(NAMES, _counted(cdist(real, synthetic), near[0], near[1], *ones, k), strict=True))


def neighbourhoods(
    real: Sample, synthetic: Sample, *, seed: int, k: int = K, resamples: int = 200, splits: int = 50
) -> tuple[Measured, ...]:
    """Return the four metrics with their intervals over patients and their floors.

    In a resample a row is no neighbour of its own copies, and a patient's rows are neighbours of one
    another once; both would shrink the balls, which no new patient does.

    Args:
        real: real features, (n, d); n times m distances are held at once.
        synthetic: synthetic features, (m, d).
        seed: seed of resamples and splits.
        k: which neighbour a ball reaches to.
        resamples: of the bootstrap.
        splits: random halves for the floors.

    Raises:
        ValueError: too few patients on a side, or fewer than k + 1 rows in a half.
    """
    check_sides(real, synthetic)
    if not 1 <= k < side_rows(real, synthetic):
        raise ValueError(f"k is {k}; halves of {side_rows(real, synthetic)} rows allow 1 to one less")
    value = prdc(real.x, synthetic.x, k)
    weights = patient_weights([real.patients, synthetic.patients], resamples, stream(seed, "realism.prdc"))
    between, near = cdist(real.x, synthetic.x), [_Near.of(s, k) for s in (real, synthetic)]
    draws = np.array(
        [_counted(between, near[0].radius(a, k), near[1].radius(b, k), a, b, k) for a, b in zip(*weights, strict=True)]
    )
    halves = floors(real, synthetic, lambda a, b: prdc(a.x, b.x, k), seed=seed, splits=splits)
    n = min(len(real), len(synthetic))
    counted = {"precision": synthetic.n_patients, "recall": real.n_patients, "coverage": real.n_patients}
    return tuple(
        Measured(
            name,
            share_around(value[name], draws[:, i], n, counted[name])
            if name in counted
            else around(value[name], draws[:, i], n, (0.0, math.inf)),
            *halves[name],
        )
        for i, name in enumerate(NAMES)
    )


@dataclass(frozen=True)
class _Near:
    """The nearest rows of each row, nearest first: enough of them that any resample holds k."""

    distance: np.ndarray
    index: np.ndarray
    same_patient: np.ndarray

    @classmethod
    def of(cls, sample: Sample, k: int) -> _Near:
        keep = min(len(sample) - 1, 4 * k + 20)
        distances, indices = [], []
        for d in _blocks(sample.x, own=np.inf):
            index = np.argpartition(d, keep - 1, axis=1)[:, :keep]
            index = np.take_along_axis(index, np.argsort(np.take_along_axis(d, index, 1), axis=1), 1)
            distances.append(np.take_along_axis(d, index, 1))
            indices.append(index)
        at = np.concatenate(indices)
        _, code = np.unique(np.asarray(sample.patients), return_inverse=True)
        return cls(np.concatenate(distances), at, code[at] == code[:, None])

    def radius(self, weight: np.ndarray, k: int) -> np.ndarray:
        """Return the distance at which the rows drawn reach k; 0 for a row that is not drawn."""
        w = weight[self.index]
        reached = np.cumsum(np.where(self.same_patient, np.minimum(w, 1), w), axis=1) >= k
        last = np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1] - 1)
        return np.where(weight > 0, self.distance[np.arange(len(w)), last], 0.0)


def _blocks(x: np.ndarray, own: float = 0.0) -> Iterator[np.ndarray]:
    """Give the distances of a cloud to itself, some rows at a time; `own` stands on the diagonal."""
    rows = max(1, _BLOCK // len(x))
    for start in range(0, len(x), rows):
        d = cdist(x[start : start + rows], x)
        d[np.arange(len(d)), start + np.arange(len(d))] = own
        yield d


def _counted(
    between: np.ndarray, radius_r: np.ndarray, radius_s: np.ndarray, w_r: np.ndarray, w_s: np.ndarray, k: int
) -> tuple[float, float, float, float]:
    """Return the four metrics of rows that count as often as weighted; a row of weight 0 has radius 0."""
    in_real = between < radius_r[:, None]
    in_synthetic = between < radius_s[None, :]
    held = in_real @ w_s  # synthetic rows inside each real ball
    return (
        float(w_s @ in_real.any(axis=0) / w_s.sum()),
        float(w_r @ in_synthetic.any(axis=1) / w_r.sum()),
        float(w_r @ held / (k * w_s.sum())),
        float(w_r @ (held > 0) / w_r.sum()),
    )
