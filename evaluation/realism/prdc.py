"""Precision, recall, density and coverage: whether synthetic rows lie where real ones lie, and everywhere they do.

A row's neighbourhood is the open ball that reaches to its k-th nearest neighbour on its own side.
Precision: share of synthetic rows inside some real ball. Recall: share of real rows inside some synthetic
ball. Density: real balls round a synthetic row over k, 1 where the clouds are alike. Coverage: share of
real balls that hold a synthetic row.

Distances are never held all at once (see `distances`), so 50,000 rows of 2,048 features fit in a few GiB.

Source: Kynkäänniemi et al. 2019; Naeem et al. 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from .distances import Rounded, nearest_others, pairs_within, reaches, rounded, squared_distances
from .floors import Measured, floors, side_rows
from .resampling import around, patient_weights, share_around
from .samples import Sample, check_sides

NAMES = ("precision", "recall", "density", "coverage")
K = 5


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
    clouds = rounded(real, synthetic)
    radius = [reaches(cloud, k) for cloud in clouds]
    held, found, reached = np.zeros(len(real)), np.zeros(len(synthetic), bool), np.zeros(len(real), bool)
    for i, j, in_real, in_synthetic in pairs_within(clouds[0], clouds[1], radius[0], radius[1]):
        held += np.bincount(i[in_real], minlength=len(real))
        found[j[in_real]] = True
        reached[i[in_synthetic]] = True
    shares = (found.mean(), reached.mean(), held.sum() / (k * len(synthetic)), (held > 0).mean())
    return dict(zip(NAMES, map(float, shares), strict=True))


def neighbourhoods(
    real: Sample, synthetic: Sample, *, seed: int, k: int = K, resamples: int = 200, splits: int = 50
) -> tuple[Measured, ...]:
    """Return the four metrics with their intervals over patients and their floors.

    In a resample a row is no neighbour of its own copies, and a patient's rows are neighbours of one
    another once; both would shrink the balls, which no new patient does.

    Args:
        real: real features, (n, d).
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
    clouds = rounded(real.x, synthetic.x)
    near = [_Near.of(cloud, s.patients, k) for cloud, s in zip(clouds, (real, synthetic), strict=True)]
    between = _Between.of(clouds, near)
    draws = np.array(
        [between.counted(near[0].radius(a, k), near[1].radius(b, k), a, b, k) for a, b in zip(*weights, strict=True)]
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
    def of(cls, cloud: Rounded, patients: Sequence[str], k: int) -> _Near:
        found = nearest_others(cloud, min(len(cloud) - 1, 4 * k + 20))
        _, code = np.unique(np.asarray(patients), return_inverse=True)
        return cls(np.sqrt(found.squared), found.index, code[found.index] == code[:, None])

    def radius(self, weight: np.ndarray, k: int) -> np.ndarray:
        """Return the distance at which the rows drawn reach k; 0 for a row that is not drawn."""
        w = weight[self.index]
        reached = np.cumsum(np.where(self.same_patient, np.minimum(w, 1), w), axis=1) >= k
        last = np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1] - 1)
        return np.where(weight > 0, self.distance[np.arange(len(w)), last], 0.0)


@dataclass(frozen=True)
class _Between:
    """The pairs of a real and a synthetic row that some resample may hold to be neighbours."""

    real: np.ndarray
    synthetic: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, clouds: tuple[Rounded, ...], near: list[_Near]) -> _Between:
        most = [np.nextafter(n.distance[:, -1] ** 2, np.inf) for n in near]
        found = [(i, j) for i, j, _, _ in pairs_within(clouds[0], clouds[1], *most)]
        i, j = (np.concatenate([f[side] for f in found]) for side in (0, 1))
        return cls(i, j, np.sqrt(squared_distances(clouds[0].x, i, clouds[1].x, j)))

    def counted(
        self, radius_r: np.ndarray, radius_s: np.ndarray, w_r: np.ndarray, w_s: np.ndarray, k: int
    ) -> tuple[float, float, float, float]:
        """Return the four metrics of rows that count as often as weighted; a row of weight 0 has radius 0."""
        in_real = self.distance < radius_r[self.real]
        in_synthetic = self.distance < radius_s[self.synthetic]
        i, j = self.real[in_real], self.synthetic[in_real]
        held = np.bincount(i, w_s[j], minlength=len(w_r))  # synthetic rows inside each real ball
        found, reached = np.zeros(len(w_s), bool), np.zeros(len(w_r), bool)
        found[j], reached[self.real[in_synthetic]] = True, True
        return (
            float(w_s @ found / w_s.sum()),
            float(w_r @ reached / w_r.sum()),
            float(w_r @ held / (k * w_s.sum())),
            float(w_r @ (held > 0) / w_r.sum()),
        )
