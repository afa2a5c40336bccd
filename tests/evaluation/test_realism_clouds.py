"""Clouds too large to hold, distances without excess, kernels, memory: closed forms, libraries and invariants."""

import json

import numpy as np
import pytest
import torch
from clinsynth.evaluation.realism import (
    Moments,
    MomentsStream,
    Sample,
    authenticity,
    c_t,
    frechet_distance,
    frechet_infinity,
    frechet_of,
    frechet_pooled,
    gaussian_mmd,
    generalisation,
    kernel_distance,
    kid_over_subsets,
    mmd,
    pooled,
    prdc,
    streamed,
)
from clinsynth.evaluation.realism import kernels as kernel_sums
from clinsynth.evaluation.realism.distances import nearest_others, pairs_within, reaches, rounded
from clinsynth.evaluation.realism.frechet import weighted_distance
from clinsynth.evaluation.realism.frechet_infinity import effective_directions
from clinsynth.evaluation.realism.jackknife import jackknife, patient_groups
from clinsynth.evaluation.realism.memorising import Mixture, authentic
from clinsynth.evaluation.realism.mmd import median_sigma, unit
from clinsynth.evaluation.realism.resampling import patient_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu


def sample(x, tag="r", rows=1):
    return Sample(x, [f"{tag}{i // rows}" for i in range(len(x))])


def gaussians(rng, n, d, gap=0.2):
    """Two Gaussians of known distance: another mean, and spreads of 0.5 to 1.5 against 1."""
    sd = np.linspace(0.5, 1.5, d)
    return rng.normal(size=(n, d)), gap + rng.normal(size=(n, d)) * sd, d * gap**2 + ((1 - sd) ** 2).sum()


# Moments


