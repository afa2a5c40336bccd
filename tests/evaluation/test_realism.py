"""Clouds of features: closed forms, definitions by brute force, what must not matter, and intervals that cover."""

import json

import numpy as np
import pytest
from clinsynth.evaluation.realism import (
    CLASSIFIERS,
    Sample,
    compare_features,
    discriminate,
    frechet,
    frechet_distance,
    frechet_gaussian,
    nearest,
    neighbourhoods,
    neighbours,
    prdc,
    standardised,
)
from clinsynth.evaluation.realism.auroc import auroc
from clinsynth.evaluation.realism.distances import rounded
from clinsynth.evaluation.realism.floors import floors, side_rows
from clinsynth.evaluation.realism.prdc import _Near
from clinsynth.evaluation.realism.resampling import around, patient_weights, share_around
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

SEEDS = st.integers(0, 2**32)


def cloud(rng, n, d, *, shift=0.0, scale=1.0, tag="r", rows=1, within=0.5):
    """n patients of `rows` rows each, patient means spread by 1 and rows about them by `within`."""
    x = rng.normal(size=(n, d)).repeat(rows, axis=0)
    x = x + within * rng.normal(size=x.shape) if rows > 1 else x
    return Sample(shift + scale * x, [f"{tag}{i // rows}" for i in range(n * rows)])


def covariance(rng, d):
    a = rng.normal(size=(d, d + 2))
    return a @ a.T / d


# Fréchet distance


def test_frechet_between_gaussians_has_its_closed_form():
    rng = np.random.default_rng(0)
    mu, nu, a, b = rng.normal(size=5), rng.normal(size=5), rng.uniform(0, 4, 5), rng.uniform(0, 4, 5)
    want = ((mu - nu) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()  # where the covariances commute
    assert frechet_gaussian(mu, np.diag(a), nu, np.diag(b)) == pytest.approx(want, abs=1e-12)
    assert frechet_gaussian(mu[:1], np.eye(1) * 9, nu[:1], np.eye(1) * 4) == pytest.approx((mu - nu)[0] ** 2 + 1)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_frechet_agrees_with_the_matrix_square_root(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)) + 1
    c1, c2, mu, nu = np.cov(x.T), np.cov(y.T), x.mean(0), y.mean(0)
    root = linalg.sqrtm(c1 @ c2).real
    want = ((mu - nu) ** 2).sum() + np.trace(c1 + c2 - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(want, rel=1e-6, abs=1e-6)
    assert frechet_gaussian(mu, c1, nu, c2) == pytest.approx(want, rel=1e-6, abs=1e-6)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n", [5, 200])  # with 5 rows the covariance of 12 features is singular
def test_frechet_of_shifts_turns_scales_and_copies(n):
    rng = np.random.default_rng(1)
    x, y, c = rng.normal(size=(n, 12)), rng.normal(size=(n + 3, 12)), rng.normal(size=12)
    turn = linalg.qr(rng.normal(size=(12, 12)))[0]
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(x, x + c) == pytest.approx((c**2).sum())
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y))
    assert frechet_distance(3 * x, 3 * y) == pytest.approx(9 * frechet_distance(x, y))
    count = rng.integers(0, 3, n)
    count[0] = 3
    twice = frechet_distance(x.repeat(count, axis=0), y)
    assert frechet_distance(x, y, weight_x=count.astype(float)) == pytest.approx(twice)


def test_frechet_of_equal_gaussians_grows_as_rows_get_fewer():
    rng = np.random.default_rng(2)
    mean = {n: np.mean([frechet_distance(*rng.normal(size=(2, n, 64))) for _ in range(4)]) for n in (200, 1000)}
    assert mean[200] == pytest.approx(11.1, rel=0.05) and mean[1000] == pytest.approx(2.2, rel=0.1)


# Precision, recall, density, coverage


def by_definition(real, synthetic, k):
    def distance(a, b):
        return float(np.sqrt(((a - b) ** 2).sum()))

    def reach(x):
        return [sorted(distance(a, b) for j, b in enumerate(x) if j != i)[k - 1] for i, a in enumerate(x)]

    in_real = [[distance(r, s) < q for r, q in zip(real, reach(real), strict=True)] for s in synthetic]
    in_synthetic = [[distance(r, s) < q for s, q in zip(synthetic, reach(synthetic), strict=True)] for r in real]
    return {
        "precision": np.mean([any(balls) for balls in in_real]),
        "recall": np.mean([any(balls) for balls in in_synthetic]),
        "density": sum(sum(balls) for balls in in_real) / (k * len(synthetic)),
        "coverage": np.mean([any(balls[i] for balls in in_real) for i in range(len(real))]),
    }


