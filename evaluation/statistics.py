"""Distances between two samples, their intervals, and the floor that real data set under them.

NaN is "not measured": every function drops it first, and `n` counts what is left. Infinity is
refused. Metrics work along the last axis, so that a thousand resamples cost one call.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from .result import Result, unknown_result

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]
Z = 1.959963984540054  # of a normal distribution, 2.5 % lie beyond it
JACKKNIFE_LIMIT = 2000  # BCa recomputes the statistic once per observation: n log n times n


def finite(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Return `x` without its NaN.

    Raises:
        ValueError: `x` holds infinity, which is a fault and not a missing value.
    """
    x = np.asarray(x, dtype=float)
    if np.isinf(x).any():
        raise ValueError(f"{int(np.isinf(x).sum())} of {x.size} values are infinite; a missing value is NaN")
    return x[~np.isnan(x)]


@lru_cache(maxsize=512)
def _quantile_grid(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pieces on which both empirical quantile functions are constant, and their lengths."""
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    return (ends - 1) // m, (ends - 1) // n, np.diff(ends, prepend=0) / (n * m)


def wasserstein(x: Float[np.ndarray, "*batch n"], y: Float[np.ndarray, "*batch m"]) -> Float[np.ndarray, "*batch"]:
    """Return the 1-Wasserstein distance between samples, in the unit of the samples.

    It is the integral of |quantile of x - quantile of y|: how far, on average, a value has to move.

    Source: Vallender 1974; agrees with scipy.stats.wasserstein_distance.
    """
    i, j, weight = _quantile_grid(x.shape[-1], y.shape[-1])
    return np.asarray(np.abs(np.sort(x, axis=-1)[..., i] - np.sort(y, axis=-1)[..., j]) @ weight)


def kolmogorov_smirnov(
    x: Float[np.ndarray, "*batch n"], y: Float[np.ndarray, "*batch m"]
) -> Float[np.ndarray, "*batch"]:
    """Return the largest difference between the two empirical distribution functions, 0 to 1."""
    n, m = x.shape[-1], y.shape[-1]
    joined = np.concatenate([x, y], axis=-1)
    order = np.argsort(joined, axis=-1, kind="stable")
    values = np.take_along_axis(joined, order, axis=-1)
    gap = np.abs(np.cumsum(np.where(order < n, 1 / n, -1 / m), axis=-1))
    last_of_tie = np.diff(values, axis=-1, append=np.inf) > 0
    return np.asarray(np.max(gap * last_of_tie, axis=-1))


def bootstrap(
    samples: Sequence[Float[np.ndarray, " _"]],
    statistic: Callable[..., np.ndarray],
    *,
    rng: np.random.Generator,
    resamples: int = 300,
    level: float = 0.95,
) -> Result:
    """Return `statistic(*samples)` with its bootstrap interval.

    The interval is bias-corrected and accelerated (BCa), since a distance between resamples is larger
    than the one between samples; it falls back on percentiles where BCa has no answer (all values
    equal) and above 2000 observations, where the jackknife would be slow and the bias is small.

    Args:
        samples: 1-D samples, independent of each other; NaN is dropped.
        statistic: takes the samples with leading batch axes, works along the last.
        rng: the stream of the resampling.
        resamples: how many resamples.
        level: coverage asked for.

    Source: Efron 1987, through scipy.stats.bootstrap.
    """
    data = [finite(s) for s in samples]
    n = min(len(s) for s in data)
    if n < 2:
        return unknown_result(n)
    value = float(statistic(*data))
    total = sum(len(s) for s in data)
    key = int(rng.integers(2**63))
    for method in ("BCa", "percentile") if total <= JACKKNIFE_LIMIT else ("percentile",):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            warnings.filterwarnings("ignore", category=RuntimeWarning, module="scipy")
            interval = stats.bootstrap(
                data,
                lambda *s, axis=-1: statistic(*s),
                n_resamples=resamples,
                batch=max(1, 2_000_000 // total),
                vectorized=True,
                axis=-1,
                confidence_level=level,
                method=method,
                rng=np.random.default_rng(key),
            ).confidence_interval
        if np.isfinite([interval.low, interval.high]).all():
            return Result(value, float(interval.low), float(interval.high), n)
    return Result(value, value, value, n)


@lru_cache(maxsize=256)
def _draws(n: int, size: int, seeds: tuple[int, ...], salt: int) -> Int[np.ndarray, "seeds size"]:
    """Return, per seed, `size` indices out of `n` without repeats."""
    return np.stack([np.random.default_rng([seed, salt]).permutation(n)[:size] for seed in seeds])


def half_size(n_real: int, n_other: int | None = None) -> int:
    """Return how many observations a side of a floor has: half the real ones, at most all others."""
    return n_real // 2 if n_other is None else min(n_real // 2, n_other)


def floor(real: Float[np.ndarray, " n"], metric: Metric, seeds: Sequence[int], size: int | None = None) -> Result:
    """Return how far real lies from real: the distance between two disjoint random halves.

    Args:
        real: real values; NaN is dropped.
        metric: a distance that works along the last axis.
        seeds: one random split each.
        size: observations a side; half of the real ones when left out.

    Returns:
        The median over the splits, their central 95 % range, and the size of a side as n.
    """
    real = finite(real)
    size = half_size(len(real)) if size is None else size
    if size < 2:
        return unknown_result(size)
    order = _draws(len(real), 2 * size, tuple(seeds), 0)
    return _spread(metric(real[order[:, :size]], real[order[:, size:]]), size)


def matched(
    real: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " m"],
    metric: Metric,
    seeds: Sequence[int],
    size: int | None = None,
) -> Result:
    """Return the distance from real to other at the sample sizes of the floor.

    A distance shrinks as samples grow, so the full one must not be divided by a floor of halves:
    here half of the real values meets as many of the others, once per seed.

    Returns:
        The median over the draws, their central 95 % range, and the size of a side as n.
    """
    real, other = finite(real), finite(other)
    size = half_size(len(real), len(other)) if size is None else size
    if size < 2:
        return unknown_result(size)
    x = real[_draws(len(real), size, tuple(seeds), 0)]
    y = other[_draws(len(other), size, tuple(seeds), 1)]
    return _spread(metric(x, y), size)


def _spread(values: Float[np.ndarray, " splits"], n: int) -> Result:
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
    return Result(float(middle), float(low), float(high), n)


def wilson(share: float, n: int, patients: int | None = None) -> Result:
    """Return a share with Wilson's interval.

    Args:
        share: of the records that count, 0 to 1; NaN where there are none.
        n: records.
        patients: independent ones among them, on which the interval rests; as many as records when None.

    Source: Wilson 1927.
    """
    k = n if patients is None else patients
    if k < 1 or not math.isfinite(share):
        return unknown_result(n)
    middle = (share + Z**2 / (2 * k)) / (1 + Z**2 / k)
    half = Z * math.sqrt(share * (1 - share) / k + Z**2 / (4 * k**2)) / (1 + Z**2 / k)
    return Result(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)), n)
