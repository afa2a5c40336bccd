"""Hashes and what they do not mind, near pairs against brute force, and which records are kept."""

import csv

import numpy as np
import pytest
from clinsynth.evaluation.curation import (
    CurationConfig,
    CurationResult,
    close_pairs,
    coverage,
    covering,
    curate,
    curation_findings,
    curation_section,
    density_weighted,
    dhash,
    groups_of,
    k_center,
    keep_first,
    near_pairs,
    phash,
    realism,
    reduced,
    signal_hash,
    volume_hash,
)
from clinsynth.evaluation.realism import Sample
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial.distance import cdist
from skimage.transform import resize


def smooth(rng, n, shape=(64, 64), sigma=4):
    return np.stack([gaussian_filter(rng.standard_normal(shape), sigma) for _ in range(n)])


def bits_apart(a, b):
    return np.bitwise_count(a ^ b).astype(int)


# Hashes


@pytest.mark.parametrize("hashed", [dhash, phash])
def test_image_hashes_mind_flips_and_neither_gain_nor_size_nor_a_little_noise(hashed):
    rng = np.random.default_rng(0)
    x = smooth(rng, 40)
    words = hashed(x)
    assert (hashed(0.3 * x + 5) == words).all() and (hashed(7 * x.astype(np.float32)) == words).mean() > 0.9
    larger = np.stack([zoom(image, 2, order=0) for image in x])
    assert (bits_apart(hashed(larger), words) <= 3).all()
    noisy = x + 0.02 * x.std() * rng.standard_normal(x.shape)
    assert bits_apart(hashed(noisy), words).mean() < 3
    assert (bits_apart(hashed(x[:, :, ::-1]), words) > 6).all() and (bits_apart(hashed(x[:, ::-1]), words) > 6).all()
    between = bits_apart(words[:, None], words[None])[np.triu_indices(40, 1)]
    assert between.mean() == pytest.approx(32, abs=3)


def test_dhash_is_its_definition():
    rng = np.random.default_rng(1)
    x = rng.random((3, 80, 90))
    for image, word in zip(x, dhash(x), strict=True):
        small = image.reshape(8, 10, 9, 10).mean(axis=(1, 3))
        want = int("".join("1" if b else "0" for b in (small[:, 1:] > small[:, :-1]).ravel()), 2)
        assert int(word) == want
    assert int(dhash(np.ones((1, 20, 20)))[0]) == 0


def test_areas_that_cut_pixels_agree_with_scikit_image():
    from clinsynth.evaluation.curation.hashes import averaged

    x = np.random.default_rng(2).random((1, 48, 54))
    fine = resize(x[0], (480, 540), order=0, anti_aliasing=False)  # each pixel as 10 x 10
    np.testing.assert_allclose(averaged(x, (8, 9))[0], averaged(fine[None], (8, 9))[0], atol=1e-12)
    odd = np.random.default_rng(3).random((1, 13, 11))
    assert averaged(odd, (8, 9)).mean() == pytest.approx(odd.mean())


def test_volumes_and_signals_have_hashes_of_their_own():
    rng = np.random.default_rng(4)
    v = smooth(rng, 10, (16, 20, 24), 3)
    assert (volume_hash(2 * v - 1) == volume_hash(v)).all() and len(np.unique(volume_hash(v))) == 10
    assert (bits_apart(volume_hash(v[..., ::-1]), volume_hash(v)) > 6).all()
    s = np.cumsum(rng.standard_normal((30, 12, 500)), axis=-1)
    words = signal_hash(s)
    assert (signal_hash(3 * s + 1) == words).all()
    noisy = s + 0.05 * s.std() * rng.standard_normal(s.shape)
    assert (bits_apart(signal_hash(noisy), words) <= 6).mean() > 0.9
    assert (bits_apart(signal_hash(-s), words) >= 60).all()
    other = bits_apart(words[:, None], words[None])[np.triu_indices(30, 1)]
    assert other.mean() == pytest.approx(32, abs=4)


def test_values_that_are_not_finite_are_refused_and_nothing_gives_nothing():
    with pytest.raises(ValueError, match="1 of 2 records"):
        dhash(np.stack([np.ones((9, 9)), np.full((9, 9), np.nan)]))
    assert len(phash(np.empty((0, 8, 8)))) == 0


# Near pairs


def words_near_each_other(rng, n, m=6):
    base = rng.integers(0, 2**63, m, dtype=np.uint64)[rng.integers(0, m, n)]
    flips = np.zeros(n, np.uint64)
    for _ in range(7):
        flips ^= np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
    return np.where(rng.random(n) < 0.5, base, base ^ flips)


