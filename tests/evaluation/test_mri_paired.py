"""Paired metrics of brain volumes: closed forms, invariants, and torchmetrics, scikit-image and MONAI."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from clinsynth.evaluation.mri.brasyn import brasyn, own_range
from clinsynth.evaluation.mri.overlap import dice, hausdorff95_mm, tumour_overlap
from clinsynth.evaluation.mri.paired import paired_scores, psnr_db, top_of
from clinsynth.evaluation.mri.regions import brain_of, regions_of, tumour_parts
from clinsynth.evaluation.mri.ssim import ssim_map
from monai.metrics import compute_dice, compute_hausdorff_distance
from scipy.ndimage import gaussian_filter
from torchmetrics.functional.image import structural_similarity_index_measure

SHAPE = (20, 22, 18)


def volumes(seed: int, gain: float = 300.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a real volume, a made one, the brain and labels of a tumour, smooth like anatomy."""
    rng = np.random.default_rng(seed)
    centre = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    brain = (centre**2).sum(0) < 0.8
    real = brain * gain * (1 + 1.5 * gaussian_filter(rng.standard_normal(SHAPE), 2) / 0.05 * 0.1)
    made = brain * (real + 0.1 * gain * gaussian_filter(rng.standard_normal(SHAPE), 1))
    labels = np.zeros(SHAPE, np.uint8)
    labels[6:14, 7:15, 5:11], labels[8:12, 9:13, 6:9], labels[8:10, 9:11, 6:8] = 2, 3, 1
    return np.clip(real, 0, None).astype(np.float32), np.clip(made, 0, None).astype(np.float32), brain, labels


def reference_ssim(a: np.ndarray, b: np.ndarray, data_range: float | None = None) -> float:
    x, y = (torch.from_numpy(np.asarray(v, dtype=np.float64))[None, None] for v in (a, b))
    return float(structural_similarity_index_measure(x, y, data_range=data_range))


@pytest.mark.parametrize("data_range", [None, 1.0, 500.0])
def test_the_mean_of_the_similarity_map_is_torchmetrics(data_range: float | None) -> None:
    real, made, _, _ = volumes(0)
    assert ssim_map(made, real, data_range).mean() == pytest.approx(reference_ssim(made, real, data_range), abs=1e-9)


def test_brasyn_is_the_definition_by_torchmetrics() -> None:
    for seed in range(2):
        real, made, brain, labels = volumes(seed)
        mask = labels > 0
        a, b = (torch.from_numpy(v.astype(np.float64)) for v in (made, real))
        clipped = []
        for v in (a, b):
            low, high = np.percentile(v.numpy(), [0.5, 99.5])
            clipped.append((v.clamp(max(low, 0), high) - max(low, 0)) / (high - max(low, 0)))
        expected = [reference_ssim(*(v.numpy() * m for v in clipped)) for m in (mask, ~mask)]
        found = brasyn(made, real, mask, brain)
        assert [found.ssim_tumour, found.ssim_non_tumour] == pytest.approx(expected, abs=1e-5)


def test_zeros_outside_inflate_brasyn_and_not_the_masked_voxels() -> None:
    real, made, brain, labels = volumes(1)
    mask = labels > 0
    wrong = np.where(mask, np.random.default_rng(0).permutation(real.ravel()).reshape(SHAPE), made)
    found = brasyn(wrong, real, mask, brain)
    assert found.inside_tumour < 0.2 < 0.6 < found.ssim_tumour


def test_brasyn_sees_no_gain_and_the_scanners_scale_does() -> None:
    real, made, brain, labels = volumes(2)
    assert brasyn(made * 3, real, labels > 0, brain) == pytest.approx(brasyn(made, real, labels > 0, brain), abs=1e-6)
    regions = regions_of(brain, labels)
    as_made, louder = (paired_scores(v, real, regions, "own") for v in (made, made * 3))
    assert all(louder[n].mse == pytest.approx(as_made[n].mse, rel=1e-4) for n in regions)
    as_made, louder = (paired_scores(v, real, regions) for v in (made, made * 3))
    assert louder["brain"].psnr_db < as_made["brain"].psnr_db - 3


