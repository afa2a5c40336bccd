"""Radiomics, textures in 1 to 3 axes, and realism in one call: references, invariants, planted faults, bad input."""

import itertools

import numpy as np
import pytest
from clinsynth.evaluation.finding import Finding
from clinsynth.evaluation.groups import Group
from clinsynth.evaluation.realism import (
    RealismResult,
    Sample,
    appearance,
    condition_groups,
    finite_rows,
    radiomics,
    realism_findings,
    realism_of,
    realism_section,
)
from clinsynth.evaluation.realism.ms_ssim import ms_ssim_pairs
from clinsynth.evaluation.realism.radiomics import (
    LEVELS,
    NAMES,
    SHAPE_NAMES,
    co_occurrence_matrix,
    directions,
    grey_levels,
    run_lengths,
)
from clinsynth.evaluation.realism.texture import grey_shares, radial_spectra_db, value_range
from clinsynth.evaluation.report import Page, html
from scipy.ndimage import gaussian_filter
from scipy.stats import kurtosis, skew
from skimage.feature import graycomatrix, graycoprops

EFFORT = {"seed": 0, "resamples": 12, "splits": 8}


def smooth(n, shape=(32, 32), seed=0, sigma=1.5):
    rng = np.random.default_rng(seed)
    x = gaussian_filter(rng.normal(size=(n, *shape)), (0, *[sigma] * len(shape)))
    return np.clip(0.5 + 0.4 * sigma * x, 0, 1)


def named(row, names=NAMES):
    return dict(zip(names, row, strict=True))


# Radiomics


def test_co_occurrence_agrees_with_skimage():
    x = smooth(1)[0]
    level = grey_levels(x, 0, 1)
    everywhere = np.ones_like(level, bool)
    got = named(radiomics(x[None], limits=(0, 1))[0])
    want = {"contrast": [], "dissimilarity": [], "correlation": [], "inverse_difference_moment": [], "joint_energy": []}
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        angle = np.arctan2(dy, dx)
        p = graycomatrix(level.astype(np.uint8), [1], [angle], levels=LEVELS, symmetric=True, normed=True)
        assert np.allclose(co_occurrence_matrix(level, everywhere, (dy, dx)), p[:, :, 0, 0])
        for ours, theirs in (("inverse_difference_moment", "homogeneity"), ("joint_energy", "ASM")):
            want[ours].append(graycoprops(p, theirs)[0, 0])
        for name in ("contrast", "dissimilarity", "correlation"):
            want[name].append(graycoprops(p, name)[0, 0])
    for name, values in want.items():
        assert got[f"glcm_{name}"] == pytest.approx(np.mean(values)), name


def test_directions_are_one_of_each_opposite_pair():
    for axes, n in ((2, 4), (3, 13)):
        steps = directions(axes)
        both = {*steps, *(tuple(-s for s in step) for step in steps)}
        assert len(steps) == n and both == set(itertools.product((-1, 0, 1), repeat=axes)) - {(0,) * axes}


def test_runs_are_those_counted_by_hand():
    level = np.array([[0, 0, 0, 1], [2, 1, 1, 1], [0, 2, 2, 0]])
    mask = np.ones_like(level, bool)
    values, length = run_lengths(level, mask, (0, 1))
    assert sorted(zip(values.tolist(), length.tolist(), strict=True)) == sorted(
        [(0, 3), (1, 1), (2, 1), (1, 3), (0, 1), (2, 2), (0, 1)]
    )
    values, length = run_lengths(level, mask, (1, -1))
    assert length.sum() == 12 and (2, 1) in zip(values.tolist(), length.tolist(), strict=True)
    mask[0, 1] = False  # a run ends where the mask does
    values, length = run_lengths(level, mask, (0, 1))
    assert sorted(length[values == 0].tolist()) == [1, 1, 1, 1] and length.sum() == 11


def test_first_order_agrees_with_scipy_and_grain_changes_texture_alone():
    x = smooth(4)
    got = [named(row) for row in radiomics(x, limits=(0, 1))]
    for one, row in zip(x, got, strict=True):
        assert row["first_order_mean"] == pytest.approx(one.mean()) and row["first_order_sd"] == pytest.approx(
            one.std()
        )
        assert row["first_order_skewness"] == pytest.approx(skew(one, axis=None))
        assert row["first_order_kurtosis"] == pytest.approx(kurtosis(one, axis=None, fisher=False))
    rng = np.random.default_rng(0)
    mixed = named(radiomics(rng.permutation(x[0].ravel()).reshape(1, 32, 32), limits=(0, 1))[0])
    for name in NAMES:
        if name.startswith("first_order"):
            assert mixed[name] == pytest.approx(got[0][name]), name
    assert mixed["glcm_contrast"] > 2 * got[0]["glcm_contrast"]
    assert mixed["glrlm_long_run_emphasis"] < got[0]["glrlm_long_run_emphasis"]


