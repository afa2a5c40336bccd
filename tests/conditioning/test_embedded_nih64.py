"""The embedded radiographs: what they are, and that no patient is on both sides."""

import numpy as np
import pytest
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.radiograph import Finding, View
from clinsynth.conditioning.radiograph.vocabulary import NIH_LABELS


def test_images_are_in_range_and_conditions_complete():
    records = list(embedded("nih64"))
    assert len(records) == 460 and len({r.record_id for r in records}) == 460
    for record in records:
        image = record.arrays["image"]
        assert image.shape == (64, 64) and image.dtype == np.float32 and 0 <= image.min() < image.max() <= 1
        c = record.condition
        assert c.sex and c.age_years >= 18 and c.view in (View.pa, View.ap) and not record.synthetic
        assert set(c.findings) | set(c.absent) | {Finding.no_finding} >= set(NIH_LABELS.values())
        assert (Finding.no_finding in c.findings) == (record.provenance["labels"] == ["No Finding"])
        assert all(c.state(finding) is True for finding in c.findings)
        assert all(c.state(finding) is False for finding in c.absent)


def test_no_patient_is_on_both_sides():
    sides = [{r.condition.patient_id for r in embedded("nih64", split=split)} for split in ("train", "held_out")]
    assert [len(side) for side in sides] == [88, 44] and not sides[0] & sides[1]


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split = 'test' is not known"):
        embedded("nih64", split="test")