@given(SEEDS, st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_prdc_agrees_with_its_definition(seed, k):
    rng = np.random.default_rng(seed)
    real, synthetic = rng.normal(size=(13, 2)), rng.normal(0.7, 1.3, size=(9, 2))
    got, want = prdc(real, synthetic, k), by_definition(real, synthetic, k)
    assert {name: got[name] for name in want} == pytest.approx(want)


def test_prdc_tells_copies_strangers_and_a_lost_mode_apart():
    rng = np.random.default_rng(3)
    left, right = rng.normal(-5, 1, size=(80, 3)), rng.normal(5, 1, size=(80, 3))
    real = np.concatenate([left, right])
    assert [prdc(real, real)[name] for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert set(prdc(real, real + 100).values()) == {0}
    lost = prdc(real, left + rng.normal(0, 0.05, size=left.shape))
    assert lost["precision"] > 0.95 and lost["recall"] <= 0.5 and lost["coverage"] <= 0.5


def test_equal_clouds_have_the_density_and_coverage_of_the_paper():
    # Naeem et al. 2020: density 1; coverage 1 - (n-1)...(n-k)/((2n-1)...(2n-k)), whatever the clouds are.
    rng, n, k = np.random.default_rng(4), 400, 5
    got = [prdc(*rng.normal(size=(2, n, 3)), k) for _ in range(10)]
    want = 1 - np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    assert np.mean([g["coverage"] for g in got]) == pytest.approx(want, abs=0.01)
    assert np.mean([g["density"] for g in got]) == pytest.approx(1, abs=0.03)


def test_radii_of_a_resample_leave_a_rows_own_copies_out():
    rng = np.random.default_rng(5)
    sample = cloud(rng, 20, 2, rows=2)
    near, k = _Near.of(rounded(sample.x)[0], sample.patients, 3), 3
    counts = patient_weights([sample.patients], 10, rng)[0]
    for w in [np.ones(40), *counts]:
        got = near.radius(w, k)
        for i in range(40):
            mine = np.array([p == sample.patients[i] for p in sample.patients])
            times = np.where(mine, np.minimum(w, 1), w).astype(int)
            times[i] = 0
            d = np.sort(np.sqrt(((sample.x - sample.x[i]) ** 2).sum(1)).repeat(times))
            assert got[i] == pytest.approx(d[k - 1] if w[i] else 0)


# Discriminators


@given(SEEDS, st.booleans())
@settings(max_examples=30, deadline=None)
def test_auroc_agrees_with_the_library_under_weights_and_ties(seed, ties):
    rng = np.random.default_rng(seed)
    positive, score = np.arange(40) < 15, rng.normal(size=40)
    score = np.round(score) if ties else score
    weight = rng.integers(0, 4, size=(3, 40)).astype(float)
    want = [roc_auc_score(positive, score, sample_weight=w) for w in weight]
    assert auroc(positive, score, weight) == pytest.approx(want)
    assert auroc(positive, score)[0] == pytest.approx(roc_auc_score(positive, score))
    assert np.isnan(auroc(positive, score, np.where(positive, 0.0, 1.0)[None])).all()


def test_a_shift_between_gaussians_is_told_as_well_as_it_can_be():
    rng = np.random.default_rng(6)
    found = discriminate(cloud(rng, 400, 3), cloud(rng, 400, 3, shift=0.8, tag="s"), seed=0, classifier="logistic")
    assert found.whole.value == pytest.approx(stats.norm.cdf(0.8 * np.sqrt(3) / np.sqrt(2)), abs=0.03)
    assert found.whole.low < found.whole.value < found.whole.high and found.whole.n == 400
    assert found.floor.high < found.matched.low and found.floor.low < 0.5 < found.floor.high


def test_trees_see_a_spread_that_a_line_cannot():
    rng = np.random.default_rng(7)
    real, wide = cloud(rng, 300, 2), cloud(rng, 300, 2, scale=3, tag="s")
    auc = {
        name: discriminate(real, wide, seed=0, classifier=name, splits=1, retrainings=2).whole.value
        for name in CLASSIFIERS
    }
    assert auc["logistic"] < 0.65 and auc["boosting"] > 0.8


def test_rows_of_one_patient_never_help_to_tell_it():
    rng = np.random.default_rng(8)
    real, other = (cloud(rng, 30, 5, rows=6, within=0.02, tag=t) for t in "rs")
    apart = [Sample(s.x, [f"{t}{i}" for i in range(len(s))]) for s, t in ((real, "r"), (other, "s"))]
    leaky = discriminate(*apart, seed=0, splits=1, retrainings=2).whole.value
    honest = discriminate(real, other, seed=0, splits=1, retrainings=2).whole
    assert leaky > 0.95 and honest.value < 0.65


# Nearest neighbours


def test_copies_are_found_named_and_counted():
    rng = np.random.default_rng(9)
    training, held = cloud(rng, 200, 6, tag="t"), cloud(rng, 150, 6, tag="h")
    fresh = rng.normal(size=(100, 6))
    fresh[:30] = training.x[50:80] + 1e-4 * rng.normal(size=(30, 6))
    found = neighbours(training, held, Sample(fresh, [f"s{i}" for i in range(100)]), seed=0, most_pairs=30)
    assert found.closer.whole.low <= 0.3 <= found.closer.whole.value <= 0.36
    assert found.closer.floor.high < found.closer.matched.low and found.nearer.whole.low > 0.5
    assert {(p.synthetic, p.training) for p in found.pairs} == {(i, 50 + i) for i in range(30)}
    distances = [p.distance for p in found.pairs]
    assert distances == sorted(distances) and max(distances) < 1e-3 and found.pairs[0].held_out_nearer == 0
    json.dumps(found.as_dict(), allow_nan=False)


def test_rows_like_the_held_out_give_the_share_that_is_stated():
    rng, h, shares, chances = np.random.default_rng(10), 50, [], []
    for _ in range(150):
        training = cloud(rng, 30, 2, tag="t")
        found = neighbours(
            training, cloud(rng, h, 2, tag="h"), cloud(rng, 100, 2, tag="s"), seed=0, resamples=2, splits=1
        )
        shares.append(found.closer.whole.value)
        chances.append(found.nearer.whole.value)
    assert np.mean(shares) == pytest.approx((0.99 + 0.01 * h) / (h + 1), abs=3 * np.std(shares) / np.sqrt(150))
    assert np.mean(chances) == pytest.approx(0.5, abs=0.02)


def test_nearest_is_the_brute_force_one_and_copies_of_none_are_not_certain():
    rng = np.random.default_rng(11)
    x, training = rng.normal(size=(7, 3)), rng.normal(size=(11, 3))
    table = np.sqrt(((x[:, None] - training[None]) ** 2).sum(-1))
    d, row = nearest(x, training)
    assert d == pytest.approx(table.min(1)) and row.tolist() == table.argmin(1).tolist()
    far = cloud(rng, 40, 3, shift=50, tag="s")
    found = neighbours(cloud(rng, 40, 3, tag="t"), cloud(rng, 40, 3, tag="h"), far, seed=0).closer.whole
    assert found.value == found.low == 0 and found.high == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-3)


# Intervals and floors


def test_patients_are_drawn_whole_on_all_their_sides_and_each_side_keeps_its_number():
    rng = np.random.default_rng(12)
    first, second = ["a", "a", "b", "c", "d"], ["d", "c", "x", "y", "y"]
    one, two = patient_weights([first, second], 200, rng)
    assert (one[:, 0] == one[:, 1]).all() and (two[:, 3] == two[:, 4]).all()
    assert (one[:, 3] == two[:, 1]).all() and (one[:, 4] == two[:, 0]).all()
    assert (one[:, [0, 2, 3, 4]].sum(1) == 4).all() and (two[:, [0, 1, 2, 3]].sum(1) == 4).all()
    assert one.mean(0) == pytest.approx(np.ones(5), abs=0.25)


def test_an_interval_is_the_spread_of_the_draws_about_the_value_and_a_share_of_none_keeps_wilsons():
    draws = np.arange(101.0) + 1000
    result = around(5.0, draws, 7, (0, 30))
    assert (result.value, result.low, result.high, result.n) == (5, 0, 30, 7)
    assert around(500.0, draws, 7).low == pytest.approx(500 - 47.5)
    assert not around(5.0, np.full(4, np.nan), 7).known and not around(np.nan, draws, 7).known
    wilson = stats.binomtest(0, 20).proportion_ci(method="wilson")
    assert share_around(0.0, np.zeros(50), 40, 20).high == pytest.approx(wilson.high)
    assert share_around(1.0, np.ones(50), 40, 20).low == pytest.approx(1 - wilson.high)


@pytest.mark.parametrize("rows", [1, 2])
def test_intervals_cover_what_the_metric_is_on_average_at_these_rows(rows):
    rng = np.random.default_rng(13)

    def pair():
        return cloud(rng, 50, 6, rows=rows), cloud(rng, 60, 6, shift=0.4, tag="s", rows=rows)

    many = [pair() for _ in range(150)]
    mean = {"frechet": np.mean([frechet_distance(a.x, b.x) for a, b in many])}
    scores = [prdc(a.x, b.x) for a, b in many]
    mean |= {name: np.mean([s[name] for s in scores]) for name in scores[0]}
    covered = dict.fromkeys(mean, 0)
    for seed in range(40):
        a, b = pair()
        found = [frechet(a, b, seed=seed, splits=1), *neighbourhoods(a, b, seed=seed, splits=1)]
        for m in found:
            covered[m.name] += m.whole.low <= mean[m.name] <= m.whole.high
    assert min(covered.values()) >= 34, covered  # five true 95 % intervals fail this in 1 of 60 seeds


def test_a_discriminators_interval_covers_chance_where_nothing_differs():
    rng, covered, width = np.random.default_rng(19), 0, []
    for seed in range(20):
        found = discriminate(
            cloud(rng, 40, 3), cloud(rng, 40, 3, tag="s"), seed=seed, classifier="logistic", retrainings=10, splits=1
        ).whole
        covered += found.low <= 0.5 <= found.high
        width.append(found.high - found.low)
    assert covered >= 17 and np.mean(width) < 0.6, covered


def test_floors_are_of_disjoint_patients_and_equal_rows():
    rng = np.random.default_rng(14)
    real = Sample(rng.normal(size=(61, 2)), [f"r{min(i // 3, 18)}" for i in range(61)])  # the last patient has 7 rows
    other = cloud(rng, 40, 2, tag="s")
    seen = []

    def look(a, b):
        seen.append((len(a), len(b), len(set(a.patients) & set(b.patients))))
        return {"one": 1.0}

    result = floors(real, other, look, seed=0, splits=30)["one"]
    assert side_rows(real, other) == 27 and set(seen) == {(27, 27, 0)} and result[0].n == 27
    assert side_rows(real, cloud(rng, 12, 2)) == 12


def test_equal_clouds_lie_on_their_floor_and_shifted_ones_above_it():
    rng = np.random.default_rng(15)
    real, like, off = cloud(rng, 120, 4), cloud(rng, 100, 4, tag="s"), cloud(rng, 100, 4, shift=0.7, tag="s")
    same, shifted = frechet(real, like, seed=0, resamples=20), frechet(real, off, seed=0, resamples=20)
    assert same.floor.low < same.matched.value < same.floor.high
    assert shifted.matched.low > shifted.floor.high and shifted.floor == same.floor


def test_results_depend_on_seed_and_rows_alone():
    rng = np.random.default_rng(16)
    a, b = cloud(rng, 30, 3), cloud(rng, 30, 3, tag="s")
    first = compare_features(a, b, seed=3, resamples=20, splits=4, retrainings=3, trained_splits=1)
    again = compare_features(a, b, seed=3, resamples=20, splits=4, retrainings=3, trained_splits=1)
    other = compare_features(a, b, seed=4, resamples=20, splits=4, retrainings=3, trained_splits=1)
    assert first == again and first[0].whole.value == other[0].whole.value and first[0].whole != other[0].whole
    units = Sample(a.x * [1e3, 1, 1e-3], a.patients), Sample(b.x * [1e3, 1, 1e-3], b.patients)
    scaled = compare_features(*units, seed=3, resamples=20, splits=4, retrainings=3, trained_splits=1)
    assert [m.whole.value for m in scaled] == pytest.approx([m.whole.value for m in first])
    json.dumps([m.as_dict() for m in first], allow_nan=False)


def test_a_constant_feature_is_only_shifted():
    x = np.column_stack([np.arange(12.0), np.full(12, 1e6)])
    one, two = standardised(Sample(x, list("abcdefghijkl")), Sample(x + 2, list("mnopqrstuvwx")))
    assert one.x[:, 0].std() == pytest.approx(1) and (one.x[:, 1] == 0).all() and (two.x[:, 1] == 2).all()


# What is refused


def test_what_cannot_be_compared_is_refused_in_plain_words():
    rng = np.random.default_rng(17)
    a, b, five = cloud(rng, 30, 3), cloud(rng, 30, 3, tag="s"), cloud(rng, 5, 3, rows=20)
    for measure in (frechet, neighbourhoods, discriminate):
        with pytest.raises(ValueError, match="5 real patients .100 rows. are too few"):
            measure(five, b, seed=0)
        with pytest.raises(ValueError, match="0 synthetic patients"):
            measure(a, Sample(np.empty((0, 3)), []), seed=0)
        with pytest.raises(ValueError, match="3 features, synthetic rows 2"):
            measure(a, cloud(rng, 30, 2), seed=0)
    with pytest.raises(ValueError, match="k is 15; halves of 15 rows"):
        neighbourhoods(a, b, seed=0, k=15)
    with pytest.raises(ValueError, match="splits is 0"):
        frechet(a, b, seed=0, splits=0)
    with pytest.raises(ValueError, match="classifier 'boostin' is not known"):
        discriminate(a, b, seed=0, classifier="boostin")
    with pytest.raises(ValueError, match="both trained on and held out .'r0' is one"):
        neighbours(a, a, b, seed=0)
    with pytest.raises(ValueError, match="2 of 4 rows hold a value that is not finite"):
        Sample(np.array([[1.0], [np.nan], [np.inf], [2.0]]), list("abcd"))
    with pytest.raises(ValueError, match="4 rows of features name 1 patients"):
        Sample(np.ones((4, 1)), ["a"])
    with pytest.raises(ValueError, match="at least two"):
        frechet_distance(np.ones((1, 2)), np.ones((5, 2)))


# Two modalities, one set of metrics


def ecg_features(rng, n, qrs_ms, noise):
    """Rate, and what a spectrum and the amplitudes say, of made two-beat traces."""
    t, rows = np.arange(0, 2, 1 / 250), []
    for _ in range(n):
        rate, width = rng.normal(1.2, 0.15), rng.normal(qrs_ms, 8) / 1000
        beats = sum(np.exp(-0.5 * ((t - 0.3 - k / rate) / (width / 2.5)) ** 2) for k in range(4))
        x = beats + 0.25 * np.sin(2 * np.pi * rate * t) + noise * rng.normal(size=len(t))
        power = np.abs(np.fft.rfft(x)) ** 2
        bands = [np.log(p.sum()) for p in np.split(power[1:201], [10, 30, 60, 100])]
        rows.append([x.max(), x.min(), x.std(), np.abs(np.diff(x)).max(), *bands])
    return np.array(rows)


def image_features(rng, n, size, noise):
    """Principal components, of fixed images, of made 16 x 16 blobs."""
    y, x = np.mgrid[:16, :16]

    def blobs(r, m, s, e):
        at = r.uniform(5, 11, size=(m, 2, 1, 1))
        wide = r.normal(s, 0.3, size=(m, 1, 1))
        image = np.exp(-((x - at[:, 0]) ** 2 + (y - at[:, 1]) ** 2) / (2 * wide**2))
        return (image + e * r.normal(size=image.shape)).reshape(m, -1)

    return (
        PCA(8, random_state=0)
        .fit(blobs(np.random.default_rng(99), 200, 2.5, 0.05))
        .transform(blobs(rng, n, size, noise))
    )


@pytest.mark.parametrize("make, real, bad", [(ecg_features, (90, 0.02), (120, 0.02)),
                                             (image_features, (2.5, 0.05), (1.7, 0.05))])  # fmt: skip
def test_every_metric_tells_good_from_bad_in_signals_and_in_images(make, real, bad):
    rng = np.random.default_rng(18)
    r = Sample(make(rng, 160, *real), [f"r{i // 2}" for i in range(160)])
    good, poor = (Sample(make(rng, 80, *p), [f"s{i}" for i in range(80)]) for p in (real, bad))
    on, off = (
        compare_features(r, s, seed=0, resamples=50, splits=10, retrainings=4, trained_splits=3) for s in (good, poor)
    )
    names = ["frechet", "precision", "recall", "density", "coverage"] + [f"discriminator_auc_{c}" for c in CLASSIFIERS]
    assert [m.name for m in on] == names
    for a, b in zip(on, off, strict=True):
        for part in (a.whole, a.floor, a.matched, b.whole, b.floor, b.matched):
            assert part.low <= part.value <= part.high and part.n >= 79
        sign = 1 if a.name == "frechet" or "auc" in a.name else -1
        assert sign * b.whole.value > sign * a.whole.value, a.name
    assert off[0].matched.low > off[0].floor.high and off[-1].matched.low > off[-1].floor.high

    held = Sample(make(rng, 100, *real), [f"h{i}" for i in range(100)])
    training, held, fresh = standardised(r, held, good)
    copies = Sample(training.x[:80] + 1e-6, good.patients)
    assert neighbours(training, held, copies, seed=0, splits=20).closer.whole.value == 1
    assert neighbours(training, held, fresh, seed=0, splits=20).closer.whole.value < 0.1
