"""A segmenter that reads one contrast alone says exactly what replacing that contrast does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brain_toy import brain_record
from clinsynth.conditioning.mri import Contrast
from clinsynth.evaluation.mri.case import case_of
from clinsynth.evaluation.mri.usefulness import uses_of

CASE = case_of(brain_record(1))
T1, T1CE, T2, FLAIR = Contrast


def by_threshold(volumes, brain):
    """Call oedema what is bright on FLAIR, enhancing what is bright on T1 with contrast agent."""
    said = np.where(volumes[FLAIR] > 0.65, 2, 0)
    return (np.where(volumes[T1CE] > 0.8, 3, said) * brain).astype(np.uint8)


def test_replacing_what_is_read_costs_and_replacing_what_is_not_read_does_not():
    nothing = np.zeros(CASE.brain.shape, np.float32)
    arms = {"zero": nothing, "same": CASE.volumes[FLAIR]}
    lost = {(u.arm, u.part): u for u in uses_of(CASE, FLAIR, by_threshold, arms)}
    assert len(lost) == 9
    assert lost["zero", "WT"].dice < lost["real", "WT"].dice - 0.2
    assert lost["zero", "ET"].dice == lost["real", "ET"].dice
    assert lost["same", "WT"] == lost["real", "WT"].model_copy(update={"arm": "same"})
    kept = {(u.arm, u.part): u for u in uses_of(CASE, T2, by_threshold, {"zero": nothing})}
    assert all(kept["zero", part].dice == kept["real", part].dice for part in ("ET", "TC", "WT"))


def test_a_part_that_is_in_neither_mask_is_not_scored():
    bare = replace(CASE, labels=np.zeros_like(CASE.labels))
    (et, tc, wt) = uses_of(bare, T2, lambda volumes, brain: np.zeros(brain.shape, np.uint8), {})
    assert et.dice is None and tc.hausdorff95_mm is None and wt.dice is None
    with pytest.raises(ValueError, match="no segmentation"):
        uses_of(replace(CASE, labels=None), T2, by_threshold, {})
