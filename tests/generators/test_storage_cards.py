"""The data card, Croissant and the tar shards: what other people's loaders see."""

import json
import tarfile

import pytest
import yaml
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.generators.storage import StorageConfig, write_part
from storage_toy import RUN_SEED, ToyGenerator, toy_plan

LAYOUTS = ("folder", "webdataset")


@pytest.fixture(scope="module", params=LAYOUTS)
def data(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("cards") / "data"
    config = StorageConfig(layout=request.param, name="A toy: cohort", licence="cc0-1.0")
    write_part(ToyGenerator(), toy_plan(8, faults={4: "flat"}), root, config, run_seed=RUN_SEED)
    return root


def test_croissant_validates_and_yields_the_manifest(data):
    mlcroissant = pytest.importorskip("mlcroissant")
    croissant = mlcroissant.Dataset(jsonld=str(data / "croissant.json"))
    assert not croissant.metadata.ctx.issues.errors
    assert "citeAs" not in str(croissant.metadata.ctx.issues.warnings)
    rows = list(croissant.records("samples_table"))
    expected = open_dataset(data).manifest().to_pylist()
    assert len(rows) == len(expected) == 7
    for found, row in zip(rows, expected, strict=True):
        assert found["samples_table/sample_id"].decode() == row["sample_id"]
        assert found["samples_table/seed"] == row["seed"]
        assert found["samples_table/sha256_dat"].decode() == row["sha256_dat"]


def test_croissant_and_card_say_synthetic_and_name_the_licence(data):
    croissant = json.loads((data / "croissant.json").read_text())
    assert croissant["description"].startswith("SYNTHETIC") and croissant["license"] == "cc0-1.0"
    assert "datePublished" not in croissant
    assert "SYNTHETIC: 7 samples" in (data / "README.md").read_text()


def test_the_front_matter_is_what_the_hub_reads(data):
    empty, front, body = (data / "README.md").read_text().split("---\n", 2)
    matter = yaml.safe_load(front)
    assert empty == "" and matter["license"] == "cc0-1.0" and matter["size_categories"] == ["n<1K"]
    assert matter["pretty_name"] == "A toy: cohort" and "synthetic" in matter["tags"]
    pattern = matter["configs"][0]["data_files"]
    assert len(list(data.glob(pattern))) == 3
    assert "| sex | F 3, M 4 |" in body or "| sex | M 4, F 3 |" in body
    assert "1 flat" in body and "for the reason that the receipts name" in body


def test_dataset_json_names_what_made_it(data):
    info = json.loads((data / "dataset.json").read_text())
    assert info["synthetic"] is True and info["run_seed"] == RUN_SEED and info["weights_sha256"] is None
    assert {"clinsynth", "python", "numpy", "pyarrow"} <= info["versions"].keys()


def test_tar_members_are_plain_and_grouped(data):
    for path in sorted((data / "shards").glob("*.tar")):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in members} == {
            (0, 0, 0, "", "", 0o644, tarfile.REGTYPE)
        }
        assert [m.name.split(".")[1] for m in members] == ["hea", "dat", "atr", "json"] * (len(members) // 4)


def test_the_webdataset_package_reads_the_tars(data):
    tars = sorted(str(p) for p in (data / "shards").glob("*.tar"))
    if not tars:
        pytest.skip("this layout has no tars")
    webdataset = pytest.importorskip("webdataset")
    found = list(webdataset.WebDataset(tars, shardshuffle=False))
    reader = open_dataset(data)
    assert [sample["__key__"] for sample in found] == reader.ids
    for sample, record in zip(found, reader, strict=True):
        about = json.loads(sample["json"])
        assert about["synthetic"] is True and about["condition"] == record.condition.model_dump(mode="json")
        assert sample["hea"].startswith(record.record_id.encode())
