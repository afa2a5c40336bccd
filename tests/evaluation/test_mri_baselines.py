"""Baselines of missing contrasts: 28 questions, who is left out, and relations that each baseline must find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from brain_toy import brain_record
from clinsynth.conditioning.mri import Contrast
from clinsynth.evaluation.mri.baselines import BASELINES
from clinsynth.evaluation.mri.case import Case, Missing, case_of, questions
from clinsynth.evaluation.mri.crossing import answered, crossed
from clinsynth.evaluation.mri.paired import on_one_scale, paired_scores
from scipy.ndimage import gaussian_filter

T1, T1CE, T2, FLAIR = Contrast


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [case_of(brain_record(seed, gain=gain)) for seed, gain in ((1, 1.0), (2, 2.5), (3, 0.4))]


def mse(case: Case, made: np.ndarray, target: Contrast) -> float:
    return paired_scores(made, case.volumes[target], {"brain": case.brain})["brain"].mse


def test_there_are_28_questions_of_14_subsets() -> None:
    asked = list(questions())
    assert len(asked) == len(set(asked)) == 28
    assert len({q.inputs for q in asked}) == 14
    assert all(q.inputs and q.target not in q.inputs for q in asked)
    assert sum(len(q.inputs) == 3 for q in asked) == 4


def test_a_case_is_on_its_own_scale_and_goes_back_onto_the_grid(cases: list[Case]) -> None:
    a, louder = cases[0], case_of(brain_record(1, gain=3.0))
    for contrast in Contrast:
        assert np.allclose(a.volumes[contrast], louder.volumes[contrast], atol=1e-5)
        back = a.on_grid(a.volumes[contrast]) * a.tops[contrast]
        real = a.record.arrays[contrast]
        assert np.allclose(back, np.minimum(real, a.tops[contrast]), rtol=1e-5)
    assert a.brain.sum() == (a.record.arrays["t1"] > 0).sum()


def test_histogram_matching_takes_the_input_that_is_the_target_but_for_its_grey_levels(cases: list[Case]) -> None:
    curved = [replace(c, volumes={**c.volumes, T2: c.volumes[T1] ** 2}) for c in cases]
    question = Missing((T1, FLAIR), T2)
    fill = BASELINES["histogram"](curved[1:], question, 0)
    assert mse(curved[0], fill(curved[0]), T2) < 5e-3
    assert mse(curved[0], fill(curved[0]), T2) < 0.2 * mse(curved[0], curved[0].volumes[FLAIR], T2)


def test_regression_finds_what_no_single_contrast_can(cases: list[Case]) -> None:
    mixed = [
        replace(c, volumes={**c.volumes, FLAIR: np.clip(0.9 * np.abs(c.volumes[T2] - c.volumes[T1]), 0, 1)})
        for c in cases
    ]
    question = Missing((T1, T2), FLAIR)
    found = {name: mse(mixed[0], BASELINES[name](mixed[1:], question, 0)(mixed[0]), FLAIR) for name in BASELINES}
    assert found["voxel"] < 0.1 * found["histogram"]
    assert found["voxel"] < 0.1 * found["mean"]


def test_patches_see_what_a_voxel_does_not(cases: list[Case]) -> None:
    smooth = [replace(c, volumes={**c.volumes, FLAIR: gaussian_filter(c.volumes[T2], 2.0)}) for c in cases]
    question = Missing((T2,), FLAIR)
    voxel, patch = (
        mse(smooth[0], BASELINES[name](smooth[1:], question, 0)(smooth[0]), FLAIR) for name in ("voxel", "patch")
    )
    assert patch < 0.4 * voxel


def test_a_baseline_is_a_function_of_its_seed_and_stays_in_the_brain(cases: list[Case]) -> None:
    question = Missing((T1, T2), FLAIR)
    for name, baseline in BASELINES.items():
        a, b = (baseline(cases[1:], question, 7)(cases[0]) for _ in range(2))
        assert np.array_equal(a, b), name
        assert a.dtype == np.float32 and a.min() >= 0 and a.max() <= 1
        assert not a[~cases[0].brain].any()


def test_who_is_asked_is_never_learned_from_and_answers_are_kept(cases: list[Case], tmp_path: Path) -> None:
    twin = case_of(replace(brain_record(1, gain=0.7), record_id="p1-again"))
    seen: list[tuple[str, set[str]]] = []

    def method(training, asked, seed):  # type: ignore[no-untyped-def]
        def fill(case: Case) -> np.ndarray:
            seen.append((case.patient, {c.patient for c in training}))
            return case.volumes[asked.inputs[0]]

        return fill

    asked = [Missing((T1,), T2), Missing((T1, T2, FLAIR), T1CE)]
    found = crossed([*cases, twin], {"first": method}, asked=asked, folder=tmp_path)
    assert len(found.answers) == 8 and len(seen) == 8
    assert all(patient not in others for patient, others in seen)
    assert all(len(others) == 2 for _, others in seen)
    assert crossed([*cases, twin], {"first": method}, asked=asked, folder=tmp_path) == found
    assert len(seen) == 8
    with pytest.raises(ValueError, match="two or more are needed"):
        crossed([cases[0], twin], {"first": method})


def test_a_fitted_factor_forgives_a_gain_and_nothing_else(cases: list[Case]) -> None:
    case = cases[0]
    question = Missing((T1,), FLAIR)
    half = answered("half", question, case, case.volumes[FLAIR] * np.float32(0.5))
    assert half.fitted["brain"].psnr_db > 60 > 20 > half.scores["brain"].psnr_db
    a, _ = on_one_scale(case.volumes[T1], case.volumes[FLAIR], case.brain, "fitted")
    b, _ = on_one_scale(case.volumes[T1], case.volumes[FLAIR], case.brain)
    assert mse(case, a, FLAIR) <= mse(case, b, FLAIR)
    assert half.brasyn is not None and half.brasyn["ssim_tumour"] == pytest.approx(1, abs=1e-4)