@given(st.integers(0, 2**32), st.sampled_from([0, 1, 4, 6, 10, 15, 20]))
@settings(max_examples=40, deadline=None)
def test_near_pairs_are_those_of_brute_force(seed, radius):
    rng = np.random.default_rng(seed)
    x, y = words_near_each_other(rng, 40), words_near_each_other(np.random.default_rng(seed), 25)
    apart = np.bitwise_count(x[:, None] ^ x[None])
    i, j = np.nonzero(np.triu(apart <= radius, 1))
    got = near_pairs(x, radius=radius)
    assert np.array_equal(got[0], i) and np.array_equal(got[1], j)
    got = near_pairs(x, y, radius)
    want = np.nonzero(np.bitwise_count(x[:, None] ^ y[None]) <= radius)
    assert np.array_equal(got[0], want[0]) and np.array_equal(got[1], want[1])


def greedy(words, radius, volumes=None):
    kept, because = [], []
    for k, word in enumerate(words):
        hit = [
            i for i in kept
            if int(word ^ words[i]).bit_count() <= radius and (volumes is None or volumes[i] == volumes[k])
        ]  # fmt: skip
        because.append(hit[0] if hit else -1)
        kept += [] if hit else [k]
    return because


@given(st.integers(0, 2**32), st.sampled_from([0, 2, 6, 8]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_first_of_near_duplicates_is_kept(seed, radius, by_volume):
    rng = np.random.default_rng(seed)
    words = words_near_each_other(rng, 60)
    volumes = [f"v{k}" for k in rng.integers(0, 3, 60)] if by_volume else None
    assert reduced(words, radius=radius, volumes=volumes).tolist() == greedy(words, radius, volumes)


def test_the_same_image_many_times_is_no_work():
    got = reduced(np.full(200_000, 7, np.uint64))
    assert got[0] == -1 and (got[1:] == 0).all()


def test_groups_are_chains():
    assert groups_of(5, np.array([0, 3]), np.array([3, 4])).tolist() == [0, 1, 2, 0, 0]
    assert keep_first(3, np.array([0, 1]), np.array([1, 2])).tolist() == [-1, 0, -1]


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_close_pairs_are_those_of_all_distances(seed):
    rng = np.random.default_rng(seed)
    x, y = 50 + rng.normal(size=(15, 3)), 50 + rng.normal(size=(9, 3))
    want = np.nonzero(np.triu(cdist(x, x) <= 1.5, 1))
    assert [a.tolist() for a in close_pairs(x, 1.5)] == [a.tolist() for a in want]
    assert [a.tolist() for a in close_pairs(x, 1.5, y)] == [a.tolist() for a in np.nonzero(cdist(x, y) <= 1.5)]


# Selection


def test_farthest_first_reaches_within_twice_of_the_best():
    rng = np.random.default_rng(5)
    centres = 10 * rng.normal(size=(6, 4))
    x = centres.repeat(20, axis=0) + 0.1 * rng.normal(size=(120, 4))
    chosen = k_center(x, 6)
    assert len(set((chosen // 20).tolist())) == 6  # one of each cluster
    score = np.ones(120)
    score[:20] = 0
    assert not set((k_center(x, 5, score=score) // 20).tolist()) & {0}
    assert sorted(k_center(x, 500).tolist()) == list(range(120))


def test_crowded_places_are_thinned():
    rng = np.random.default_rng(6)
    x = np.concatenate([0.01 * rng.normal(size=(300, 2)), 5 + rng.normal(size=(60, 2))])
    chosen = density_weighted(x, 60, rng)
    assert len(set(chosen.tolist())) == 60 and (chosen >= 300).mean() > 0.6


def test_realism_falls_with_distance_from_real_records():
    rng = np.random.default_rng(7)
    real = rng.normal(size=(300, 4))
    near, far = realism(rng.normal(size=(100, 4)), real), realism(20 + rng.normal(size=(100, 4)), real)
    assert np.median(realism(real, real)) == 1 and near.mean() > 0.75 and far.max() < 0.2


def test_coverage_is_gained_greedily_and_agrees_with_prdc():
    from clinsynth.evaluation.realism import prdc

    rng = np.random.default_rng(8)
    real, x = rng.normal(size=(60, 3)), rng.normal(size=(80, 3))
    order, reached = covering(x, real, 80)
    gains = np.diff(reached, prepend=0)
    assert (gains > 0).all() and (np.diff(gains) <= 1e-12).all()
    assert reached[-1] == pytest.approx(coverage(x, real)) == prdc(real, x, 5)["coverage"]
    assert coverage(x[order[:10]], real) == pytest.approx(reached[9])


# All of it


def made(seed=9):
    rng = np.random.default_rng(seed)
    real, fresh = smooth(rng, 60), smooth(rng, 40)
    again = fresh[:8] + 0.01 * fresh.std() * rng.standard_normal((8, 64, 64))
    copied = real[:5] * 1.1
    synthetic = np.concatenate([fresh, again, copied])
    return real, synthetic, [f"s{k}" for k in range(len(synthetic))]


def flat(x, tag):
    return Sample(x[:, ::8, ::8].reshape(len(x), -1), [f"{tag}{k}" for k in range(len(x))])


def test_copies_and_duplicates_go_and_each_says_why(tmp_path):
    real, synthetic, ids = made()
    got = curate(
        ids, dhash(synthetic), real_words=dhash(real), real_ids=[f"r{k}" for k in range(60)],
        features=flat(synthetic, "s"), real=flat(real, "r"), config=CurationConfig(share=0),
    )  # fmt: skip
    rows = {row.sample_id: row for row in got.rows}
    for k in range(5):
        assert rows[f"s{48 + k}"].reason == "copy_of_real" and rows[f"s{48 + k}"].because_of == f"r{k}"
    for k in range(8):
        assert rows[f"s{40 + k}"].reason == "duplicate" and rows[f"s{40 + k}"].because_of == f"s{k}"
    assert got.kept == tuple(f"s{k}" for k in range(40))
    assert got.curve[0].kept >= got.curve[-1].kept and got.coverage[1] <= got.coverage[0]
    assert CurationResult.model_validate_json(got.model_dump_json()) == got
    with got.write_csv(tmp_path / "kept.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 53 and sum(row["kept"] == "1" for row in table) == 40
    assert [f.level for f in curation_findings(got)].count("care") >= 1
    assert curation_section(got).tables[0].rows[0][1].text == "40"


@pytest.mark.parametrize("select", ["quality_diversity", "k_center", "density", "coverage"])
def test_as_many_are_kept_as_are_wanted(select):
    real, synthetic, ids = made()
    settings = {"features": flat(synthetic, "s"), "real": flat(real, "r")}
    got = curate(ids, dhash(synthetic), config=CurationConfig(keep=12, select=select), seed=1, **settings)
    assert len(got.kept) == 12 and got.count("not_selected") > 20
    assert got == curate(ids, dhash(synthetic), config=CurationConfig(keep=12, select=select), seed=1, **settings)
    many = curate(ids, dhash(synthetic), config=CurationConfig(keep=500, select=select), **settings)
    assert many.notes and not many.count("not_selected")


def test_a_hash_that_takes_patients_for_each_other_is_held_to_fewer_bits_or_left_out():
    rng = np.random.default_rng(12)
    base = rng.integers(0, 2**63, dtype=np.uint64)
    flip = np.uint64(1) << np.arange(60, dtype=np.uint64)
    real = base ^ flip  # sixty patients, two bits apart from each other
    words = np.array([base ^ np.uint64(7 << 50), base ^ flip[3]], np.uint64)
    got = curate(["a", "b"], words, real_words=real)
    assert got.radius == 1 and got.notes and [r.reason for r in got.rows] == ["kept", "copy_of_real"]
    none = curate(["a", "b"], words, real_words=np.full(60, base))
    assert none.radius == -1 and len(none.kept) == 2
    assert [f.level for f in curation_findings(none)] == ["unknown"] and curation_section(none)
    assert curate(["a", "b"], words).radius == 6


def test_duplicates_by_embedding_that_a_hash_cannot_see():
    rng = np.random.default_rng(10)
    x, real = rng.normal(size=(30, 6)), rng.normal(size=(80, 6))
    x[20:] = x[:10] + 1e-3
    words = rng.integers(0, 2**63, 30, dtype=np.uint64)
    sides = [Sample(a, [f"{t}{k}" for k in range(len(a))]) for a, t in ((x, "s"), (real, "r"))]
    got = curate([f"s{k}" for k in range(30)], words, features=sides[0], real=sides[1])
    assert got.count("duplicate_by_embedding") >= 10 and got.rows[20].because_of == "s0"


def test_what_cannot_be_done_is_said():
    words = np.arange(3, dtype=np.uint64)
    with pytest.raises(ValueError, match="2 hashes for 3 records"):
        curate(["a", "b", "c"], words[:2])
    with pytest.raises(ValueError, match="stand twice"):
        curate(["a", "a", "c"], words)
    with pytest.raises(ValueError, match="needs features"):
        curate(["a", "b", "c"], words, config=CurationConfig(keep=2))
    with pytest.raises(ValueError, match="volumes"):
        curate(["a", "b", "c"], words, config=CurationConfig(within="volume"))
    nothing = curate([], np.empty(0, np.uint64))
    assert nothing.kept == () and curation_findings(nothing)[0].level == "unknown"
    constant = Sample(np.ones((3, 2)), ["a", "b", "c"])
    assert curate(["a", "b", "c"], words, features=constant, real=constant).notes
