"""Readers of brains: names of all years, BIDS, tables, folders; what is missing is missing, what is wrong is named."""

import shutil

import mri_toy
import numpy as np
import pytest
from clinsynth.conditioning.mri.references import sealed
from clinsynth.conditioning.mri.subject import subject_of
from clinsynth.conditioning.readers import read
from mri_toy import write_patient

OLD = dict(t1="t1", t1ce="t1ce", t2="t2", flair="flair", segmentation="seg")
SINCE = dict(t1="t1n", t1ce="t1c", t2="t2w", flair="t2f", segmentation="seg")


def without(names, *left_out):
    return {name: called for name, called in names.items() if name not in left_out}


@pytest.fixture
def brats(tmp_path):
    root = tmp_path / "brats"
    write_patient(root / "BraTS2021_00003", "BraTS2021_00003_{}.nii.gz", OLD)
    write_patient(root / "BraTS-GLI-00001-000", "BraTS-GLI-00001-000-{}.nii.gz", without(SINCE, "flair"), seed=1)
    write_patient(root / "BraTS-GLI-00001-001", "BraTS-GLI-00001-001-{}.nii.gz", without(SINCE, "t1ce", "t2"), seed=2)
    return root


def test_names_of_all_years_are_the_same_four_contrasts(brats):
    records = {r.record_id: r for r in read(f"brats:{brats}")}
    assert list(records) == ["BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS2021_00003"]
    assert list(records["BraTS-GLI-00001-000"].arrays) == ["t1", "t1ce", "t2", "segmentation"]
    assert records["BraTS-GLI-00001-001"].condition.targets == ("t1ce", "t2")
    assert {r.condition.patient_id for r in records.values()} == {"BraTS-GLI-00001", "BraTS2021_00003"}
    for seed, record in ((1, records["BraTS-GLI-00001-000"]), (0, records["BraTS2021_00003"])):
        assert np.array_equal(record.arrays["t2"], mri_toy.brain("t2", seed)[::-1, ::-1])
        assert record.provenance["reader"] == "brats" and record.provenance["patient"] == record.condition.patient_id
    assert records["BraTS2021_00003"].arrays["segmentation"].max() == 3


def test_patients_in_one_folder_or_deep_below_are_found_alike(brats, tmp_path):
    flat, deep = tmp_path / "flat", tmp_path / "deep" / "ASNR" / "TrainingData"
    flat.mkdir()
    for path in brats.glob("*/*"):
        shutil.copy(path, flat)
    shutil.copytree(brats, deep)
    conditions = [
        [(r.record_id, r.condition.present) for r in read(f"brats:{root}", images=False)]
        for root in (brats, flat, tmp_path / "deep")
    ]
    assert conditions[0] == conditions[1] == conditions[2] and len(conditions[0]) == 3


def test_a_patient_without_contrasts_or_with_one_twice_is_named_and_can_be_left_out(brats):
    (brats / "BraTS-GLI-00009-000").mkdir()
    shutil.copytree(brats / "BraTS2021_00003", brats / "again" / "BraTS2021_00003")
    with pytest.raises(ValueError, match="BraTS-GLI-00009-000: has none of t1, t1ce, t2 and flair"):
        list(read(f"brats:{brats}"))
    left: list[str] = []
    assert len(list(read(f"brats:{brats}", on_error="skip", skipped=left))) == 2
    assert "BraTS2021_00003: 2 files are its" in left[1] and len(left) == 2


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        read(f"brats:{tmp_path / 'no'}")
    said_by = {
        "brats": "holds no file with a name like BraTS2021",
        "bids": "no folder sub-*",
        "nifti": "a name like sub-01/sub-01_t1",
        "dicom-series": "no DICOM files of MR",
    }
    for reader, said in said_by.items():
        with pytest.raises(ValueError, match=said.replace("*", r"\*")):
            read(f"{reader}:{tmp_path}")


def test_records_are_read_when_they_are_asked_for(brats):
    records = read(f"brats:{brats}")
    next(records)
    for path in brats.glob("BraTS2021*/*_t1.nii.gz"):
        path.write_bytes(b"no volume")
    next(records)
    with pytest.raises(ValueError, match="BraTS2021_00003: t1: BraTS2021_00003_t1.nii.gz: cannot be read as NIfTI"):
        next(records)


@pytest.fixture
def bids(tmp_path):
    root = tmp_path / "bids"
    names = dict(t1="T1w", t1ce="ce-gadolinium_T1w", t2="T2w", flair="FLAIR")
    write_patient(root / "sub-01" / "anat", "sub-01_{}.nii.gz", names)
    write_patient(root / "sub-02" / "ses-1" / "anat", "sub-02_ses-1_{}.nii.gz", without(names, "t1ce"))
    write_patient(root / "sub-02" / "ses-2" / "anat", "sub-02_ses-2_{}.nii.gz", without(names, "t2", "flair"))
    derived = root / "derivatives" / "labels"
    write_patient(derived / "sub-01" / "anat", "sub-01_desc-tumor_{}.nii.gz", dict(segmentation="dseg"))
    write_patient(derived / "sub-02" / "ses-1" / "anat", "sub-02_ses-1_{}.nii.gz", dict(segmentation="dseg"))
    text = "participant_id\tage\tsex\nsub-01\t61\tF\nsub-02\t89+\tmale\n"
    (root / "participants.tsv").write_text(text)
    return root


