"""Deformations, volumes and growth of phantom brains."""

import numpy as np
import pytest
from clinsynth.conditioning.mri.anatomy import build
from clinsynth.conditioning.mri.anatomy_ageing import draw_volumes, expected_hyperintensities_ml
from clinsynth.conditioning.mri.anatomy_map import draw_map, widening_time
from clinsynth.conditioning.mri.anatomy_template import in_location, template
from clinsynth.conditioning.mri.anatomy_warp import compose, flow, jacobian, random_warp, smooth_noise
from clinsynth.conditioning.mri.phantom_condition import BrainPhantomCondition, Tumour, TumourLocation
from clinsynth.conditioning.mri.phantom_prior import complete
from clinsynth.conditioning.mri.tissue import INDEX, Tissue
from clinsynth.conditioning.mri.tumour_growth import Seed, grow, pushed_back
from clinsynth.conditioning.seeds import stream
from clinsynth.conditioning.words import one_line
from pydantic import ValidationError


def brain(seed=0, **fields):
    return build(complete(BrainPhantomCondition(spacing_mm=4.0, **fields), seed, seed), seed)


def ball_seed(**changes):
    parts = dict(
        centre_mm=np.zeros(3), size_mm=24.0, necrosis_share=0.4, oedema_mm=8.0, kind=Tumour.high_grade, push=0.4
    )
    return Seed(**{**parts, **changes})


def block(shape=(60, 60, 60)):
    return {
        "white": np.ones(shape, np.float32),
        "grey": np.zeros(shape, np.float32),
        "fluid": np.zeros(shape, np.float32),
    }


def grown(seed, tissues, origin=-60.0):
    return grow(seed, 2.0, np.full(3, origin, np.float32), tissues, stream(1, "growth"))


def test_the_template_is_parted_into_shares_that_fill_the_brain():
    t = template()
    total = t.grey + t.white + t.ventricle + t.outer
    assert np.allclose(total[total > 0], 1, atol=1e-5)
    assert 15 < t.volume_ml(t.ventricle) < 35 and min(t.grey.min(), t.white.min(), t.ventricle.min()) >= 0


def test_ventricles_lie_deep_and_on_both_sides_alike():
    t = template()
    left, right = t.ventricle[:49], t.ventricle[49:]
    assert left.sum() == pytest.approx(right.sum(), rel=0.15)
    assert (t.depth_mm[t.ventricle > 0.5]).min() > 8


@pytest.mark.parametrize("seed", range(4))
def test_a_random_warp_is_one_to_one(seed):
    warp, least = random_warp(stream(seed, "w"), (30, 34, 28), ((5.0, 1.0), (2.5, 0.5)))
    assert least > 0.1 and jacobian(warp).min() == pytest.approx(least)
    assert np.abs(warp).max() > 0.5


def test_a_wild_velocity_is_tamed_until_it_does_not_fold():
    assert random_warp(stream(0, "w"), (20, 20, 20), ((1.0, 4.0),))[1] > 0.1


def test_the_flow_of_a_constant_velocity_is_a_shift_and_flows_back():
    shift = np.broadcast_to(np.array([1.0, -0.5, 0.25], np.float32)[:, None, None, None], (3, 12, 12, 12))
    assert np.allclose(flow(shift), shift, atol=1e-5)
    velocity = np.stack([smooth_noise(stream(k, "v"), (24, 24, 24), 5.0) for k in range(3)])
    there_and_back = compose(flow(-velocity), flow(velocity))
    assert np.abs(there_and_back[:, 6:-6, 6:-6, 6:-6]).max() < 0.1


def test_the_jacobian_of_a_scaling_is_its_volume():
    grid = np.indices((8, 8, 8), dtype=np.float32)
    assert np.allclose(jacobian(np.float32(0.2) * grid), 1.2**3, rtol=1e-4)


def test_ventricles_are_widened_to_the_share_that_is_asked_for():
    times = [widening_time(share) for share in (0.008, 0.012, 0.03, 0.045)]
    assert np.all(np.diff(times) > 0) and widening_time(template_share()) == pytest.approx(0, abs=0.25)


def template_share():
    t = template()
    return t.volume_ml(t.ventricle) / t.volume_ml(t.grey + t.white + t.ventricle + t.outer)


def test_left_stays_left():
    head = draw_map(stream(5, "h"), 1400.0, 0.02)
    mm = np.array([[-40.0, 40.0], [-20.0, -20.0], [20.0, 20.0]], np.float32)
    assert head.back(mm)[0, 0] < -20 and head.back(mm)[0, 1] > 20


def test_fluid_and_hyperintensities_grow_with_age_and_men_have_larger_heads():
    young, old = (
        np.mean([list(vars(draw_volumes(sex, age, 0.012, stream(k, "v"))).values()) for k in range(200)], axis=0)
        for sex, age in (("M", 25.0), ("M", 75.0))
    )
    assert old[1] - young[1] == pytest.approx(15, rel=0.25)  # 0.3 mL a year
    assert old[2] - young[2] == pytest.approx(30, rel=0.25)  # 0.6 mL a year
    assert young[0] == pytest.approx(1469, rel=0.02) and old[3] > 5 * young[3]
    assert expected_hyperintensities_ml(30) == expected_hyperintensities_ml(43) < expected_hyperintensities_ml(60)