@given(st.integers(0, 2**32), st.lists(st.integers(1, 900), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_pieces_of_any_size_give_the_same_bits(seed, sizes):
    x = np.random.default_rng(seed).normal(3, 2, size=(sum(sizes), 5))
    whole, parts = Moments.of(x), streamed(np.split(x, np.cumsum(sizes)[:-1]))
    assert parts.n == whole.n and np.array_equal(parts.mean, whole.mean)
    assert np.array_equal(parts.scatter, whole.scatter)
    assert np.allclose(whole.scatter, (x - x.mean(0)).T @ (x - x.mean(0)), atol=1e-8)


def test_shards_give_the_same_bits_whoever_made_them_and_any_cut_agrees_to_rounding():
    x = 1e3 + np.random.default_rng(0).normal(size=(9000, 6)).astype(np.float32)
    shards = [x[k : k + 1000] for k in range(0, 9000, 1000)]

    def by_workers(workers):
        made = {}
        for worker in reversed(range(workers)):  # each takes every so-manieth shard and is done in its own time
            made |= {k: Moments.of(shards[k]) for k in range(worker, 9, workers)}
        return pooled([made[k] for k in range(9)])

    one = by_workers(1)
    for workers in (2, 4, 9):
        other = by_workers(workers)
        assert np.array_equal(one.mean, other.mean) and np.array_equal(one.scatter, other.scatter)
    cov = np.cov(x.astype(np.float64).T)
    for cut in (7, 800, 9000):
        m = pooled([Moments.of(x[k : k + cut]) for k in range(0, 9000, cut)])
        assert m.n == 9000 and np.abs(m.covariance - cov).max() < 1e-12 * 1e3  # of rows about 1,000
    back = Moments.from_arrays(one.arrays())
    assert back.n == one.n and np.array_equal(back.scatter, one.scatter)


def test_the_distance_of_streams_is_that_of_rows():
    rng = np.random.default_rng(1)
    x, y, _ = gaussians(rng, 3000, 12)
    streamed_x, streamed_y = streamed(np.array_split(x, 7)), streamed(np.array_split(y, 3))
    assert frechet_of(streamed_x, streamed_y) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    groups = [[Moments.of(z[k::10]) for k in range(10)] for z in (x, y)]
    found = frechet_pooled(*groups)
    assert found.value == pytest.approx(frechet_distance(x, y), rel=1e-9) and found.low < found.value < found.high
    assert found.n == 3000
    averaged = np.mean([frechet_distance(x[k::10], y[k::10]) for k in range(10)])
    assert averaged > found.high  # what averaging over shards would have said
    assert not frechet_pooled(groups[0][:1], groups[1]).known


def test_a_jackknife_covers_the_truth_of_a_mean():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(200):
        x = rng.normal(5, 2, size=120).reshape(12, 10)
        left_out = [np.delete(x, k, axis=0).mean() for k in range(12)]
        found = jackknife(x.mean(), [left_out], 120)
        covered += found.low <= 5 <= found.high
    assert 180 <= covered <= 198
    code = patient_groups(sample(rng.normal(size=(40, 1)), rows=2), 4, rng)
    assert (code[::2] == code[1::2]).all() and (np.bincount(code) == 10).all()


def test_moments_of_what_cannot_be_are_refused():
    with pytest.raises(ValueError, match="1 of 2 rows hold a value that is not finite"):
        Moments.of(np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match="1 rows have no covariance"):
        _ = Moments.of(np.ones((1, 2))).covariance
    with pytest.raises(ValueError, match="cannot be merged"):
        Moments.of(np.ones((2, 2))).merged(Moments.of(np.ones((2, 3))))
    for empty in (lambda: streamed([]), lambda: pooled([]), lambda: MomentsStream(2).moments()):
        with pytest.raises(ValueError, match="have no moments"):
            empty()


# Fréchet distance


@pytest.mark.parametrize("n, m, d", [(40, 50, 8), (12, 30, 20), (9, 8, 20)])
def test_a_weighted_distance_is_that_of_repeated_rows(n, m, d):
    rng = np.random.default_rng(3)
    x, y = sample(rng.normal(size=(n, d))), sample(rng.normal(size=(m, d)) + 0.3, "s")
    distance = weighted_distance(x.x, y.x)
    for a, b in zip(*patient_weights([x.patients, y.patients], 4, rng), strict=True):
        want = frechet_distance(x.x.repeat(a.astype(int), axis=0), y.x.repeat(b.astype(int), axis=0))
        assert distance(a, b) == pytest.approx(want, rel=1e-6)


def test_moments_of_singular_clouds_have_a_distance():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 6))
    x[:, 4], x[:, 5] = 2.0, x[:, 0] - x[:, 1]  # a constant feature, and one that follows from two others
    y = x + np.array([0, 0, 1.0, 0, 1.0, 0])
    assert frechet_of(Moments.of(x), Moments.of(y)) == pytest.approx(2, abs=1e-6)
    assert frechet_of(Moments.of(x), Moments.of(x)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("n, d", [(500, 64), (1000, 128), (2000, 64)])
def test_infinitely_many_rows_recover_the_closed_form_where_the_plain_distance_does_not(n, d):
    rng, found, plain = np.random.default_rng(5), [], []
    for _ in range(3):
        x, y, truth = gaussians(rng, n, d)
        result = frechet_infinity(sample(x), sample(y, "s"), seed=0, repeats=2, groups=6).result
        found.append(result.value)
        plain.append(frechet_distance(x, y))
        assert result.low - 0.02 * truth <= truth <= result.high + 0.02 * truth
    assert np.mean(found) == pytest.approx(truth, rel=0.05)
    assert np.mean(plain) > 1.1 * truth and abs(np.mean(found) - truth) < 0.25 * (np.mean(plain) - truth)


def test_too_few_rows_for_the_features_are_said_to_be():
    rng = np.random.default_rng(6)
    x, y, _ = gaussians(rng, 100, 64)
    found = frechet_infinity(sample(x), sample(y, "s"), seed=0)
    assert not found.result.known and "100 rows are too few to extrapolate" in found.reason
    assert effective_directions(rng.normal(size=(4000, 10))) == pytest.approx(10, rel=0.02)
    assert effective_directions(np.outer(rng.normal(size=50), np.ones(9))) == pytest.approx(1, abs=1e-6)
    assert effective_directions(np.ones((20, 3))) == 0


def test_the_distance_agrees_with_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flat(torch.nn.Module):
        num_features = 12

        def forward(self, x):
            return x.reshape(len(x), -1).double()

    rng = np.random.default_rng(7)
    x, y = rng.uniform(size=(90, 3, 2, 2)), rng.uniform(size=(80, 3, 2, 2)) ** 2
    theirs = FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 2, 2), normalize=True).set_dtype(torch.float64)
    theirs.update(torch.from_numpy(x), real=True)
    theirs.update(torch.from_numpy(y), real=False)
    ours = frechet_of(Moments.of(x.reshape(90, -1)), Moments.of(y.reshape(80, -1)))
    assert ours == pytest.approx(float(theirs.compute()), rel=1e-5)