def test_features_of_a_volume_do_not_depend_on_which_way_it_lies():
    x = smooth(1, (12, 12, 12))
    want = radiomics(x, limits=(0, 1))[0]
    for axes in ((0, 3, 2, 1), (0, 2, 1, 3)):
        assert np.allclose(radiomics(x.transpose(axes), limits=(0, 1))[0], want)
    assert np.allclose(radiomics(x[:, ::-1], limits=(0, 1))[0], want)
    flat = named(radiomics(np.full((1, 8, 8), 0.3), limits=(0, 1))[0])
    assert flat["first_order_sd"] == 0 and flat["glcm_contrast"] == 0 and np.isfinite(list(flat.values())).all()


def test_shapes_of_balls_boxes_and_spacings():
    z, y, x = np.mgrid[:40, :40, :40] - 20
    ball, box = z**2 + y**2 + x**2 <= 12**2, (abs(z) <= 4) & (abs(y) <= 8) & (abs(x) <= 16)
    rows = radiomics(np.zeros((2, 40, 40, 40)), np.stack([ball, box]), limits=(0, 1))
    assert rows.shape == (2, len(NAMES) + len(SHAPE_NAMES))
    one, two = (named(row[len(NAMES) :], SHAPE_NAMES) for row in rows)
    assert one["shape_size"] == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02) and one["shape_compactness"] > 0.9
    assert one["shape_elongation"] == pytest.approx(1) and one["shape_flatness"] == pytest.approx(1)
    assert two["shape_elongation"] == pytest.approx(17 / 33, rel=0.03) and two["shape_filled_of_box"] == 1
    assert two["shape_compactness"] < one["shape_compactness"]
    wide = radiomics(np.zeros((1, 40, 40, 40)), box[None], limits=(0, 1), spacing=(2, 1, 1))[0, len(NAMES) :]
    assert wide[0] == pytest.approx(2 * two["shape_size"])
    disc = radiomics(np.zeros((1, 40, 40)), (y**2 + x**2 <= 12**2)[:1], limits=(0, 1))[0, len(NAMES) :]
    assert disc[0] == pytest.approx(np.pi * 12**2, rel=0.03) and disc[2] > 0.9
    assert np.isnan(radiomics(np.zeros((1, 8, 8)), np.zeros((1, 8, 8), bool), limits=(0, 1))).all()
    for bad, match in ((np.zeros((3, 3)), "images are"), (np.full((1, 4, 4), np.nan), "16 values are not finite")):
        with pytest.raises(ValueError, match=match):
            radiomics(bad)


# Textures and similarity of any number of axes


def test_spectra_of_waves_peak_at_their_frequency_in_every_number_of_axes():
    for shape in ((64,), (64, 48), (32, 32, 32)):
        at = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        wave = np.broadcast_to(np.sin(2 * np.pi * 0.25 * at), shape)[None]
        db = radial_spectra_db(wave)[0]
        assert len(db) == min(shape) // 2 and (db.argmax() + 1) / min(shape) == pytest.approx(0.25, abs=1 / min(shape))
        assert np.allclose(radial_spectra_db(3 + 2 * wave)[0], db, atol=1e-3) or db.min() == -80
    with pytest.raises(ValueError, match="have no spectrum"):
        radial_spectra_db(np.zeros((3, 1, 4)))


def test_levels_of_any_range_are_distribution_functions():
    x = np.random.default_rng(0).normal(-200, 300, size=(3, 10, 10, 10))
    low, high = value_range(x)
    shares = grey_shares(x, low, high)
    at = low + (high - low) * (np.arange(64) + 0.5) / 64
    assert np.allclose(shares[1], [(x[1] <= a).mean() for a in at])
    assert value_range(np.full((2, 3), 7.0)) == (6.5, 7.5)
    with pytest.raises(ValueError, match="is empty"):
        grey_shares(x, 1, 1)


def test_similarity_of_volumes_is_1_with_themselves_and_falls_with_noise():
    x = smooth(2, (24, 24, 24))
    rng, zero = np.random.default_rng(0), np.array([0])
    values = [ms_ssim_pairs(x, np.clip(x + s * rng.normal(size=x.shape), 0, 1), zero, zero)[0] for s in (0, 0.02, 0.1)]
    assert values[0] == pytest.approx(1) and values[0] > values[1] > values[2]
    other = ms_ssim_pairs(x, x, zero, np.array([1]))
    assert other == pytest.approx(ms_ssim_pairs(x.transpose(0, 3, 2, 1), x.transpose(0, 3, 2, 1), zero, np.array([1])))


