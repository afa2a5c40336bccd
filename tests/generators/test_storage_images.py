"""Data sets of radiographs in every format and layout: written, verified, killed, resumed, read, described."""

import json
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import mlcroissant
import numpy as np
import pytest
import yaml
from clinsynth.conditioning.dataset import DamagedDataset, Quarantined, open_dataset, verify
from clinsynth.conditioning.dataset.schema import Receipt, seal, unseal
from clinsynth.conditioning.embedded.nih64_images import read_nih64
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.generators.storage import StorageConfig, write_part
from clinsynth.generators.storage.quality import SATURATED_SHARE, Unfit, check
from hypothesis import given
from hypothesis import strategies as st
from image_toy import FORMATS, SPACING_MM, ToyRadiographs, image_plan, picture
from storage_toy import RUN_SEED, contents

TESTS = Path(__file__).parents[1]
LAYOUTS = ("folder", "webdataset")
LEVELS = {"png": 255, "png16": 65535, "dicom": 65535}
N = 8


def write(root, file_format, layout="folder", faults=None, generator=None, **more):
    config = StorageConfig.model_validate({"layout": layout, "batch_size": 2, "file_format": file_format})
    plan = image_plan(N, faults={4: "quality"} if faults is None else faults)
    return write_part(generator or ToyRadiographs(), plan, root, config, run_seed=RUN_SEED, **more)