# Kernels


def test_kid_agrees_with_torchmetrics_and_with_its_definition():
    from torchmetrics.image.kid import poly_mmd

    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(60, 7)), rng.normal(0.2, 1.1, size=(60, 7))
    want = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert kernel_distance(sample(x), sample(y, "s")) == pytest.approx(want, rel=1e-9)
    assert kid_over_subsets(x, y, seed=0, subsets=3, size=60)[0] == pytest.approx(want, rel=1e-9)
    x, y, same = rng.normal(size=(9, 3)), rng.normal(size=(8, 3)), np.arange(9) // 2
    k = (x @ x.T / 3 + 1) ** 3
    other = same[:, None] != same[None]
    l = (y @ y.T / 3 + 1) ** 3  # noqa: E741
    want = k[other].mean() + l[~np.eye(8, dtype=bool)].mean() - 2 * ((x @ y.T / 3 + 1) ** 3).mean()
    assert kernel_distance(sample(x, rows=2), sample(y, "s")) == pytest.approx(want)


def test_kid_is_0_on_average_for_rows_of_one_distribution_and_its_spread_is_that_of_subsets():
    rng = np.random.default_rng(9)
    values = [
        kernel_distance(sample(rng.normal(size=(40, 5))), sample(rng.normal(size=(30, 5)), "s")) for _ in range(300)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300) and np.std(values) > 0
    assert min(values) < 0 < max(values)
    x, y = rng.normal(size=(4000, 5)), rng.normal(size=(4000, 5))
    mean, sd = kid_over_subsets(x, y, seed=0, subsets=60, size=40)
    fresh = np.std(
        [kernel_distance(sample(rng.normal(size=(40, 5))), sample(rng.normal(size=(40, 5)))) for _ in range(200)]
    )
    assert abs(mean) < 4 * sd / np.sqrt(60) and sd == pytest.approx(fresh, rel=0.35)
    assert np.isnan(kid_over_subsets(x[:50], y[:50], seed=0)[1])  # every subset is all rows
    with pytest.raises(ValueError, match="subsets of 1 rows"):
        kid_over_subsets(x[:1], y, seed=0)


def test_blocks_and_single_precision_change_nothing_that_matters(monkeypatch):
    rng = np.random.default_rng(10)
    x, y = sample(rng.normal(size=(90, 16)), rows=2), sample(rng.normal(0.3, 1, size=(70, 16)), "s")
    whole = kernel_distance(x, y)
    monkeypatch.setattr(kernel_sums, "_TILE", 500)
    assert kernel_distance(x, y) == pytest.approx(whole, rel=1e-10)
    monkeypatch.setattr(kernel_sums, "SINGLE", 10)
    assert kernel_distance(x, y) == pytest.approx(whole, abs=1e-6)


