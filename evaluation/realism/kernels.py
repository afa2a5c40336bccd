"""Squared maximum mean discrepancy of two clouds under any kernel, in blocks: no table of all pairs is held.

`unbiased` leaves out pairs of one patient, as it does pairs of a row with itself: two rows of one patient are alike
for a reason that is none of the distribution's. Rows of one distribution give 0 on average, and a negative value is
one below that. `v` counts every pair, itself included: it is never negative, and grows as rows get fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, Num

from .samples import Sample

Estimator = Literal["unbiased", "v"]
_TILE = 4_000_000  # kernel values held at once
SINGLE = 4096  # rows of either side above which inner products are taken in float32

# (inner products (a, b), squared norms (a, 1), squared norms (1, b)) -> kernel values
Kernel = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def cubic(features: int) -> Kernel:
    """Return (x.y / features + 1)^3.

    Source: Bińkowski et al. 2018, arXiv 1801.01401.
    """

    def kernel(dots: np.ndarray, _a: np.ndarray, _b: np.ndarray) -> np.ndarray:
        base = dots / features + 1
        return np.asarray(base * base * base)

    return kernel


def gaussian(sigma: float) -> Kernel:
    """Return exp(-|x - y|^2 / (2 sigma^2)).

    Raises:
        ValueError: sigma is not above 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma:g}; a kernel's width is above 0")

    def kernel(dots: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(np.minimum(2 * dots - a - b, 0) / (2 * sigma**2))

    return kernel


class KernelSums:
    """The pairs within and between two clouds, gone through once for all resamples."""

    def __init__(self, real: Sample, synthetic: Sample, kernel: Kernel, estimator: Estimator = "unbiased") -> None:
        """Take two clouds.

        Above 4,096 rows inner products are taken in float32, which moves a value by about 1e-7 of the kernel's mean;
        sums are in float64 always.
        """
        single = max(len(real), len(synthetic)) > SINGLE
        self._sides = [_Side(s, single) for s in (real, synthetic)]
        self._kernel, self._all = kernel, estimator == "v"

    def distances(
        self, real: Float[np.ndarray, "draws n"], synthetic: Float[np.ndarray, "draws m"]
    ) -> Float[np.ndarray, " draws"]:
        """Return the distance when rows count as often as weighted; NaN where a side has no pair that counts."""
        weights = (real, synthetic)
        within = [self._within(side, w) for side, w in zip(self._sides, weights, strict=True)]
        return np.asarray(within[0] + within[1] - 2 * self._across(*weights))

    def _within(self, side: _Side, w: np.ndarray) -> np.ndarray:
        total, n = np.zeros(len(w)), len(side.x)
        step = max(1, min(2048, _TILE // max(1, n)))
        for start in range(0, n, step):
            stop = min(n, start + step)
            k = self._values(side, slice(start, stop), side, slice(start, n))
            if not self._all:
                k *= side.code[start:stop, None] != side.code[None, start:]
            k[:, : stop - start] *= 0.5  # the square on the diagonal is met once, what lies right of it for two
            total += 2 * ((w[:, start:stop] @ k) * w[:, start:]).sum(axis=1)
        by_patient = np.stack([np.bincount(side.code, row) for row in w])
        pairs = w.sum(axis=1) ** 2 - (0 if self._all else (by_patient**2).sum(axis=1))
        return np.divide(total, pairs, out=np.full(len(w), np.nan), where=pairs > 1e-9)

    def _across(self, w: np.ndarray, v: np.ndarray) -> np.ndarray:
        a, b = self._sides
        total = np.zeros(len(w))
        step = max(1, min(2048, _TILE // max(1, len(b.x))))
        for start in range(0, len(a.x), step):
            rows = slice(start, min(len(a.x), start + step))
            total += ((w[:, rows] @ self._values(a, rows, b, slice(None))) * v).sum(axis=1)
        pairs = w.sum(axis=1) * v.sum(axis=1)
        return np.divide(total, pairs, out=np.full(len(w), np.nan), where=pairs > 0)

    def _values(self, a: _Side, rows: slice, b: _Side, columns: slice) -> np.ndarray:
        dots = (a.x[rows] @ b.x[columns].T).astype(np.float64, copy=False)
        return self._kernel(dots, a.norm[rows, None], b.norm[None, columns])


class _Side:
    def __init__(self, sample: Sample, single: bool) -> None:
        self.x: Num[np.ndarray, "n d"] = sample.x.astype(np.float32) if single else sample.x
        self.norm = np.einsum("ij,ij->i", self.x, self.x, dtype=np.float64)
        self.code = np.unique(np.asarray(sample.patients), return_inverse=True)[1]


def once(sample: Sample) -> Float[np.ndarray, "one n"]:
    """Return weights under which every row counts once."""
    return np.ones((1, len(sample)))