# All in one call


PROJECTION = np.random.default_rng(99).normal(size=(32 * 32, 12)) / 20


def side(x, tag, rows=1):
    return Sample(x.reshape(len(x), -1) @ PROJECTION, [f"{tag}{i // rows}" for i in range(len(x))])


@pytest.fixture(scope="module")
def real():
    return smooth(120, seed=1), smooth(120, seed=2)


def judged(real, synthetic, groups=(), **more):
    held, train = real
    sides = [side(x, tag) for x, tag in ((held, "h"), (synthetic, "s"), (train, "t"))]
    seen = appearance(held, synthetic, (sides[0].patients, sides[1].patients), seed=0, most_pairs=300)
    return realism_of(sides[0], sides[1], groups, training=sides[2], sides=seen, eyes="projections", **EFFORT, **more)


def levels(result):
    return {(f.question, f.level) for f in realism_findings(result)}


def test_another_real_set_passes_and_its_result_is_plain_data(real):
    result = judged(real, smooth(120, seed=3))
    assert ("use", "good") in levels(result) and not {level for _, level in levels(result)} & {"stop", "care"}
    assert RealismResult.model_validate_json(result.model_dump_json()) == result
    names = [m.name for m in result.groups[0].metrics]
    assert names == ["frechet", "kid", "precision", "recall", "density", "coverage", "discriminator_auc_logistic",
                     "greys", "spectrum_db", "frechet_radiomics", "ms_ssim"]  # fmt: skip
    for m in result.groups[0].metrics:
        assert m.whole.low <= m.whole.value <= m.whole.high and m.floor.low <= m.floor.value <= m.floor.high
    assert {f.name for f in result.figures} >= {"frechet_infinity", "mmd_rbf", "cmmd", "kid_subsets", "c_t", "fld"}
    assert all(f.reason or f.value.value is not None for f in result.figures)
    section = realism_section(result)
    assert "generated" not in section.name and len(section.tables) == 2
    page = html(Page(facts=(), sections=(section,)), title="x", provenance={})
    assert "Fréchet distance at infinitely many records" in page
    assert all(isinstance(f, Finding) and f.claim.endswith(".") for f in realism_findings(result))


def test_planted_faults_are_found_by_the_figure_that_knows_them(real):
    copied = judged(real, real[1])
    said = {f.claim: f.level for f in realism_findings(copied) if f.question == "risk"}
    assert set(said.values()) == {"care"} and any("as copies do" in claim for claim in said)
    few = np.repeat(smooth(4, seed=4), 30, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=(120, 32, 32))
    collapsed = judged(real, np.clip(few, 0, 1))
    assert ("use", "stop") in levels(collapsed)
    blurred = judged(real, gaussian_filter(smooth(120, seed=5), (0, 1, 1)))
    off = next(f for f in realism_findings(blurred) if f.question == "use")
    assert off.level == "care" and "spectrum" in off.claim


def test_groups_have_their_own_floors_and_small_ones_a_reason(real):
    half = np.arange(120) < 60
    groups = (Group("F", "sex", half, ~half), Group("rare", "finding", np.arange(120) < 6, half),
              Group("none", "finding", np.zeros(120, bool), half))  # fmt: skip
    synthetic = smooth(120, seed=6)
    synthetic[~half] = gaussian_filter(synthetic[~half], (0, 1, 1))
    result = judged(real, synthetic, groups)
    at = {g.name: g for g in result.groups}
    assert [g.name for g in result.groups] == ["all", "F", "rare", "none"] and at["F"].metrics and not at["F"].small
    assert not at["rare"].metrics and "6 real patients" in at["rare"].reason and at["rare"].small
    assert "0 real patients" in at["none"].reason
    claims = " ".join(f.claim for f in realism_findings(result))
    assert "F on most metrics" in claims and "rare, none" in claims
    with pytest.raises(ValueError, match="group 'F' is of 3 real"):
        judged(real, synthetic, (Group("F", "sex", half[:3], half),))


def test_groups_by_condition_are_those_of_synthetic_values():
    groups = condition_groups("view", ["pa", "ap", None, "pa"], ["pa", "pa", "ll", None, "ap"])
    assert [g.name for g in groups] == ["pa", "ap", "ll"] and {g.kind for g in groups} == {"view"}
    assert groups[0].real.tolist() == [True, False, False, True] and groups[2].real.sum() == 0
    assert condition_groups("view", [None], [None]) == () and len(condition_groups("x", [], list("abc"), most=2)) == 2


