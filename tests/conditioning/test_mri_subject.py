"""A patient's record: one grid, RAS, labels of today; every fault in one line that names contrast and file."""

import gzip
import struct

import mri_toy
import nibabel
import numpy as np
import pytest
from clinsynth.conditioning.mri import MriCondition
from clinsynth.conditioning.mri.references import content_sha256, place_of, sealed
from clinsynth.conditioning.mri.subject import subject_of
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def patient(tmp_path):
    mri_toy.write_patient(tmp_path, "p_{}.nii.gz", dict(t1="t1", t2="t2", flair="flair", segmentation="seg"))
    files = {"t1": "t1", "t2": "t2", "flair": "flair", "segmentation": "seg"}
    return {name: str(tmp_path / f"p_{called}.nii.gz") for name, called in files.items()}


def refused(files, **options):
    with pytest.raises(ValueError) as error:
        subject_of(MriCondition(**files), **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_patient_lies_on_one_grid_with_the_scanners_scale_and_its_inputs_named(patient):
    record = subject_of(MriCondition(**patient, patient_id="p"))
    assert list(record.arrays) == ["t1", "t2", "flair", "segmentation"] and record.record_id == "p"
    assert {a.shape for a in record.arrays.values()} == {mri_toy.SHAPE}
    assert record.arrays["t1"].dtype == np.float32 and record.arrays["segmentation"].dtype == np.uint8
    assert np.array_equal(record.arrays["t2"], mri_toy.brain("t2")[::-1, ::-1])  # left, back, head became RAS
    assert sorted(np.unique(record.arrays["segmentation"])) == [0, 1, 2, 3]
    assert (np.diag(record.geometry.affine)[:3] > 0).all() and record.geometry.spacing_mm == (8, 8, 8)
    assert 1000 < record.provenance["brain_ml"] < 1500 and not record.synthetic
    told = record.provenance["inputs"]
    assert told["t2"] == {"file": "p_t2.nii.gz", "sha256": content_sha256(place_of(patient["t2"]))}


def test_voxels_stay_at_their_place_in_the_world_however_the_file_turns_them(patient, tmp_path):
    image = nibabel.load(patient["t1"])
    turned = image.as_reoriented([[1, -1], [2, 1], [0, -1]])
    nibabel.save(turned, tmp_path / "p_t1ce.nii.gz")
    record = subject_of(MriCondition(**patient, t1ce=str(tmp_path / "p_t1ce.nii.gz")))
    assert np.array_equal(record.arrays["t1"], record.arrays["t1ce"])


def test_labels_of_2023_and_later_keep_their_meaning(tmp_path, patient):
    def labels(name, found):
        path = mri_toy.write(tmp_path / name, mri_toy.segmentation(found))
        record = subject_of(MriCondition(**{**patient, "segmentation": str(path)}))
        return sorted(np.unique(record.arrays["segmentation"]).tolist())

    assert labels("seg.nii.gz", (1, 2, 4)) == [0, 1, 2, 3]
    assert labels("BraTS-GLI-00001-000-seg.nii.gz", (1, 2, 3)) == [0, 1, 2, 3]
    assert labels("BraTS-GLI-02001-100-seg.nii.gz", (1, 2, 3, 4)) == [0, 1, 2, 3]  # 4: the cavity of a resection
    assert labels("BraTS-GLI-02002-100-seg.nii.gz", (2, 4)) == [0, 2]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda v: v[:-1], "flair: p_flair.nii.gz: is 21 x 26 x 20 and t1 (p_t1.nii.gz) 22 x 26 x 20"),
        (lambda v: np.where(v == v.max(), np.nan, v.astype(np.float32)), "holds 1 values that are NaN or infinite"),
        (lambda v: np.zeros_like(v), "all 11440 voxels are 0; there is no image in it"),
        (lambda v: np.full_like(v, 7), "all 11440 voxels are 7"),
        (lambda v: np.stack([v, v], axis=-1), "holds 2 volumes (22 x 26 x 20 x 2); one is needed"),
        (lambda v: v[:, :, 0], "is 22 x 26; one volume of three axes is needed"),
        (lambda v: v + 50, "0% of the voxels are 0"),
        (lambda v: (v + 50) * (np.arange(22)[:, None, None] > 0), "a skull-stripped brain has a background of 0"),
    ],
)  # fmt: skip
def test_a_volume_that_cannot_be_a_brain_is_refused_by_name(patient, tmp_path, spoil, said):
    mri_toy.write(tmp_path / "p_flair.nii.gz", spoil(mri_toy.brain("flair")))
    told = refused(patient)
    assert said in told and told.startswith("flair: ") and "p_flair" in told or "skull" in told


def test_a_whole_head_is_taken_when_it_is_asked_for(patient, tmp_path):
    mri_toy.write(tmp_path / "p_flair.nii.gz", mri_toy.brain("flair") + np.int16(50))
    assert subject_of(MriCondition(**patient), whole_head=True).provenance["brain_ml"] > 5000