def test_gaussian_mmd_is_its_definition_by_either_estimator_and_cmmd_by_its_own_settings():
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(20, 4)), rng.normal(0.5, 1, size=(25, 4))
    k, l, m = (np.exp(-(cdist(a, b) ** 2) / (2 * 2.0**2)) for a, b in ((x, x), (y, y), (x, y)))  # noqa: E741
    v = 1000 * (k.mean() + l.mean() - 2 * m.mean())
    u = 1000 * (k[~np.eye(20, dtype=bool)].mean() + l[~np.eye(25, dtype=bool)].mean() - 2 * m.mean())
    a, b = sample(x), sample(y, "s")
    assert gaussian_mmd(a, b, 2.0, "v") == pytest.approx(v) and gaussian_mmd(a, b, 2.0) == pytest.approx(u)
    assert gaussian_mmd(a, a, 2.0, "v") == pytest.approx(0, abs=1e-9)
    found = mmd(a, b, seed=0, sigma=10.0, estimator="v", resamples=20, splits=5)
    assert found.name == "cmmd" and found.whole.value == pytest.approx(gaussian_mmd(unit(a), unit(b), 10.0, "v"))
    assert found.whole.low >= 0 and found.whole.low < found.whole.value < found.whole.high
    assert np.allclose(np.linalg.norm(unit(a).x, axis=1), 1) and (unit(Sample(np.zeros((1, 2)), ["a"])).x == 0).all()
    assert median_sigma(a) == pytest.approx(np.median(cdist(x, x)[~np.eye(20, dtype=bool)]), rel=0.02)
    assert mmd(a, b, seed=0, resamples=10, splits=3).name == "mmd_rbf"
    with pytest.raises(ValueError, match="real rows are all equal"):
        mmd(sample(np.ones((20, 3))), b.__class__(np.ones((20, 3)), a.patients), seed=0)
    with pytest.raises(ValueError, match="sigma is 0"):
        gaussian_mmd(a, b, 0.0)


# Neighbours in blocks


def brute(x, y, k):
    near = [np.partition(cdist(z, z), k, axis=1)[:, k] for z in (x, y)]
    between = cdist(x, y)
    in_real, in_synthetic = between < near[0][:, None], between < near[1][None]
    return {
        "precision": in_real.any(0).mean(), "recall": in_synthetic.any(1).mean(),
        "density": in_real.sum(0).mean() / k, "coverage": in_real.any(1).mean(),
    }  # fmt: skip


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("n, m, d", [(120, 100, 3), (1500, 1300, 40), (300, 280, 600)])
def test_prdc_agrees_with_the_reference_library(n, m, d, k):
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(n, d)), rng.normal(0.05, 0.97, size=(m, d))
    want = {name: float(value) for name, value in compute_prdc(x, y, k).items()}
    assert prdc(x, y, k) == pytest.approx(want, abs=1e-12)
    assert prdc(x.astype(np.float32), y.astype(np.float32), k) == pytest.approx(want, abs=2e-3)


@pytest.mark.parametrize("kind", ["copies", "one row", "nearly one row", "outlier", "far from 0", "grid"])
def test_prdc_is_exact_where_float32_is_not(kind):
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(1100, 30)), rng.normal(size=(500, 30))
    if kind == "copies":
        y[:300] = x[:300]
    elif kind == "one row":
        y = np.repeat(x[:1], 500, axis=0)
    elif kind == "nearly one row":
        y = x[:1] + 1e-7 * rng.normal(size=(500, 30))
    elif kind == "outlier":
        x[0] = 1e6
    elif kind == "far from 0":
        x, y = x + 1e5, y + 1e5
    else:
        x, y = np.round(x[:, :3] * 2), np.round(y[:, :3] * 2)
    assert prdc(x, y, 5) == pytest.approx(brute(x, y, 5), abs=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 5), st.booleans())
@settings(max_examples=30, deadline=None)
def test_nearest_rows_and_reaches_are_the_brute_force_ones(seed, k, repeats):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 3))
    x[20:30] = x[0] if repeats else x[20:30]
    table = cdist(x, x, "sqeuclidean")
    np.fill_diagonal(table, np.inf)
    (cloud,) = rounded(x)
    want = np.sort(table, axis=1)[:, :k]
    found = nearest_others(cloud, k)
    assert np.allclose(found.squared, want) and np.allclose(np.take_along_axis(table, found.index, 1), want)
    assert np.allclose(reaches(cloud, k), want[:, -1])
    a, b = rounded(x, rng.normal(size=(7, 3)))
    reach = rng.uniform(0, 2, 40), rng.uniform(0, 2, 7)
    between = cdist(a.x, b.x, "sqeuclidean")
    want = {(i, j) for i, j in np.argwhere((between < reach[0][:, None]) | (between < reach[1][None]))}
    got = {(int(i), int(j)) for rows in pairs_within(a, b, *reach) for i, j in zip(*rows[:2], strict=True)}
    assert got == want