def test_bids_gives_sessions_people_and_the_tumour_but_no_tissue_for_one(bids):
    records = {r.record_id: r for r in read(f"bids:{bids}")}
    assert list(records) == ["sub-01", "sub-02_ses-1", "sub-02_ses-2"]
    assert [r.condition.present for r in records.values()] == [
        ("t1", "t1ce", "t2", "flair"), ("t1", "t2", "flair"), ("t1", "t1ce"),
    ]  # fmt: skip
    assert records["sub-01"].condition.sex == "F" and records["sub-01"].condition.age_years == 61
    assert records["sub-02_ses-2"].condition.sex == "M" and records["sub-02_ses-2"].condition.patient_id == "sub-02"
    assert "segmentation" in records["sub-01"].arrays and "segmentation" not in records["sub-02_ses-1"].arrays
    every = {r.record_id: r for r in read(f"bids:{bids}?segmentation=*_dseg.nii.gz&images=false")}
    assert every["sub-02_ses-1"].condition.segmentation is not None


def test_bids_with_several_files_of_a_contrast_asks_which(bids):
    mri_toy.write(bids / "sub-01" / "anat" / "sub-01_desc-brain_T2w.nii.gz", mri_toy.brain("t2"))
    with pytest.raises(ValueError, match="sub-01: 2 files are its t2"):
        list(read(f"bids:{bids}"))
    some = list(read(f"bids:{bids}?having=desc-brain&on_error=skip", skipped=[]))
    assert [r.condition.present for r in some] == [("t2",)]


def test_a_table_names_files_and_people(tmp_path):
    write_patient(tmp_path / "a", "one_{}.nii.gz", OLD)
    rows = [
        "record_id,patient_id,t1,flair,segmentation,sex,age_years,wanted,meta_site",
        "v1,p1,a/one_t1.nii.gz,,a/one_seg.nii.gz,F,44,t1ce|t2,north",
        "v2,p1,a/one_t1.nii.gz,a/one_flair.nii.gz,,F,45,,",
        "v3,p2,embedded:tcga_lgg/sub-01/t1,,,,,,",
        "v4,p3,../secret.nii.gz,,,,,,",
        "v5,p4,a/one_t1.nii.gz,,,X,,,",
        "v6,p5,,,,,,,",
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    left: list[str] = []
    first, second, third = read(f"nifti:{tmp_path / 't.csv'}", on_error="skip", skipped=left)
    assert first.condition.targets == ("t1ce", "t2") and second.condition.targets == ("t1ce", "t2")
    assert first.condition.sex == "F" and first.provenance["meta_site"] == "north"
    assert third.arrays["t1"].shape == (67, 84, 68)
    assert "v4: row 4: path '../secret.nii.gz' leads out of its folder" in left[0]
    assert "v5: sex 'X' is not known" in left[1] and "v6: has none of t1" in left[2]


def test_a_table_with_a_wrong_column_or_one_name_twice_is_refused(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("t1,t3\na,b\n")
    with pytest.raises(ValueError, match="column 't3' is not known, did you mean 't2'|column 't3' is not known"):
        read(f"nifti:{table}")
    table.write_text("record_id,t1\na,b\na,c\n")
    with pytest.raises(ValueError, match="record_id 'a' stands there twice"):
        read(f"nifti:{table}")


def test_a_folder_of_patients_is_read_by_its_names(tmp_path):
    write_patient(tmp_path / "sub-01", "sub-01_{}.nii.gz", OLD)
    write_patient(tmp_path / "sub-02", "sub-02_{}.nii", dict(t1="T1w", flair="FLAIR"))
    (tmp_path / "sub-03").mkdir()
    left: list[str] = []
    records = {r.record_id: r for r in read(f"nifti:{tmp_path}", on_error="skip", skipped=left)}
    assert {name: r.condition.present for name, r in records.items()} == {
        "sub-01": ("t1", "t1ce", "t2", "flair"), "sub-02": ("t1", "flair"),
    }  # fmt: skip
    assert left == ["sub-03: has none of t1, t1ce, t2 and flair"]


def test_links_are_followed_and_one_into_nowhere_is_no_missing_contrast(brats, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "BraTS2021_00003").symlink_to(brats / "BraTS2021_00003")
    (linked / "BraTS2021_00003" / "around").symlink_to(linked)
    (record,) = read(f"brats:{linked}")
    assert record.condition.present == ("t1", "t1ce", "t2", "flair")
    flair = brats / "BraTS-GLI-00001-000" / "BraTS-GLI-00001-000-t2f.nii.gz"
    flair.symlink_to(brats / "not" / "fetched.nii.gz")
    assert next(read(f"brats:{brats}", images=False)).condition.targets == ()
    with pytest.raises(ValueError, match="BraTS-GLI-00001-000: flair: .*: does not exist"):
        next(read(f"brats:{brats}"))


def test_asking_to_resample_goes_with_the_condition(brats):
    half = mri_toy.AFFINE.copy()
    half[:3, 3] += 3
    name = "BraTS2021_00003"
    mri_toy.write(brats / name / f"{name}_t2.nii.gz", mri_toy.brain("t2"), half)
    with pytest.raises(ValueError, match="t2: BraTS2021_00003_t2.nii.gz: its affine puts it"):
        list(read(f"brats:{brats}"))
    *_, record = read(f"brats:{brats}?resample=true")
    assert record.provenance["resampled"] == ["t2"] and record.condition.t2.endswith(".nii.gz#resample=true")
    again = subject_of(sealed(record.condition))
    assert np.array_equal(again.arrays["t2"], record.arrays["t2"])
