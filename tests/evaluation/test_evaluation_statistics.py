"""Distances, their intervals and floors: closed forms, the reference library, and what must not matter."""

import numpy as np
import pytest
from clinsynth.evaluation.result import Result, unknown_result
from clinsynth.evaluation.statistics import (
    bootstrap,
    finite,
    floor,
    half_size,
    kolmogorov_smirnov,
    matched,
    wasserstein,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

SEEDS = range(100)
# Steps of a quarter make ties, which continuous numbers never would.
SAMPLES = st.lists(st.integers(-20, 20).map(lambda k: k / 4), min_size=2, max_size=30).map(np.array)


@given(SAMPLES, SAMPLES)
@settings(max_examples=100, deadline=None)
def test_distances_agree_with_scipy(x, y):
    assert wasserstein(x, y) == pytest.approx(stats.wasserstein_distance(x, y), abs=1e-12)
    assert kolmogorov_smirnov(x, y) == pytest.approx(stats.ks_2samp(x, y).statistic, abs=1e-12)


@given(SAMPLES, SAMPLES)
@settings(max_examples=50, deadline=None)
def test_distances_are_symmetric_and_zero_only_on_themselves(x, y):
    for metric in (wasserstein, kolmogorov_smirnov):
        assert metric(x, y) == pytest.approx(metric(y, x), abs=1e-12)
        assert metric(x, np.random.default_rng(0).permutation(x)) == pytest.approx(0, abs=1e-12)


@given(SAMPLES, st.floats(-5, 5))
@settings(max_examples=50, deadline=None)
def test_a_shift_by_d_is_d_away(x, d):
    assert wasserstein(x, x + d) == pytest.approx(abs(d), abs=1e-9)


def test_gaussians_have_their_closed_form():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, 40000), rng.normal(0.7, 1, 40000)
    assert wasserstein(x, y) == pytest.approx(0.7, abs=0.03)  # equal widths: the difference of the means
    wide = rng.normal(0, 3, 40000)
    assert wasserstein(x, wide) == pytest.approx(2 * np.sqrt(2 / np.pi), abs=0.06)  # (s2 - s1) E|Z|
    assert kolmogorov_smirnov(x, y) == pytest.approx(2 * stats.norm.cdf(0.35) - 1, abs=0.02)


def test_batched_distances_are_those_of_the_rows():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(5, 17)), rng.normal(size=(5, 23))
    for metric in (wasserstein, kolmogorov_smirnov):
        rows = [float(metric(a, b)) for a, b in zip(x, y, strict=True)]
        assert metric(x, y) == pytest.approx(rows)


def test_intervals_cover_a_known_distance_and_depend_on_the_stream_alone():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(40):
        result = bootstrap([rng.normal(0, 1, 60), rng.normal(1, 1, 90)], wasserstein, rng=rng, resamples=200)
        assert result.low <= result.high and result.n == 60
        covered += result.low <= 1 <= result.high
    assert covered >= 32  # asked for 95 %; 40 trials of a truly 90 % interval pass this in 97 of 100 runs
    x, y = rng.normal(size=20), rng.normal(size=30)
    same = [bootstrap([x, y], wasserstein, rng=np.random.default_rng(7)) for _ in range(2)]
    assert same[0] == same[1]


def test_missing_values_are_dropped_counted_and_never_spread():
    x, y = np.array([1.0, np.nan, 2.0, 3.0]), np.array([np.nan, 2.0, 3.0, 4.0])
    result = bootstrap([x, y], wasserstein, rng=np.random.default_rng(0))
    assert result.n == 3 and result.value == pytest.approx(1.0)
    assert bootstrap([x[:2], y], wasserstein, rng=np.random.default_rng(0)).n == 1
    assert not bootstrap([x[:2], y], wasserstein, rng=np.random.default_rng(0)).known
    with pytest.raises(ValueError, match="2 of 3 values are infinite"):
        finite(np.array([np.inf, 1.0, -np.inf]))


def test_equal_values_have_an_interval_of_no_width():
    x = np.full(12, 5.0)
    result = bootstrap([x, x + 2], wasserstein, rng=np.random.default_rng(0))
    assert (result.value, result.low, result.high) == (2.0, 2.0, 2.0)


def test_floors_shrink_as_the_root_of_n():
    rng = np.random.default_rng(4)
    floors = [floor(rng.normal(size=n), wasserstein, SEEDS).value for n in (40, 160, 640)]
    assert floors[0] > floors[1] > floors[2]
    assert floors[0] / floors[2] == pytest.approx(4, rel=0.5)


@pytest.mark.parametrize("n_synthetic", [60, 400])
def test_samples_of_one_distribution_are_a_floor_apart_at_any_size(n_synthetic):
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(15):
        real, other = rng.normal(size=100), rng.normal(size=n_synthetic)
        size = half_size(100, n_synthetic)
        ratios.append(
            matched(real, other, wasserstein, SEEDS, size).value / floor(real, wasserstein, SEEDS, size).value
        )
    assert np.median(ratios) == pytest.approx(1, abs=0.2)


def test_too_few_values_have_no_floor_and_no_distance():
    few = np.array([1.0, 2.0, np.nan])
    assert not floor(few, wasserstein, SEEDS).known
    assert not matched(few, np.arange(9.0), wasserstein, SEEDS).known


def test_a_result_without_a_value_is_none_in_json():
    assert unknown_result(3).as_dict() == {"value": None, "low": None, "high": None, "n": 3}
    assert Result(1.0, 0.5, 2.0, 9).as_dict() == {"value": 1.0, "low": 0.5, "high": 2.0, "n": 9}