@pytest.fixture(scope="module", params=[(f, layout) for f in FORMATS for layout in LAYOUTS], ids="-".join)
def data(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("images") / "data"
    write(root, *request.param)
    return *request.param, root


def test_what_is_read_is_what_was_made_to_half_a_level(data):
    file_format, _, root = data
    reader, plan = open_dataset(root), image_plan(N)
    assert verify(root).complete and len(reader) == N - 1
    for record in reader:
        seed = plan.seeds[plan.sample_ids.index(record.record_id)]
        image = record.arrays["image"]
        assert np.abs(image - picture(seed)).max() <= 0.5001 / LEVELS[file_format]
        assert image.dtype == np.float32 and record.synthetic and record.condition.age_years >= 20
        np.testing.assert_allclose(record.geometry.spacing_mm, SPACING_MM, rtol=1e-12)


# One in the middle of a shard, one between a shard's rename and its receipt.
KILLS = [
    ("png16", "folder", "after write .tmp-000001/cxr-0003.png"),
    ("dicom", "webdataset", "after rename 000001.tar"),
]
ALL_KILLS = [
    (f, layout, f"{stage} .tmp-000001/cxr-0003" + ({"dicom": ".dcm"}.get(f, ".png") if layout == "folder" else ""))
    for f in FORMATS
    for layout in LAYOUTS
    for stage in ("before write", "after write")
]


@pytest.mark.parametrize(
    ("file_format", "layout", "at"), [*KILLS, *(pytest.param(*kill, marks=pytest.mark.slow) for kill in ALL_KILLS)]
)
def test_a_kill_anywhere_leaves_the_data_set_of_an_uninterrupted_run(file_format, layout, at, tmp_path):
    target = tmp_path / "killed"
    command = [sys.executable, str(TESTS / "image_toy.py"), str(target), str(N), "0/1", layout, file_format, at]
    assert subprocess.run(command, stderr=subprocess.PIPE).returncode == -signal.SIGKILL
    assert verify(target).ok and not verify(target).complete
    write(target, file_format, layout)
    write(tmp_path / "whole", file_format, layout)
    assert contents(target) == contents(tmp_path / "whole") and verify(target).complete


def test_a_changed_byte_of_an_image_is_found(data, tmp_path):
    file_format, layout, root = data
    write(tmp_path / "d", file_format, layout)
    suffix = "dcm" if file_format == "dicom" else "png"
    victim = tmp_path / "d/shards" / (f"000000/cxr-0001.{suffix}" if layout == "folder" else "000000.tar")
    spoilt = bytearray(victim.read_bytes())
    spoilt[700] ^= 1
    victim.write_bytes(spoilt)
    report = verify(tmp_path / "d")
    assert not report.ok and victim.name in report.problems[0]
    with pytest.raises(DamagedDataset, match="remedy"):
        write(tmp_path / "d", file_format, layout)


def test_every_try_of_quality_control_is_kept(data):
    _, _, root = data
    reader = open_dataset(root)
    (bad,) = reader.quarantined
    assert (bad.sample_id, bad.reason, bad.detail) == ("cxr-0004", "quality", "sex 0.31 < 0.5")
    assert [t["sex"] for t in bad.tries] == [0.4, 0.9]
    manifest = reader.manifest()
    assert manifest.column("qc_sex").to_pylist() == [0.9] * (N - 1)
    assert manifest.column("qc_age_error_years").to_pylist() == [2.0] * (N - 1)
    assert all(len(record.truth["qc_tries"]) == 2 for record in reader)
    assert {"qc_mean", "qc_sd", "qc_saturated_share"} <= set(manifest.column_names)
    assert "qc_snr_db" not in manifest.column_names


def test_the_two_depths_and_dicom_hold_the_same_picture(data, tmp_path):
    file_format, layout, root = data
    write(tmp_path / "d", "png16", "folder")
    for one, other in zip(open_dataset(root), open_dataset(tmp_path / "d"), strict=True):
        difference = np.abs(one.arrays["image"] - other.arrays["image"]).max()
        assert difference <= (0 if LEVELS[file_format] == 65535 else 0.51 / 255)
        assert one.condition == other.condition and one.provenance == other.provenance


def test_samples_do_not_depend_on_the_layout(tmp_path):
    for file_format in FORMATS:
        for layout in LAYOUTS:
            write(tmp_path / f"{file_format}-{layout}", file_format, layout)
        suffix = "dcm" if file_format == "dicom" else "png"
        files = {p.name: p.read_bytes() for p in (tmp_path / f"{file_format}-folder").rglob(f"*.{suffix}")}
        tars = sorted((tmp_path / f"{file_format}-webdataset").rglob("*.tar"))
        found = {}
        for path in tars:
            with tarfile.open(path) as tar:
                found |= {m.name: tar.extractfile(m).read() for m in tar if m.name.endswith(suffix)}
        assert found == files and len(files) == N - 1


def test_bad_images_are_quarantined_with_the_reason(tmp_path):
    faults = {0: "nan", 2: "flat", 3: "clipped", 5: "range", 6: "shape", 7: "quality"}
    report = write(tmp_path / "d", "png", faults=faults)
    reader = open_dataset(tmp_path / "d")
    assert {q.sample_id: q.reason for q in reader.quarantined} == {f"cxr-{i:04d}": r for i, r in faults.items()}
    assert (report.written, report.quarantined) == (2, 6) and verify(tmp_path / "d").ok
    assert all(len(q.tries) == 2 for q in reader.quarantined)


def test_croissant_validates_and_opens_the_pictures(data):
    file_format, layout, root = data
    croissant = mlcroissant.Dataset(jsonld=str(root / "croissant.json"))
    assert not croissant.metadata.ctx.issues.errors
    rows = list(croissant.records("samples_table"))
    reader = open_dataset(root)
    assert [row["samples_table/sample_id"].decode() for row in rows] == reader.ids
    if file_format != "png" or layout == "webdataset":
        assert '"images"' not in (root / "croissant.json").read_text()
        return
    found = {row["images/sample_id"].decode(): row["images/image"] for row in croissant.records("images")}
    assert list(found) == reader.ids
    for record in reader:
        levels = np.asarray(found[record.record_id])  # the loader makes three equal channels of one
        np.testing.assert_allclose(levels / 255, np.stack([record.arrays["image"]] * 3, -1), atol=1e-7)


def test_the_card_speaks_of_radiographs_and_of_their_values(data):
    file_format, _, root = data
    _, front, body = (root / "README.md").read_text().split("---\n", 2)
    matter = yaml.safe_load(front)
    assert {"synthetic", "image", "chest-x-ray", file_format} <= set(matter["tags"])
    assert "SYNTHETIC: 7 samples" in body and f"/ {LEVELS[file_format]} lies in [0, 1]" in " ".join(body.split())
    assert "| view | pa 3, ap 2, lateral 2 |" in body and "1 quality" in body


def test_versions_name_what_has_a_part_in_the_bytes(data):
    file_format, _, root = data
    versions = open_dataset(root).info.versions
    assert ("pydicom" in versions) == (file_format == "dicom") and ("zlib" in versions) == (file_format != "dicom")


def test_weights_may_bind_the_licence_of_what_they_make(tmp_path):
    class Bound(ToyRadiographs):
        licence = "other"

    write(tmp_path / "d", "png", generator=Bound())
    assert open_dataset(tmp_path / "d").info.licence == "other"
    assert "license: other" in (tmp_path / "d/README.md").read_text()
    write(tmp_path / "e", "png")
    assert open_dataset(tmp_path / "e").info.licence == "cc-by-4.0"


def test_the_webdataset_package_opens_the_pictures(data):
    file_format, layout, root = data
    if layout == "folder" or file_format == "dicom":
        pytest.skip("for tars of PNG files")
    webdataset = pytest.importorskip("webdataset")
    tars = sorted(str(p) for p in root.rglob("*.tar"))
    found = list(webdataset.WebDataset(tars, shardshuffle=False).decode("pil"))
    assert [sample["__key__"] for sample in found] == open_dataset(root).ids
    assert {sample["png"].size for sample in found} == {(20, 24)} and found[0]["json"]["synthetic"] is True


def checked(image, spacing_mm=(1.0, 1.0), truth=None):
    return check(Record("r", {"image": image}, None, ImageGeometry(spacing_mm), {}, truth=truth or {}))


def test_every_real_radiograph_passes_the_image_checks():
    scores = [check(record) for record in read_nih64()]
    assert len(scores) == 460 and max(s["qc_saturated_share"] for s in scores) < SATURATED_SHARE


@given(st.floats(0, 1), st.floats(0, 0.009))
def test_an_image_without_contrast_is_unfit(level, grain):
    image = np.clip(level + grain * np.random.default_rng(0).normal(size=(40, 40)), 0, 1)
    with pytest.raises(Unfit, match="image is flat"):
        checked(image)


@given(st.floats(0, 1))
def test_saturation_is_measured_and_judged(share):
    image = np.linspace(0.1, 0.9, 1000).reshape(20, 50).copy()
    flat = image.reshape(-1)
    n = round(share * 1000)
    flat[:n] = np.arange(n) % 2
    if n > 1000 * SATURATED_SHARE:
        with pytest.raises(Unfit, match="image is clipped") as caught:
            checked(image)
        assert caught.value.reason == "clipped"
    else:
        scores = checked(image)
        assert scores["qc_saturated_share"] == n / 1000
        assert scores["qc_mean"] == pytest.approx(image.mean()) and scores["qc_sd"] == pytest.approx(image.std())


@pytest.mark.parametrize("shape", [(5,), (5, 4, 1), (0, 4)])
def test_an_image_of_another_shape_is_unfit(shape):
    with pytest.raises(Unfit) as caught:
        checked(np.zeros(shape))
    assert caught.value.reason == "shape"
    for spacing_mm in ((1.0,), (1.0, 1.0, 1.0), (0.0, 1.0), (1.0, np.inf), (1.0, -2.0)):
        with pytest.raises(Unfit, match="spacing"):
            checked(picture(1), spacing_mm)


def test_scores_of_quality_control_are_columns_and_bad_names_are_refused():
    scores = checked(picture(1), truth={"qc_scores": {"sex": np.float32(0.5), "race": None}})
    assert scores["qc_sex"] == 0.5 and np.isnan(scores["qc_race"])
    for name in ("mean", "Sex", "a-b", ""):
        with pytest.raises(ValueError, match="quality score"):
            checked(picture(1), truth={"qc_scores": {name: 1.0}})
    with pytest.raises(Unfit, match="refused it"):
        checked(picture(1), truth={"qc_passed": False})
    assert checked(picture(1), truth={"qc_passed": None})


def test_receipts_without_tries_are_as_they_were_and_with_them_round_trip():
    bad = Quarantined(sample_id="b", reason="flat", detail="lead I is flat")
    old = Receipt(shard=0, ids=("a", "b"), count=1, quarantined=(bad,), files={}, recipe_sha256="0" * 64)
    assert json.loads(seal(old))["quarantined"] == [{"sample_id": "b", "reason": "flat", "detail": "lead I is flat"}]
    assert unseal(seal(old), Receipt, "x") == old
    new = old.model_copy(update={"quarantined": (bad.model_copy(update={"tries": ({"sex": 0.25}, {"sex": None})}),)})
    assert unseal(seal(new), Receipt, "x") == new
    assert unseal(seal(new), Receipt, "x").quarantined[0].tries[1] == {"sex": None}


def test_a_try_that_is_no_number_is_null_in_the_receipt(tmp_path):
    class Strange(ToyRadiographs):
        def generate(self, conditions, seeds):
            for record in super().generate(conditions, seeds):
                tries = [{"sex": np.float32("nan"), "age": np.float64(3)}]
                yield replace(record, truth=dict(record.truth) | {"qc_tries": tries})

    write(tmp_path / "d", "png", generator=Strange())
    assert open_dataset(tmp_path / "d").quarantined[0].tries == ({"sex": None, "age": 3.0},)