def test_files_that_lie_about_themselves_are_refused_before_they_are_read(patient, tmp_path):
    path = tmp_path / "p_flair.nii.gz"
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    raw = bytearray(header.binaryblock + b"\0" * 4)
    struct.pack_into("<8h", raw, 40, 3, 20000, 20000, 20000, 1, 1, 1, 1)
    path.write_bytes(gzip.compress(bytes(raw)))
    assert path.stat().st_size < 200
    assert "claims 20000 x 20000 x 20000 voxels; more than 300 million are not read" in refused(patient)
    struct.pack_into("<8h", raw, 40, 3, 600, 600, 600, 1, 1, 1, 1)
    path.write_bytes(gzip.compress(bytes(raw)))
    assert "and the file holds" in refused(patient)
    path.write_bytes(b"")
    assert "is empty (0 bytes)" in refused(patient)
    path.unlink()
    assert "flair: p_flair.nii.gz: does not exist" in refused(patient)


def test_another_affine_is_refused_beyond_a_tenth_of_a_voxel(patient, tmp_path):
    for shift_mm, passes in ((0.0, True), (0.7, True), (0.9, False), (40.0, False)):
        moved = mri_toy.AFFINE.copy()
        moved[0, 3] += shift_mm
        mri_toy.write(tmp_path / "p_flair.nii.gz", mri_toy.brain("flair"), moved)
        if passes:
            subject_of(MriCondition(**patient))
        else:
            assert f"puts it {shift_mm / 8:.2f} voxels away from t1 (p_t1.nii.gz); up to 0.1 pass" in refused(patient)


@settings(max_examples=8, deadline=None)
@given(shift=st.tuples(*[st.integers(-2, 2)] * 3))
def test_resampling_a_shifted_grid_gives_back_what_lay_there(tmp_path_factory, shift):
    folder = tmp_path_factory.mktemp("patient")
    whole = mri_toy.brain("t2")
    moved = mri_toy.AFFINE.copy()
    moved[:3, 3] -= moved[:3, :3] @ shift  # voxel i of the rolled volume is voxel i - shift of the other
    rolled = np.roll(whole, shift, axis=(0, 1, 2))
    files = {
        "t1": str(mri_toy.write(folder / "a.nii", mri_toy.brain())),
        "t2": str(mri_toy.write(folder / "b.nii", rolled, moved)),
    }
    record = subject_of(MriCondition(**files), resample=True)
    keep = tuple(slice(2, -2) for _ in range(3))
    assert np.allclose(record.arrays["t2"][keep], whole[::-1, ::-1][keep], atol=1e-3)
    assert record.provenance["resampled"] == (["t2"] if any(shift) else [])


def test_resampling_brings_a_finer_grid_over_and_refuses_another_space(patient, tmp_path):
    fine = np.kron(mri_toy.brain("flair"), np.ones((2, 2, 2), np.int16))
    half = mri_toy.AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    half[:3, 3] = (mri_toy.AFFINE @ [-0.25, -0.25, -0.25, 1])[:3]
    mri_toy.write(tmp_path / "p_flair.nii.gz", fine, half)
    assert "is 44 x 52 x 40" in refused(patient)
    record = subject_of(MriCondition(**patient), resample=True)
    expected = mri_toy.brain("flair")[::-1, ::-1].astype(float)
    assert np.corrcoef(record.arrays["flair"].ravel(), expected.ravel())[0, 1] > 0.98
    half[0, 3] += 500
    mri_toy.write(tmp_path / "p_flair.nii.gz", fine, half)
    assert "covers 0% of the grid" in refused(patient, resample=True)


def test_a_segmentation_is_held_to_the_same(patient, tmp_path):
    path = tmp_path / "p_seg.nii.gz"
    mri_toy.write(path, mri_toy.segmentation((1, 9)))
    assert "segmentation: p_seg.nii.gz: holds the value 9" in refused(patient)
    mri_toy.write(path, mri_toy.segmentation()[:, :-2])
    assert "segmentation: p_seg.nii.gz: is 22 x 24 x 20" in refused(patient)


def test_a_file_without_a_place_in_space_is_refused(patient, tmp_path):
    np.save(tmp_path / "v.npy", mri_toy.brain())
    assert "says nothing of its place in space" in refused({"t1": str(tmp_path / "v.npy")})


def test_a_sealed_condition_refuses_a_changed_file_and_seals_once(patient, tmp_path):
    condition = sealed(MriCondition(**patient))
    assert condition == sealed(condition) and condition.t1.startswith(patient["t1"] + "#sha256=")
    assert subject_of(condition).arrays.keys() == subject_of(MriCondition(**patient)).arrays.keys()
    mri_toy.write(tmp_path / "p_t2.nii.gz", mri_toy.brain("t2", seed=1))
    with pytest.raises(ValueError, match="^t2: p_t2.nii.gz: has changed since the plan was made"):
        subject_of(condition)
    with pytest.raises(ValueError, match="has changed since the plan was made"):
        sealed(condition)


def test_no_contrast_at_all_is_no_condition():
    with pytest.raises(ValueError, match="no contrast is there"):
        MriCondition(segmentation="s.nii.gz")