# Memory


def trained(seed=13):
    rng = np.random.default_rng(seed)
    return rng, sample(rng.normal(size=(300, 6)), "t"), sample(rng.normal(size=(150, 6)), "h")


def test_copies_and_fresh_rows_are_told_by_every_figure_of_memory():
    rng, training, held = trained()
    fresh = sample(rng.normal(size=(150, 6)), "s")
    copies = sample(training.x[:150] + 1e-3 * rng.normal(size=(150, 6)), "s")
    assert abs(c_t(training, held, fresh).value) < 3 < -c_t(training, held, copies).value
    good, bad = (authenticity(training, held, s, seed=0) for s in (fresh, copies))
    assert good.floor == bad.floor and good.whole.value == pytest.approx(good.floor.value, abs=0.12)
    assert bad.whole.high < bad.floor.low
    good, bad = (generalisation(training, held, s, seed=0) for s in (fresh, copies))
    assert bad.gap.low > bad.floor.high and good.gap.low < good.floor.high
    assert bad.fld.value > good.fld.value and abs(good.fld.value) < 10
    far = sample(rng.normal(size=(150, 6)) + 4, "s")
    assert generalisation(training, held, far, seed=0).fld.low > 50
    json.dumps([part.as_dict() for part in (bad.fld, bad.gap, bad.floor)], allow_nan=False)


def test_c_t_is_the_mann_whitney_statistic():
    rng, training, held = trained()
    s = sample(rng.normal(0, 0.8, size=(120, 6)), "s")
    d = [cdist(z.x, training.x).min(1) for z in (s, held)]
    u = mannwhitneyu(*d).statistic
    z = (u - 120 * 150 / 2) / np.sqrt(120 * 150 * 271 / 12)
    found = c_t(training, held, s)
    assert found.value == pytest.approx(z) and found.low < z < found.high


def test_authentic_rows_by_definition_and_its_baseline_moves_with_the_features():
    rng = np.random.default_rng(14)
    t, s = rng.normal(size=(30, 2)), rng.normal(size=(20, 2))
    table, within = cdist(s, t), cdist(t, t) + np.diag(np.full(30, np.inf))
    assert authentic(t, s).tolist() == [float(row.min() > within[row.argmin()].min()) for row in table]
    share = [authentic(rng.normal(size=(800, d)), rng.normal(size=(800, d))).mean() for d in (4, 64)]
    assert share[0] == pytest.approx(0.47, abs=0.06) and share[1] == pytest.approx(0.84, abs=0.06)
    assert authentic(t, s + 50).mean() == 1  # junk is as authentic as can be


def test_a_mixture_has_its_likelihood_and_widths_that_rise_to_the_rows():
    rng = np.random.default_rng(15)
    centres, x = rng.normal(size=(5, 3)), rng.normal(size=(40, 3))
    m = Mixture(centres, np.full(5, 0.7))
    density = (np.exp(-(cdist(x, centres) ** 2) / 1.4) / (2 * np.pi * 0.7) ** 1.5).mean(axis=1)
    assert m.nll(x) == pytest.approx(-np.log(density) / 3)
    fitted = Mixture.fitted(np.zeros((1, 3)), 2 * rng.normal(size=(4000, 3)))
    assert fitted.variance[0] == pytest.approx(4, rel=0.05)
    assert Mixture.fitted(centres, x).nll(x).mean() < m.nll(x).mean()
    spiked = Mixture.fitted(x[:5] + 1e-9, x)
    assert spiked.variance.min() >= 1e-6 * x.var(axis=0).mean()