def test_an_old_brain_has_the_fluid_and_the_spots_that_were_asked_for():
    narrow = brain(3, tumour="none", age_years=30, sex="M", ventricles_ml=15, hyperintensities_ml=0)
    wide = brain(3, tumour="none", age_years=80, sex="M", ventricles_ml=60, hyperintensities_ml=12)
    assert narrow.ventricles_ml == pytest.approx(15, rel=0.35) and wide.ventricles_ml == pytest.approx(60, rel=0.35)
    assert narrow.volume_ml(Tissue.hyperintensity) == 0
    assert wide.volume_ml(Tissue.hyperintensity) == pytest.approx(12, rel=0.4)
    assert wide.volume_ml(Tissue.grey) < narrow.volume_ml(Tissue.grey)


@pytest.mark.parametrize("kind", ["none", "low_grade", "high_grade", "metastasis"])
def test_shares_add_up_to_one_and_labels_say_what_is_there(kind):
    a = brain(8, tumour=kind)
    assert np.allclose(a.shares.sum(0), 1, atol=1e-3) and a.shares.min() >= -1e-6
    assert a.least_jacobian > 0 and not a.labels[~a.mask].any()
    allowed = {"none": {0}, "low_grade": {0, 1, 2}}.get(kind, {0, 1, 2, 3})
    assert set(np.unique(a.labels)) <= allowed
    core = sum(a.shares[INDEX[t]] for t in (Tissue.tumour, Tissue.necrosis, Tissue.enhancing))
    labelled = np.isin(a.labels[a.mask], (1, 3))
    assert np.all(core[labelled] > 0.45) and np.all(core[~labelled] < 0.55)


@pytest.mark.parametrize("size", [15.0, 30.0])
def test_the_core_has_the_volume_that_was_asked_for(size):
    got = grown(ball_seed(size_mm=size), block()).core.sum() * 8
    assert got == pytest.approx(np.pi / 6 * size**3, rel=0.12)


def test_necrosis_is_inside_the_core_and_has_its_share():
    growth = grown(ball_seed(size_mm=36.0, necrosis_share=0.5), block())
    assert np.all(growth.necrosis <= growth.core + 1e-6)
    assert growth.necrosis.sum() == pytest.approx(0.5 * growth.core.sum(), rel=0.15)
    assert not grown(ball_seed(necrosis_share=0.0), block()).necrosis.any()


def test_oedema_follows_white_matter_and_none_is_there_where_none_was_asked_for():
    tissues = block()
    tissues["grey"][:30], tissues["white"][:30] = 1, 0
    growth = grown(ball_seed(size_mm=16.0, oedema_mm=14.0), tissues)
    middle = growth.oedema.shape[0] // 2
    assert growth.oedema[middle:].sum() > 1.7 * growth.oedema[:middle].sum() > 0
    assert not grown(ball_seed(oedema_mm=0.0), block()).oedema.any()


def test_pushing_moves_tissue_away_and_keeps_its_order():
    r = np.linspace(0.1, 80, 400, dtype=np.float32)
    line = np.stack([r, np.zeros_like(r), np.zeros_like(r)])
    before = pushed_back(line, ball_seed(push=0.6))[0]
    assert np.all(np.diff(before) > 0) and np.all(before <= r) and before[-1] == pytest.approx(r[-1], abs=0.01)


@pytest.mark.parametrize("place", list(TumourLocation))
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_tumour_grows_where_it_is_asked_for(place, side):
    c = complete(BrainPhantomCondition(tumour="metastasis", tumour_count=1, tumour_size_mm=10, oedema_mm=0,
                                       tumour_location=place, tumour_side=side, spacing_mm=4.0), 2, 2)  # fmt: skip
    a = build(c, 2)
    assert (a.seeds[0].centre_mm[0] < 0) == (side == "left")
    assert in_location(place, np.array(a.seeds[0].mni_mm)[:, None]).all()


def test_metastases_are_as_many_as_asked_for_and_lie_apart():
    a = brain(4, tumour="metastasis", tumour_count=4, tumour_size_mm=14)
    centres = np.stack([s.centre_mm for s in a.seeds])
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1)[np.triu_indices(4, 1)]
    assert len(a.seeds) == 4 and gaps.min() > 8


def test_one_patient_has_one_brain_at_every_scanner_and_spacing_keeps_volumes():
    one = complete(BrainPhantomCondition(field_tesla=1.5, spacing_mm=4.0), 7, 1)
    two = complete(BrainPhantomCondition(field_tesla=3.0, spacing_mm=4.0), 7, 2)
    a, b = build(one, 7), build(two, 7)
    assert np.array_equal(a.labels, b.labels) and np.array_equal(a.shares, b.shares)
    fine = build(one.model_copy(update={"spacing_mm": 2.5}), 7)
    assert fine.volume_ml(Tissue.white) == pytest.approx(a.volume_ml(Tissue.white), rel=0.15)


def test_stating_a_field_moves_no_other():
    free = complete(BrainPhantomCondition(), 11, 11).model_dump()
    stated = complete(BrainPhantomCondition(t2_te_ms=99, noise_percent=2), 11, 11).model_dump()
    assert {k for k in free if free[k] != stated[k]} == {"t2_te_ms", "noise_percent"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tumour": "none", "tumour_size_mm": 20}, "needs a tumour"),
        ({"tumour": "low_grade", "tumour_count": 3}, "metastases"),
        ({"t1_ti_ms": 900}, "inversion_recovery"),
        ({"t1_sequence": "inversion_recovery", "t1_ti_ms": 900, "t1_tr_ms": 800}, "not below"),
        ({"field_tesla": 7}, "field_tesla"),
        ({"age_years": 12}, "age_years"),
    ],
)
def test_contradictions_are_refused_by_name(fields, said):
    with pytest.raises(ValidationError) as error:
        BrainPhantomCondition(**fields)
    assert said in one_line(error.value, BrainPhantomCondition)
