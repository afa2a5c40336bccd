"""Volumes as NIfTI: what goes in comes out, nibabel reads the same, bytes are the same, damage is told."""

import gzip
import hashlib
import json
import struct
import subprocess
import sys

import mri_toy
import nibabel
import numpy as np
import pytest
from clinsynth.conditioning.dataset import open_dataset, verify
from clinsynth.conditioning.dataset.nifti_record import decode, read_stored
from clinsynth.conditioning.mri import MriCondition
from clinsynth.conditioning.plan import CohortPlan
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.conditioning.seeds import sample_seed
from clinsynth.generators.storage import StorageConfig, write_part
from clinsynth.generators.storage.nifti_format import encode
from clinsynth.generators.storage.quality import Unfit, check
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_toy import ToyMri

CONDITION = MriCondition(t1="a/p_t1.nii.gz", patient_id="p")


def volumes(shape=(5, 6, 7), seed=0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=shape).astype(np.float32)
    return {"flair": image, "flair_uncertainty": image**2, "segmentation": (image > 1).astype(np.uint8)}


def record(arrays=None, geometry=None, **about):
    arrays = volumes() if arrays is None else arrays
    geometry = geometry or ImageGeometry((1.0, 1.5, 2.0), None, "a.u.")
    provenance = {"synthetic": True, "generator": "toy", "seed": 5, **about}
    return Record("p-1", arrays, CONDITION, geometry, provenance)


