"""Comparing by group, on features of any modality."""

from types import SimpleNamespace

import numpy as np
import pytest
from clinsynth.evaluation.comparison import Feature, compare, furthest, sentence
from clinsynth.evaluation.groups import demographic_groups
from clinsynth.evaluation.statistics import floor, half_size, wasserstein


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    return [SimpleNamespace(sex="FM"[k % 2], age_years=float(rng.uniform(18, 95))) for k in range(n)]


def image_features(n, seed):
    """Made textures of made radiographs: what a page on images would compare."""
    rng = np.random.default_rng(seed)
    images = rng.gamma(2.0, 1.0, (n, 16, 16)) + rng.normal(0, 0.3, (n, 1, 1))
    edges = np.abs(np.diff(images, axis=2)).mean(axis=(1, 2))
    return {"mean": images.mean(axis=(1, 2)), "contrast": images.std(axis=(1, 2)), "edge": edges}


IMAGE = [Feature(name=k, label=k, unit="", family="texture", digits=2) for k in ("mean", "contrast", "edge")]


def test_groups_are_everyone_sexes_bands_and_the_crossings_that_are_large_enough():
    real, synthetic = people(60), people(200, 1)
    groups = {g.name: g for g in demographic_groups(real, synthetic)}
    assert groups["all"].real.all() and groups["all"].synthetic.all()
    bands = [g for g in groups.values() if g.kind == "age"]
    assert np.stack([g.real for g in bands]).sum(axis=0).tolist() == [1] * 60
    assert (groups["F"].real ^ groups["M"].real).all()
    crossings = [g for g in groups.values() if g.kind == "sex x age"]
    assert crossings and all(g.real.sum() >= 10 for g in crossings)
    assert not [g for g in demographic_groups(people(16), synthetic) if g.kind == "sex x age"]


def test_unknown_sex_and_age_belong_to_everyone_only():
    nobody = [SimpleNamespace(sex=None, age_years=None), None, SimpleNamespace(modality="CT")] * 10
    counts = {g.name: int(g.real.sum()) for g in demographic_groups(nobody, people(30))}
    assert counts.pop("all") == 30 and set(counts.values()) == {0}


def test_image_features_of_one_source_stand_out_nowhere_and_a_shifted_one_does():
    real, synthetic = image_features(80, 0), image_features(160, 1)
    groups = demographic_groups(people(80), people(160, 1))[:1]
    rows = {r.feature: r for r in compare(IMAGE, real, synthetic, groups, seed=0)}
    assert not any(r.stands_out for r in rows.values())
    size = half_size(80, 160)
    bottom = floor(real["edge"], wasserstein, range(200), size).value
    off = compare(IMAGE, real, synthetic | {"edge": synthetic["edge"] + 2 * bottom}, groups, seed=0)
    assert [r.feature for r in furthest(off)] == ["edge"]
    assert "edge is higher in synthetic records" in sentence(furthest(off)[0], IMAGE[2])


def test_a_row_depends_neither_on_other_features_nor_on_the_order_of_groups():
    real, synthetic = image_features(40, 0), image_features(40, 1)
    groups = demographic_groups(people(40), people(40, 1))[:3]
    whole = {(r.group, r.feature): r for r in compare(IMAGE, real, synthetic, groups, seed=3)}
    part = compare(IMAGE[1:2], real, synthetic, groups[::-1], seed=3)
    assert all(whole[(r.group, r.feature)] == r for r in part)


def test_units_do_not_matter_to_a_ratio():
    real, synthetic = image_features(40, 0), image_features(60, 1)
    groups = demographic_groups(people(40), people(60, 1))[:1]
    plain = compare(IMAGE, real, synthetic, groups, seed=0)
    scaled = compare(
        IMAGE, {k: 1000 * v for k, v in real.items()}, {k: 1000 * v for k, v in synthetic.items()}, groups, seed=0
    )
    for a, b in zip(plain, scaled, strict=True):
        assert b.ratio == pytest.approx(a.ratio) and b.ks == a.ks


def test_what_could_not_be_measured_lowers_n_and_is_said():
    real, synthetic = image_features(30, 0), image_features(30, 1)
    real["edge"][:7] = np.nan
    synthetic["mean"][:] = np.nan
    groups = demographic_groups(people(30), people(30, 1))[:1]
    rows = {r.feature: r for r in compare(IMAGE, real, synthetic, groups, seed=0)}
    assert (rows["edge"].n_real, rows["edge"].n_synthetic) == (23, 30)
    assert rows["mean"].n_synthetic == 0 and rows["mean"].ratio is None and not rows["mean"].stands_out
    assert sentence(rows["mean"], IMAGE[0]) == "mean: not measured on both sides."


def test_a_constant_real_feature_makes_any_difference_stand_out():
    groups = demographic_groups(people(20), people(20))[:1]
    feature = [Feature(name="x", label="x", unit="", family="any")]
    same = compare(feature, {"x": np.ones(20)}, {"x": np.ones(20)}, groups, seed=0)
    off = compare(feature, {"x": np.ones(20)}, {"x": np.full(20, 2.0)}, groups, seed=0)
    assert same[0].ratio == 1 and not same[0].stands_out
    assert off[0].ratio is None and off[0].stands_out
    assert "beyond any floor" in sentence(off[0], feature[0])


def test_a_missing_column_is_named():
    groups = demographic_groups(people(10), people(10))
    with pytest.raises(ValueError, match="'edge' has no column in the synthetic table"):
        compare(IMAGE[2:], {"edge": np.ones(10)}, {}, groups, seed=0)
