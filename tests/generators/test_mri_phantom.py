"""Phantom brains as images: contrasts in their order, scanners that do what they say, a truth that is true."""

import numpy as np
import pytest
from clinsynth.app.jobs.sources import open_sources
from clinsynth.conditioning.mri.phantom_condition import BrainPhantomCondition
from clinsynth.conditioning.seeds import sample_seed
from clinsynth.generators.mri.phantom import image_brain, read_brains
from clinsynth.generators.mri.phantom.scanner import acquire, bias_field, rician, slice_profile
from scipy import ndimage

CONTRASTS = ("t1", "t1ce", "t2", "flair")
CLEAN = {"noise_percent": 0, "bias_percent": 0, "spacing_mm": 4.0} | {f"{c}_slice_mm": 1.0 for c in CONTRASTS}


def made(seed=1, **fields):
    return image_brain(BrainPhantomCondition(**{**CLEAN, **fields}), seed)


def middle(record, where):
    return {c: float(np.median(record.arrays[c][where])) for c in CONTRASTS}


@pytest.fixture(scope="module")
def tumour():
    return made(3, tumour="high_grade", tumour_size_mm=44, necrosis_share=0.4, oedema_mm=16, spacing_mm=3.0)


@pytest.fixture(scope="module")
def parts(tumour):
    """Return the median of each contrast in white matter, deep grey, ventricles and each label."""
    record, seg = tumour, tumour.arrays["segmentation"]
    brain = record.arrays["t1"] > 0
    inner = ndimage.binary_erosion(brain, iterations=3) & ~ndimage.binary_dilation(seg > 0, iterations=3)
    t1 = record.arrays["t1"]
    white = inner & (t1 > np.quantile(t1[inner], 0.75))
    fluid = inner & (t1 < np.quantile(t1[inner], 0.01))
    grey = inner & (t1 > np.quantile(t1[inner], 0.2)) & (t1 < np.quantile(t1[inner], 0.35))
    labels = {f"label{k}": middle(record, ndimage.binary_erosion(seg == k) if k != 3 else seg == k) for k in (1, 2, 3)}
    return {"white": middle(record, white), "grey": middle(record, grey), "fluid": middle(record, fluid), **labels}


def test_tissues_stand_in_the_order_that_each_contrast_is_known_by(parts):
    p = parts
    assert p["white"]["t1"] > p["grey"]["t1"] > p["fluid"]["t1"]
    assert p["fluid"]["t2"] > p["grey"]["t2"] > p["white"]["t2"]
    assert p["fluid"]["flair"] < 0.8 * p["white"]["flair"]
    assert p["grey"]["flair"] > 0.9 * p["white"]["flair"]


def test_oedema_is_bright_on_flair_and_t2_and_dark_on_t1(parts):
    assert parts["label2"]["flair"] > 1.15 * parts["white"]["flair"]
    assert parts["label2"]["t2"] > 1.15 * parts["white"]["t2"] and parts["label2"]["t1"] < parts["white"]["t1"]


def test_only_enhancing_tumour_takes_up_contrast_agent():
    same = {"tumour": "high_grade", "tumour_size_mm": 40, "necrosis_share": 0.3, "oedema_mm": 10}
    same |= {f"{c}_{k}": v for c in ("t1", "t1ce") for k, v in
             (("sequence", "spin_echo"), ("tr_ms", 500), ("te_ms", 10))}  # fmt: skip
    r = made(3, **same)
    seg, ratio = r.arrays["segmentation"], r.arrays["t1ce"] / np.maximum(r.arrays["t1"], 1e-6)
    plain = np.median(ratio[(r.arrays["t1"] > 0) & (seg == 0)])
    assert np.median(ratio[seg == 3]) > 1.15 * plain and np.median(ratio[seg == 2]) < 1.1 * plain


def test_a_low_grade_glioma_does_not_enhance_and_without_agent_nothing_does():
    low = made(2, tumour="low_grade")
    assert not (low.arrays["segmentation"] == 3).any() and (low.arrays["segmentation"] == 1).any()
    sequence = {f"{c}_{k}": v for c in ("t1", "t1ce") for k, v in
                (("sequence", "spin_echo"), ("tr_ms", 500), ("te_ms", 10))}  # fmt: skip
    none = made(3, tumour="high_grade", gadolinium_mm=0, **sequence)
    inside = ndimage.binary_erosion(none.arrays["t1"] > 0, iterations=2)
    ratio = (none.arrays["t1ce"] / np.maximum(none.arrays["t1"], 1e-6))[inside]
    assert np.quantile(ratio, 0.95) < 1.1 * np.quantile(ratio, 0.05)


def test_truth_counts_the_labels_and_the_tissues(tumour):
    seg, truth = tumour.arrays["segmentation"], tumour.truth
    assert truth["tumour_mm3"] == pytest.approx((seg > 0).sum() * 27)
    assert sum(truth[f"label_{k}_mm3"] for k in (1, 2, 3)) == pytest.approx(truth["tumour_mm3"])
    core = truth["necrosis_ml"] + truth["enhancing_ml"]
    assert core == pytest.approx(np.pi / 6 * 44**3 / 1000, rel=0.2)
    assert truth["t2_te_ms"] == tumour.condition.t2_te_ms and truth["white_t1_ms"] < truth["grey_t1_ms"]


