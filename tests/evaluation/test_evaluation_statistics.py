"""Distances, floors and intervals: closed forms, and the same on ECG features and on made images."""

import numpy as np
import pytest
from clinsynth.evaluation.comparison import Feature, compare, furthest
from clinsynth.evaluation.groups import Group
from clinsynth.evaluation.statistics import bootstrap, floor, kolmogorov_smirnov, matched, wasserstein
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

SEEDS = range(60)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 60), m=st.integers(2, 60), seed=st.integers(0, 1000))
def test_distances_agree_with_scipy(n, m, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(n).round(1), 0.5 + rng.standard_normal(m).round(1)
    assert float(wasserstein(x, y)) == pytest.approx(wasserstein_distance(x, y), abs=1e-12)
    assert float(kolmogorov_smirnov(x, y)) == pytest.approx(ks_2samp(x, y).statistic, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_a_shifted_gaussian_lies_its_shift_away(shift):
    x = np.random.default_rng(0).standard_normal(4000)
    assert float(wasserstein(x, x + shift)) == pytest.approx(shift, abs=1e-9)
    other = np.random.default_rng(1).standard_normal(4000) + shift
    assert float(wasserstein(x, other)) == pytest.approx(shift, abs=0.06)


def test_floors_shrink_as_samples_grow():
    rng = np.random.default_rng(0)
    floors = [floor(rng.standard_normal(n), wasserstein, SEEDS).value for n in (40, 160, 640)]
    assert floors[0] > 1.5 * floors[1] > 2.0 * floors[2]


def test_the_same_population_lies_about_one_floor_away():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(20):
        real, other = rng.standard_normal(100), rng.standard_normal(400)
        ratios.append(matched(real, other, wasserstein, SEEDS).value / floor(real, wasserstein, SEEDS).value)
    assert np.median(ratios) == pytest.approx(1.0, abs=0.25)


def test_nan_is_dropped_and_counted():
    x = np.concatenate([np.random.default_rng(0).standard_normal(50), np.full(50, np.nan)])
    assert floor(x, wasserstein, SEEDS).n == 25
    assert not floor(np.full(9, np.nan), wasserstein, SEEDS).known


def test_bootstrap_interval_holds_the_mean_and_repeats_by_seed():
    inside = 0
    for k in range(60):
        x = np.random.default_rng(k).standard_normal(80)
        result = bootstrap([x], lambda v, axis=-1: np.mean(v, axis=axis), rng=np.random.default_rng(1))
        again = bootstrap([x], lambda v, axis=-1: np.mean(v, axis=axis), rng=np.random.default_rng(1))
        assert result == again
        inside += result.low <= 0 <= result.high
    assert inside >= 51


def ecg_columns(n, seed):
    from clinsynth.conditioning.ecg import EcgCondition
    from clinsynth.generators.ecg.simulator import simulate

    records = [simulate(EcgCondition(duration_s=2.0), s) for s in range(seed, seed + n)]
    return {"height_mv": np.array([np.ptp(r.arrays["signal"][1]) for r in records], float)}


def image_columns(n, seed):
    images = np.random.default_rng(seed).gamma(2.0, 1.0, (n, 8, 8))
    return {"height_mv": images.max(axis=(1, 2))}


@pytest.mark.parametrize("columns", [ecg_columns, image_columns])
def test_a_feature_that_is_moved_stands_out_and_an_unmoved_one_does_not(columns):
    real, same = columns(80, 0), columns(160, 1000)
    everyone = Group("all", "all", np.ones(80, bool), np.ones(160, bool))
    feature = Feature(name="height_mv", label="Height", unit="mV", family="made", digits=2)
    (row,) = compare([feature], real, same, [everyone], seed=0)
    moved = {"height_mv": same["height_mv"] + 3 * row.floor.value + np.ptp(real["height_mv"]) / 2}
    (far,) = compare([feature], real, moved, [everyone], seed=0)
    assert row.ratio < 1.8 and not row.stands_out or row.ratio < 2.2
    assert far.stands_out and far.ratio > 2 * row.ratio and furthest([far]) == (far,)
    assert far.wasserstein.low <= far.wasserstein.value <= far.wasserstein.high


def test_a_missing_column_is_named():
    feature = Feature(name="height_mv", label="Height", unit="mV", family="made", digits=2)
    with pytest.raises(ValueError, match="'height_mv' has no column in the synthetic table"):
        compare([feature], {"height_mv": np.ones(4)}, {}, [], seed=0)