def rotation(axis, angle):
    """Return the rotation by an angle about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 10)] * 3),
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1),
    angle=st.floats(-3.2, 3.2),
    mirror=st.booleans(),
    kind=st.sampled_from([np.float32, np.int16, np.int32, np.uint8]),
)
def test_any_volume_comes_back_and_nibabel_sees_the_same(shape, spacing, axis, angle, mirror, kind):
    turn = rotation(axis, angle) @ np.diag([-1.0 if mirror else 1.0, 1, 1])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * spacing, (-90.25, 126.1, -72)
    rows = tuple(tuple(float(v) for v in row) for row in affine)
    geometry = ImageGeometry(tuple(map(float, spacing)), rows, "HU")
    array = (np.random.default_rng(0).normal(size=shape) * 50).astype(kind)
    files = encode(record({"volume": array}, geometry))
    arrays, found = decode("p-1", files)
    assert np.array_equal(arrays["volume"], array) and arrays["volume"].dtype == kind and found == geometry
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(files["volume.nii.gz"]))
    assert np.array_equal(np.asarray(image.dataobj), array) and image.get_data_dtype() == kind
    assert np.allclose(image.affine, affine, rtol=1e-6, atol=1e-4)
    assert np.allclose(image.get_qform(), affine, rtol=1e-4, atol=1e-3 * max(1, *spacing))
    assert np.allclose(image.header.get_zooms(), spacing) and image.header.get_xyzt_units()[0] == "mm"


def test_a_sheared_affine_is_kept_and_no_rotation_is_claimed():
    affine = np.array([[1, 0.4, 0, 3], [0, 1, 0, 4], [0, 0, 2, 5], [0, 0, 0, 1.0]])
    geometry = ImageGeometry((1.0, float(np.hypot(1, 0.4)), 2.0), tuple(map(tuple, affine.tolist())), "HU")
    files = encode(record(geometry=geometry))
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(files["flair.nii.gz"]))
    assert np.allclose(image.affine, affine) and image.header["qform_code"] == 0
    assert decode("p-1", files)[1] == geometry


def test_every_file_says_what_it_is_and_where_it_comes_from():
    inputs = {"t1": {"file": "p_t1.nii.gz", "sha256": "0" * 64}}
    files = encode(record(inputs=inputs, copied=["segmentation"]))
    assert list(files) == ["flair.nii.gz", "flair_uncertainty.nii.gz", "segmentation.nii.gz"]
    for suffix, data in files.items():
        image = nibabel.Nifti1Image.from_bytes(gzip.decompress(data))
        told = json.loads(image.header.extensions[0].get_content())
        descrip = bytes(image.header["descrip"].item()).decode()
        copied = suffix.startswith("segmentation")
        assert descrip.startswith("COPY of the input, not synthetic" if copied else "SYNTHETIC, made by clinsynth")
        assert told["inputs"] == inputs and told["condition"]["patient_id"] == "p" and told["synthetic"]
        assert told["seed"] == 5 and told["array"] == suffix.removesuffix(".nii.gz")
        assert read_stored(suffix, data).about == told
    seg = nibabel.Nifti1Image.from_bytes(gzip.decompress(files["segmentation.nii.gz"]))
    assert seg.get_data_dtype() == np.uint8 and seg.header["intent_code"] == 1002


def test_bytes_hold_no_time_and_are_the_same_in_another_process():
    files = encode(record())
    assert all(data[4:8] == b"\0\0\0\0" and data[3] == 0 for data in files.values())
    program = (
        "import sys; sys.path.insert(0, 'tests'); sys.path.insert(0, 'tests/generators'); import hashlib;"
        "from test_storage_nifti import encode, record;"
        "print(hashlib.sha256(b''.join(encode(record()).values())).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == hashlib.sha256(b"".join(files.values())).hexdigest(), done.stderr


def test_what_a_file_cannot_hold_is_refused():
    for wrong, said in (
        (record({"a": np.zeros((2, 2))}), "one of .x, y, z. is needed"),
        (record({"a": np.zeros((2, 2, 2)), "b": np.zeros((2, 2, 3))}), "one of .x, y, z. is needed"),
        (record({"segmentation": np.full((2, 2, 2), 0.5)}), "no labels from 0 to 255"),
        (record({"segmentation": np.full((2, 2, 2), 300)}), "no labels from 0 to 255"),
        (record({"v": np.zeros((2, 2, 2), np.complex64)}), "is complex64"),
        (record({"A/b": np.zeros((2, 2, 2))}), "an array 'A/b'"),
        (record(geometry=ImageGeometry((1.0, float("nan"), 1.0))), "cannot hold it"),
        (record(geometry=ImageGeometry((1.0, 1.0))), "is no volume"),
    ):
        with pytest.raises(ValueError, match=said):
            encode(wrong)


def test_damage_is_told_and_nothing_large_is_unpacked():
    data = encode(record())["flair.nii.gz"]
    raw = bytearray(gzip.decompress(data))

    def patched(at, form, *values):
        changed = bytearray(raw)
        struct.pack_into(form, changed, at, *values)
        return gzip.compress(bytes(changed))

    for broken, said in (
        (data[:-20], "is cut|cannot be unpacked|does not end"),
        (data + b"x", "does not end where"),
        (data[:40] + bytes([data[40] ^ 1]) + data[41:], "cannot be unpacked|is cut|no NIfTI|does not|says|type"),
        (b"PNG", "cannot be unpacked"),
        (patched(40, "<8h", 3, 600, 600, 600, 1, 1, 1, 1), "promises 864"),
        (patched(40, "<8h", 3, 9000, 9000, 9000, 1, 1, 1, 1), "says 9000 x 9000 x 9000 voxels"),
        (patched(40, "<8h", 4, 5, 6, 7, 2, 1, 1, 1), "says 5 x 6 x 7 x 2 voxels"),
        (patched(40, "<8h", 3, 5, 6, 6, 1, 1, 1, 1), "does not end where"),
        (patched(70, "<h", 64), "voxels of type 64"),
        (patched(108, "<f", 100.0), "begin at byte 100"),
        (patched(112, "<2f", 2.0, 0.0), "scaled by 2"),
        (patched(80, "<f", -1.0), "its spacing"),
        (patched(344, "<4s", b"ni1\0"), "is no NIfTI-1 file"),
    ):
        with pytest.raises(ValueError, match=said) as error:
            decode("p-1", {"flair.nii.gz": broken})
        assert "\n" not in str(error.value) and str(error.value).startswith("p-1.flair.nii.gz")


def test_volumes_of_one_sample_lie_on_one_grid():
    one, other = encode(record())["flair.nii.gz"], encode(record(geometry=ImageGeometry((1.0, 1.0, 2.0))))
    with pytest.raises(ValueError, match="lies on another grid"):
        decode("p-1", {"flair.nii.gz": one, "t1.nii.gz": other["flair.nii.gz"]})
    with pytest.raises(ValueError, match="has no volume"):
        decode("p-1", {"json": b"{}"})


def test_quality_refuses_what_is_no_volume():
    assert set(check(record())) == {"qc_sd_flair"}
    for wrong, reason in (
        (volumes() | {"flair": np.zeros((5, 6, 7), np.float32)}, "flat"),
        (volumes() | {"flair": np.full((5, 6, 7), np.nan, np.float32)}, "nan"),
        (volumes() | {"t1": np.zeros((5, 6), np.float32)}, "shape"),
    ):
        with pytest.raises(Unfit) as unfit:
            check(record(wrong))
        assert unfit.value.reason == reason


@pytest.fixture(scope="module", params=["folder", "webdataset"])
def dataset(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rows = []
    for k, missing in enumerate((["flair"], ["t1ce", "t2"], ["flair", "t1"])):
        names = {c: c for c in mri_toy.CONTRASTS if c not in missing} | {"segmentation": "seg"}
        mri_toy.write_patient(root / f"p{k}", f"p{k}_{{}}.nii.gz", names, seed=k)
        row = {c: str(root / f"p{k}" / f"p{k}_{called}.nii.gz") for c, called in names.items()}
        name = f"s-{k}"
        rows.append({"sample_id": name, "seed": sample_seed(3, name), "patient_id": f"p{k}"} | row)
    plan = root / "plan.csv"
    names = list(dict.fromkeys(key for row in rows for key in row))
    plan.write_text("\n".join([",".join(names), *(",".join(str(r.get(n, "")) for n in names) for r in rows)]) + "\n")
    loaded = CohortPlan.read(plan, MriCondition)
    write_part(ToyMri(), loaded, root / "data", StorageConfig(layout=request.param, batch_size=1), run_seed=3)
    return root / "data"


def test_a_data_set_of_volumes_verifies_and_gives_back_its_records(dataset):
    assert verify(dataset).complete and not verify(dataset).problems
    reader = open_dataset(dataset)
    found = list(reader)
    assert [sorted(r.arrays) for r in found] == [
        ["flair", "flair_uncertainty", "segmentation"],
        ["segmentation", "t1ce", "t1ce_uncertainty", "t2", "t2_uncertainty"],
        ["flair", "flair_uncertainty", "segmentation", "t1", "t1_uncertainty"],
    ]
    for row, record in zip(reader.manifest().to_pylist(), found, strict=True):
        made = next(iter(ToyMri().generate([record.condition], [row["seed"]])))
        assert made.geometry == record.geometry and record.synthetic
        for name, array in made.arrays.items():
            assert np.array_equal(record.arrays[name], array) and record.arrays[name].dtype == array.dtype
        assert row["qc_sd_flair"] is None or row["qc_sd_flair"] > 0
        assert set(record.provenance["inputs"]) == {*map(str, record.condition.present), "segmentation"}


def test_the_card_tells_of_volumes_and_of_no_paths(dataset):
    card = (dataset / "README.md").read_text()
    assert "gzipped NIfTI-1" in card and "mri" in card and str(dataset.parent) not in card
    croissant = json.loads((dataset / "croissant.json").read_text())
    samples = next(d for d in croissant["distribution"] if d["@id"] == "samples")
    assert samples["encodingFormat"] in ("application/gzip", "application/x-tar")


def test_croissant_validates_and_yields_the_hashes_of_every_volume(dataset):
    mlcroissant = pytest.importorskip("mlcroissant")
    croissant = mlcroissant.Dataset(jsonld=str(dataset / "croissant.json"))
    assert not croissant.metadata.ctx.issues.errors
    for found, row in zip(
        croissant.records("samples_table"), open_dataset(dataset).manifest().to_pylist(), strict=True
    ):
        assert found["samples_table/sample_id"].decode() == row["sample_id"]
        told = found["samples_table/sha256_segmentation.nii.gz"]
        assert told.decode() == row["sha256_segmentation.nii.gz"]


def test_a_changed_byte_of_a_volume_does_not_verify(dataset):
    path = next((dataset / "shards").rglob("*.tar"), None) or next((dataset / "shards").rglob("*.nii.gz"))
    whole = path.read_bytes()
    try:
        path.chmod(0o644)
        path.write_bytes(whole[:-700] + bytes([whole[-700] ^ 1]) + whole[-699:])
        assert "does not fit its sha256" in verify(dataset).problems[0]
    finally:
        path.write_bytes(whole)
    assert not verify(dataset).problems