def test_errors_are_their_closed_forms() -> None:
    real, _, brain, labels = volumes(3)
    real = np.where(brain, np.clip(real, 1, 400), 0)
    regions = regions_of(brain, labels)
    top = top_of(real, brain)
    made = np.where(labels > 0, np.clip(real, 0, top) - 0.1 * top, real)
    inside = real[labels > 0]
    assert (inside > 0.1 * top).all() and (inside <= top).all()
    scores = paired_scores(made, real, regions)
    assert scores["tumour"].psnr_db == pytest.approx(20.0, abs=1e-3)
    assert scores["tumour"].mae == pytest.approx(0.1, abs=1e-5)
    assert scores["healthy"].psnr_db == 100.0 and scores["healthy"].mse == 0
    share = scores["tumour"].voxels / scores["brain"].voxels
    assert scores["brain"].mse == pytest.approx(0.01 * share, rel=1e-4)
    assert scores["tumour"].voxels + scores["healthy"].voxels == scores["brain"].voxels


def test_the_same_volume_is_alike_and_psnr_is_skimages() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    real, made, brain, _ = volumes(4)
    assert paired_scores(real, real, {"brain": brain})["brain"].ssim == pytest.approx(1)
    top = top_of(real, brain)
    a, b = (np.clip(v / np.float64(top), 0, 1)[brain] for v in (made, real))
    expected = peak_signal_noise_ratio(b, a, data_range=1)
    assert paired_scores(made, real, {"brain": brain})["brain"].psnr_db == pytest.approx(expected, abs=1e-9)
    assert psnr_db(0.01) == pytest.approx(20)


def test_overlap_is_monais() -> None:
    rng = np.random.default_rng(5)
    spacing = (1.0, 2.0, 0.7)
    for _ in range(4):
        a, b = (gaussian_filter(rng.standard_normal(SHAPE), 2.5) > 0.03 for _ in range(2))
        x, y = (torch.from_numpy(m)[None, None].float() for m in (a, b))
        assert dice(a, b) == pytest.approx(float(compute_dice(x, y)), abs=1e-6)
        expected = float(compute_hausdorff_distance(x, y, include_background=True, percentile=95, spacing=spacing))
        assert hausdorff95_mm(a, b, spacing) == pytest.approx(expected, abs=1e-5)


def test_overlap_of_a_shifted_cube_and_of_nothing() -> None:
    a, b, nothing = (np.zeros(SHAPE, bool) for _ in range(3))
    a[4:10, 4:10, 4:10], b[7:13, 4:10, 4:10] = True, True
    assert dice(a, b) == pytest.approx(0.5)
    assert hausdorff95_mm(a, b, (2.0, 1.0, 1.0)) == pytest.approx(6.0)
    assert dice(a, a) == 1 and hausdorff95_mm(a, a, (1.0, 1.0, 1.0)) == 0
    assert math.isnan(dice(nothing, nothing)) and math.isnan(hausdorff95_mm(nothing, nothing, (1.0, 1.0, 1.0)))
    assert dice(a, nothing) == 0
    assert hausdorff95_mm(a, nothing, (1.0, 1.0, 1.0)) == pytest.approx(math.dist(SHAPE, (0, 0, 0)))


def test_tumour_parts_are_nested_and_other_labels_are_refused() -> None:
    labels = volumes(6)[3]
    parts = tumour_parts(labels)
    assert not (parts["ET"] & ~parts["TC"]).any() and not (parts["TC"] & ~parts["WT"]).any()
    assert {k: v[0] for k, v in tumour_overlap(labels, labels, (1.0, 1.0, 1.0)).items()} == {"ET": 1, "TC": 1, "WT": 1}
    with pytest.raises(ValueError, match="label 4 is none of"):
        tumour_parts(np.where(labels == 3, 4, labels))


def test_what_cannot_be_compared_is_refused() -> None:
    real, made, brain, labels = volumes(7)
    with pytest.raises(ValueError, match="one grid; got 20 x 22 x 18 and 20 x 22 x 17"):
        paired_scores(made, real[..., 1:], {"brain": brain})
    with pytest.raises(ValueError, match="no voxel is of a tumour"):
        brasyn(made, real, np.zeros(SHAPE, bool), brain)
    with pytest.raises(ValueError, match="nearly constant"):
        own_range(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="there is no brain"):
        brain_of({"t1": np.zeros(SHAPE)})
    with pytest.raises(ValueError, match="volumes of one grid"):
        brain_of({"t1": real, "t2": real[1:]})
    assert set(regions_of(brain, np.zeros(SHAPE, np.uint8))) == {"brain", "healthy"}