def test_large_sides_are_drawn_by_patient_and_pooled_and_it_is_said(real):
    held, synthetic = side(np.concatenate(real), "h", rows=4), side(smooth(240, seed=7), "s")
    result = realism_of(held, synthetic, most_rows=100, **EFFORT)
    assert "100 of 240 real records" in result.remarks[0] and result.groups[0].n_real == 240
    everyone = next(f for f in result.figures if f.name == "frechet_all")
    small = next(m for m in result.groups[0].metrics if m.name == "frechet")
    assert everyone.value.n == 240 and everyone.value.value < small.whole.value
    assert result == realism_of(held, synthetic, most_rows=100, **EFFORT)


def test_parts_are_kept_and_found_again(real, tmp_path):
    said = []
    first = realism_of(
        side(real[0], "h"), side(real[1], "s"), folder=tmp_path, made_from={"x": 1}, progress=said.append, **EFFORT
    )
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "parts").iterdir()}
    again = realism_of(side(real[0], "h"), side(real[1], "s"), folder=tmp_path, made_from={"x": 1}, **EFFORT)
    assert first == again and said and files == {p: p.stat().st_mtime_ns for p in (tmp_path / "parts").iterdir()}
    with pytest.raises(ValueError, match="made_from"):
        realism_of(side(real[0], "h"), side(real[1], "s"), folder=tmp_path, **EFFORT)


def one(x, tag="r"):
    return Sample(x, [f"{tag}{i}" for i in range(len(x))])


@pytest.mark.parametrize("real_x, synthetic_x, said", [
    (np.ones((2, 3)), np.ones((2, 3)), "2 real patients"),
    (np.ones((40, 3)), np.arange(120.0).reshape(40, 3), "features of all 40 real records are equal"),
    (np.ones((40, 3)), np.ones((40, 2)), "3 features, synthetic ones 2"),
    (np.random.default_rng(0).normal(size=(40, 3)), np.empty((0, 3)), "0 synthetic patients"),
])  # fmt: skip
def test_bad_input_gives_a_reason_and_an_unknown_finding(real_x, synthetic_x, said):
    result = realism_of(one(real_x), one(synthetic_x, "s"), training=one(real_x, "t"), **EFFORT)
    findings = realism_findings(result)
    assert [f.level for f in findings] == ["unknown"] and said in findings[0].claim
    assert all(f.value.value is None or f.reason == "" for f in result.figures)
    assert RealismResult.model_validate_json(result.model_dump_json()) == result
    realism_section(result)


def test_more_features_than_rows_and_constant_synthetic_rows_do_not_stop_it():
    rng = np.random.default_rng(1)
    wide = realism_of(one(rng.normal(size=(40, 200))), one(rng.normal(size=(40, 200)), "s"), **EFFORT)
    reasons = {f.name: f.reason for f in wide.figures}
    assert "too few to extrapolate" in reasons["frechet_infinity"] and wide.groups[0].metrics
    flat = realism_of(one(rng.normal(size=(40, 4))), one(np.zeros((40, 4)), "s"), **EFFORT)
    at = {m.name: m for m in flat.groups[0].metrics}
    assert at["recall"].whole.value == 0 and at["coverage"].whole.high < 0.5
    assert ("use", "stop") in levels(flat)


def test_rows_that_are_not_finite_are_left_out_and_counted():
    x = np.ones((5, 2))
    x[1, 0], x[3, 1] = np.nan, np.inf
    kept, rows, said = finite_rows(x, list("abcde"), "real")
    assert rows.tolist() == [0, 2, 4] and kept.patients == ("a", "c", "e") and said.startswith("2 of 5 real records")
    assert finite_rows(np.ones((2, 1)), ["a", "b"], "real")[2] == ""
    with pytest.raises(ValueError, match="for 1 patients"):
        finite_rows(x, ["a"], "real")


def test_appearance_takes_signals_and_refuses_what_does_not_match():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(12, 2, 100)), rng.normal(size=(14, 2, 100))
    names = ([f"r{i}" for i in range(12)], [f"s{i}" for i in range(14)])
    seen = appearance(x, y, names, seed=0, signals=True)
    assert seen.pairs is None and seen.radiomics is None and seen.curves["spectrum_db"][0].shape == (12, 100)
    volumes = appearance(smooth(12, (12, 12, 12)), smooth(14, (12, 12, 12)), names, seed=0)
    assert volumes.pairs is not None and volumes.radiomics[1].shape == (14, len(NAMES))
    with pytest.raises(ValueError, match="real records have the shape .2, 100., synthetic ones .2, 90."):
        appearance(x, y[..., :90], names, seed=0)
    y[3] = np.nan
    with pytest.raises(ValueError, match="1 of 14 synthetic records"):
        appearance(x, y, names, seed=0)