def test_the_background_is_0_and_all_contrasts_lie_on_one_grid(tumour):
    brain = tumour.arrays["t1"] > 0
    for contrast in CONTRASTS:
        image = tumour.arrays[contrast]
        assert image.dtype == np.float32 and image.shape == brain.shape
        assert np.array_equal(image > 0, brain) and image[0].max() == 0
    assert not tumour.arrays["segmentation"][~brain].any()
    assert np.allclose(np.diag(tumour.geometry.affine)[:3], tumour.geometry.spacing_mm)


def test_the_same_patient_on_another_scanner_has_the_same_labels_and_another_image():
    a = made(1, patient_seed=9, tumour="low_grade", field_tesla=1.5)
    b = made(2, patient_seed=9, tumour="low_grade", field_tesla=3.0)
    assert np.array_equal(a.arrays["segmentation"], b.arrays["segmentation"])
    assert a.provenance["patient"] == b.provenance["patient"] and not np.array_equal(a.arrays["t1"], b.arrays["t1"])


def test_a_complete_condition_makes_the_same_brain_again():
    a = image_brain(BrainPhantomCondition(spacing_mm=4.0), 5)
    again = image_brain(a.condition, 5)
    assert all(np.array_equal(a.arrays[k], again.arrays[k]) for k in a.arrays)


def test_a_longer_echo_raises_fluid_over_white_matter_in_t2():
    def ratio(te):
        r = made(1, tumour="none", t2_te_ms=te, t2_tr_ms=5000)
        values = r.arrays["t2"][ndimage.binary_erosion(r.arrays["t2"] > 0, iterations=2)]
        return np.quantile(values, 0.995) / np.median(values)

    assert ratio(60) < ratio(100) < ratio(160)


def test_randomised_settings_range_wider_than_clinical_ones():
    def spread(protocol):
        from clinsynth.conditioning.mri.phantom_prior import complete

        c = BrainPhantomCondition(protocol=protocol)
        return np.std([np.log(complete(c, k, k).t2_te_ms) for k in range(60)])

    assert spread("randomised") > 1.8 * spread("clinical")


def test_rician_noise_of_no_signal_has_rayleighs_mean_and_of_much_signal_is_unbiased():
    rng = np.random.default_rng(0)
    assert rician(rng, np.zeros((40, 40, 40), np.float32), 2.0).mean() == pytest.approx(
        2 * np.sqrt(np.pi / 2), rel=0.01
    )
    strong = rician(rng, np.full((40, 40, 40), 100, np.float32), 1.0)
    assert strong.mean() == pytest.approx(100, abs=0.05) and strong.std() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("slice_mm", [2.0, 3.3, 6.0])
def test_slices_average_and_interpolate_without_changing_a_constant(slice_mm):
    average, back = slice_profile(40, 2.0, slice_mm, 0.3)
    assert np.allclose(average.sum(1), 1, atol=1e-5) and np.allclose(back.sum(1), 1, atol=1e-5)
    flat = np.full((6, 6, 40), 7, np.float32)
    assert np.allclose(acquire(np.random.default_rng(0), flat, 0.0, 2.0, slice_mm, 1.0), 7, atol=1e-3)


def test_thick_slices_blur_along_the_head_and_not_across_it():
    point = np.zeros((21, 21, 21), np.float32)
    point[10, 10, 10] = 1
    image = acquire(np.random.default_rng(1), point, 0.0, 1.0, 5.0, 0.1)
    assert (image[10, 10] > 0.01).sum() >= 5 and (image[:, 10].sum(1) > 1e-6).sum() == 1


@pytest.mark.parametrize("percent", [0.0, 40.0])
def test_the_bias_field_has_the_range_that_was_asked_for(percent):
    mask = np.zeros((30, 36, 28), bool)
    mask[5:25, 6:30, 5:23] = True
    field = bias_field(np.random.default_rng(0), mask, percent, 4.0)[mask]
    assert field.mean() == pytest.approx(1, abs=1e-4) and np.ptp(field) == pytest.approx(
        percent / 100, rel=0.15, abs=1e-6
    )


def test_phantoms_are_a_source_of_records():
    source = "phantom:brain?n=2&seed=4&spacing_mm=4&tumour=low_grade"
    records = list(read_brains(source))
    assert [r.record_id for r in records] == ["brain-000000", "brain-000001"]
    assert records[1].provenance["seed"] == sample_seed(4, "brain-000001")
    opened = open_sources({"synthetic": source})["synthetic"]
    assert opened.condition() == "BrainPhantomCondition"
    assert np.array_equal(opened.read(1).records[0].arrays["t2"], records[0].arrays["t2"])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("phantom:liver", "liver"),
        ("phantom:brain?n=0", "n = 0"),
        ("phantom:brain?n=many", "whole number"),
        ("phantom:brain?tumor=low_grade", "tumour"),
        ("phantom:brain?tumour=big", "big"),
    ],
)
def test_wrong_phantoms_are_refused_by_name(source, said):
    with pytest.raises(ValueError, match=said):
        read_brains(source)
