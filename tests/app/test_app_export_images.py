"""A data set of radiographs exported in each form holds the same pictures, conditions and provenance."""

import csv
import io
import json

import numpy as np
import pytest
from clinsynth.app import jobs
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.conditioning.dataset.formats import decoder
from clinsynth.generators.storage import StorageConfig, write_part
from image_toy import FORMATS, ToyRadiographs, image_plan
from PIL import Image
from storage_toy import RUN_SEED, ToyGenerator, toy_plan

N = 5


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """A data set per format, of the same samples."""
    root = tmp_path_factory.mktemp("sets")
    for name in FORMATS:
        config = StorageConfig(file_format=name)
        write_part(ToyRadiographs(), image_plan(N), root / name, config, run_seed=RUN_SEED)
    return root


def files_in(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.suffix in (".png", ".dcm")}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("held", "wanted"), [(a, b) for a in FORMATS for b in FORMATS])
def test_every_format_becomes_every_other(sets, tmp_path, held, wanted):
    assert jobs.export(sets / held, wanted, tmp_path / "out") == N
    found, made = files_in(tmp_path / "out"), files_in(sets / wanted)
    assert found.keys() == made.keys()
    decode = decoder(wanted)
    for name, data in found.items():
        key, suffix = name.split(".")
        image = decode(key, {suffix: data})[0]["image"]
        coarse = 0.51 / 255 if "png" in (held, wanted) and held != wanted else 0
        assert np.abs(image - decode(key, {suffix: made[name]})[0]["image"]).max() <= coarse
    rows = rows_of(tmp_path / "out" / "samples.csv")
    assert [row["sample_id"] for row in rows] == open_dataset(sets / held).ids
    assert all((tmp_path / "out" / row["file_name"]).is_file() for row in rows)


def test_dicom_from_16_bit_is_what_the_data_set_would_have_held(sets, tmp_path):
    jobs.export(sets / "png16", "dicom", tmp_path / "out")
    assert files_in(tmp_path / "out") == files_in(sets / "dicom")
    jobs.export(sets / "dicom", "dicom", tmp_path / "same")
    assert files_in(tmp_path / "same") == files_in(sets / "dicom")


def test_8_bit_survives_dicom(sets, tmp_path):
    jobs.export(sets / "png", "dicom", tmp_path / "out")
    data = files_in(tmp_path / "out")
    for record in open_dataset(sets / "png"):
        image = decoder("dicom")(record.record_id, {"dcm": data[f"{record.record_id}.dcm"]})[0]["image"]
        np.testing.assert_array_equal(np.rint(image * 255), np.rint(record.arrays["image"] * 255))


def test_csv_of_images_has_conditions_scores_tries_and_pictures(sets, tmp_path):
    for held in FORMATS:
        jobs.export(sets / held, "csv", tmp_path / held)
        rows = rows_of(tmp_path / held / "samples.csv")
        record = next(iter(open_dataset(sets / held)))
        assert (rows[0]["sex"], rows[0]["findings"], rows[0]["view"]) == ("F", "effusion", "pa")
        assert float(rows[0]["qc_sex"]) == 0.9 and json.loads(rows[0]["truth_qc_tries"])[0]["sex"] == 0.4
        data = (tmp_path / held / "images" / f"{record.record_id}.png").read_bytes()
        with Image.open(io.BytesIO(data)) as opened:
            top = 255 if held == "png" else 65535
            np.testing.assert_allclose(np.asarray(opened) / top, record.arrays["image"], atol=1e-7)


def test_webdataset_tars_of_images_are_the_same_each_time(sets, tmp_path):
    for name in ("a", "b"):
        assert jobs.export(sets / "dicom", "webdataset", tmp_path / name) == N
    for path in sorted((tmp_path / "a").glob("*.tar")):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_signals_are_no_images_and_images_no_signals(sets, tmp_path):
    write_part(ToyGenerator(), toy_plan(2), tmp_path / "ecgs", run_seed=RUN_SEED)
    with pytest.raises(ValueError, match="holds wfdb, not images; it cannot be exported as dicom"):
        jobs.export(tmp_path / "ecgs", "dicom", tmp_path / "x")
    with pytest.raises(ValueError, match="holds png16, not wfdb"):
        jobs.export(sets / "png16", "wfdb", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_command_line_exports_dicom(cli, sets, tmp_path):
    done = cli("export", sets / "png16", "--format", "dicom", "--out", tmp_path / "out", "--json")
    assert done.code == 0 and json.loads(done.out)["samples"] == N
