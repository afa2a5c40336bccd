"""The two embedded patients: what they are, who may see them, and that a condition reaches them."""

import hashlib

import numpy as np
import pytest
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.embedded.tcga_lgg_brains import embedded_path
from clinsynth.conditioning.mri import MriCondition
from clinsynth.conditioning.mri.subject import subject_of

SHA256 = {  # of the first and last file; a repacked file is another input
    ("sub-01", "t1"): "0f9d964c31421a70d9ecddca9ec5837f1a0fc12ecec481d1dbb99e774d3b8aba",
    ("sub-02", "segmentation"): "b60b8245a0f4e0d0a66c84054d7022445f40fb06e9e1533bea6dfaff01beb79f",
}


def test_two_patients_with_all_contrasts_on_one_grid_of_2_mm():
    records = list(embedded("tcga_lgg"))
    assert [r.record_id for r in records] == ["sub-01", "sub-02"]
    for record in records:
        assert list(record.arrays) == ["t1", "t1ce", "t2", "flair", "segmentation"]
        assert record.geometry.spacing_mm == (2, 2, 2) and 1200 < record.provenance["brain_ml"] < 1700
        tumour = record.arrays["segmentation"] > 0
        assert 5 < tumour.sum() * 0.008 < 100 and (record.arrays["t2"][tumour] > 0).mean() > 0.99
    assert [sorted(np.unique(r.arrays["segmentation"]).tolist()) for r in records] == [[0, 1, 2], [0, 1, 2, 3]]


def test_splits_are_one_patient_each_and_an_unknown_one_is_named():
    assert [r.record_id for r in embedded("tcga_lgg", split="train")] == ["sub-02"]
    assert [r.record_id for r in embedded("tcga_lgg", split="held_out")] == ["sub-01"]
    with pytest.raises(ValueError, match="split = 'test' is not known"):
        embedded("tcga_lgg", split="test")


def test_a_condition_names_an_embedded_volume():
    condition = MriCondition(t1="embedded:tcga_lgg/sub-01/t1", t2="embedded:tcga_lgg/sub-01/t2")
    record = subject_of(condition)
    whole = next(iter(embedded("tcga_lgg", split="held_out")))
    assert np.array_equal(record.arrays["t2"], whole.arrays["t2"])
    for wrong, said in (
        ("sub-09/t1", "embedded patient 'sub-09'"),
        ("sub-01/t3", "embedded volume 't3'"),
        ("x", "is no"),
    ):
        with pytest.raises(ValueError, match=said):
            subject_of(MriCondition(t1=f"embedded:tcga_lgg/{wrong}"))


def test_the_files_are_those_that_were_packed():
    for (patient, volume), digest in SHA256.items():
        assert hashlib.sha256(embedded_path(patient, volume).read_bytes()).hexdigest() == digest


def test_conditions_come_without_the_volumes():
    record = next(iter(embedded("tcga_lgg", images=False)))
    assert not record.arrays and record.condition.present == ("t1", "t1ce", "t2", "flair")
