"""The tumour segmenter: its scans are standard whatever the scanner's scale, and it learns what a tumour looks like."""

from __future__ import annotations

import numpy as np
import pytest
from brain_toy import brain_record
from clinsynth.conditioning.mri import Contrast
from clinsynth.evaluation.mri.case import case_of
from clinsynth.evaluation.mri.overlap import tumour_overlap
from clinsynth.generators.readout.tumour import SegmenterConfig, scan_of, taught_segmenter
from clinsynth.generators.readout.tumour.segmenter import untaught

CASES = [case_of(brain_record(seed)) for seed in range(1, 5)]
SCANS = [scan_of(c.volumes, c.brain, c.labels) for c in CASES]
SMALL = SegmenterConfig(steps=80, patch=16, batch=2, learning_rate=1e-2)


def test_a_scan_is_standard_in_the_brain_and_knows_no_scale() -> None:
    case = CASES[0]
    scan = scan_of(case.volumes, case.brain, case.labels)
    louder = scan_of({c: 7 * v for c, v in case.volumes.items()}, case.brain)
    assert np.allclose(scan.x, louder.x, atol=1e-4)
    inside = scan.x[:, case.brain.T]
    assert np.allclose(inside.mean(1), 0, atol=1e-4) and np.allclose(inside.std(1), 1, atol=1e-3)
    assert not scan.x[:, ~case.brain.T].any()
    assert scan.labels is not None and np.array_equal(scan.labels.T, case.labels)


def test_a_contrast_that_is_not_there_is_zero_and_one_that_was_not_given_is_refused() -> None:
    case = CASES[0]
    gone = scan_of({**case.volumes, Contrast.flair: np.zeros(case.brain.shape, np.float32)}, case.brain)
    assert not gone.x[3].any() and gone.x[2].any()
    with pytest.raises(ValueError, match="flair is not there"):
        scan_of({c: v for c, v in case.volumes.items() if c != "flair"}, case.brain)


def test_it_finds_the_tumour_of_a_patient_it_never_saw() -> None:
    held_out = CASES[0]
    found = taught_segmenter(SCANS[1:], SMALL, seed=0).labels(held_out.volumes, held_out.brain)
    assert held_out.labels is not None
    overlap = tumour_overlap(found, held_out.labels, held_out.spacing_mm)
    assert overlap["WT"][0] > 0.8 and overlap["ET"][0] > 0.3
    unknowing = untaught(0).labels(held_out.volumes, held_out.brain)
    assert tumour_overlap(unknowing, held_out.labels, held_out.spacing_mm)["WT"][0] < 0.4
    assert not found[~held_out.brain].any()


def test_the_same_seed_gives_the_same_segmenter_and_no_step_leaves_it_as_it_was() -> None:
    few = SMALL.model_copy(update={"steps": 2})
    a, b, c = (taught_segmenter(SCANS[:2], few, seed=s).network.state_dict() for s in (1, 1, 2))
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert any(not np.array_equal(a[k], c[k]) for k in a)
    start = untaught(5)
    same = taught_segmenter(SCANS[:1], few.model_copy(update={"steps": 0}), 9, start).network.state_dict()
    assert all(np.array_equal(v, same[k]) for k, v in start.network.state_dict().items())


def test_scans_without_labels_are_refused() -> None:
    bare = scan_of(CASES[0].volumes, CASES[0].brain)
    with pytest.raises(ValueError, match="1 of 2 have no labels"):
        taught_segmenter([SCANS[0], bare], SMALL, 0)
