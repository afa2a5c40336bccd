"""evaluate on two tables of anybody's files, with nothing else set up: caught faults, one page, no crash."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs import parts, tables
from clinsynth.app.jobs.reporting import stands
from clinsynth.app.jobs.tables import as_table
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.table import TableCondition
from clinsynth.evaluation.finding import Finding
from clinsynth.evaluation.report import Section
from clinsynth.evaluation.table import look
from PIL import Image
from table_toy import image_table, signal_table, volume_table, written


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr(look, "RESAMPLES", 14)
    monkeypatch.setattr(look, "SPLITS", 10)
    for name, value in {"RESAMPLES": 10, "SPLITS": 6, "REREADINGS": 20, "REPEATS": 3}.items():
        monkeypatch.setattr(parts, name, value)


def sections(page):
    return re.findall(r'<section id="([^"]+)"', page)


def outside(page):
    """Return the addresses that a page would load from elsewhere."""
    return re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"|url\((?!["\']?data:)([^)]+)\)', page)


@pytest.mark.parametrize("make", [image_table, volume_table, signal_table])
def test_two_tables_are_all_that_is_needed(cli, tmp_path, make):
    make(tmp_path, "real", seed=1)
    make(tmp_path, "made", seed=2)
    words = ("evaluate", "--real", "table:real.csv", "--synthetic", "table:made.csv", "--out", "look", "-q")
    assert cli(*words).code == 0
    text = (tmp_path / "look" / "report.html").read_text()
    assert sections(text)[:4] == ["use", "validity", "images", "realism"] and not outside(text) and "SYNTHETIC" in text
    assert json.loads((tmp_path / "look" / "validity.json").read_text())["share"]["value"] == 1.0
    content = json.loads((tmp_path / "look" / "page.json").read_text())
    assert [Finding.model_validate(f).part for f in content["page"]["findings"]][:2] == ["validity", "realism"]
    assert cli(*words).code == 0 and (tmp_path / "look" / "report.html").read_text() == text


def test_faulty_rows_are_counted_by_reason_and_the_rest_is_measured(cli, tmp_path):
    image_table(tmp_path, "real", seed=1)
    image_table(tmp_path, "train", seed=3)
    path = image_table(tmp_path, "made", seed=2)
    folder = tmp_path / "made"
    (folder / "000.png").write_text("no picture")
    (folder / "001.png").unlink()
    Image.fromarray(np.full((24, 24), 9, np.uint8)).save(folder / "002.png")
    (folder / "003.png").write_bytes((tmp_path / "train" / "007.png").read_bytes())
    (folder / "005.png").write_bytes((folder / "004.png").read_bytes())
    rows = pd.read_csv(path)
    rows.loc[6, "label"] = "up"
    rows.loc[7, "sex"] = "hippo"
    rows.to_csv(path, index=False)
    words = ("--real", "table:real.csv", "--synthetic", f"table:{path.name}", "--train", "table:train.csv")
    assert cli("evaluate", *words, "--out", "look", "-q").code == 0
    found = json.loads((tmp_path / "look" / "validity.json").read_text())
    counts = {c["name"]: c["failed"] for c in found["checks"] if c["failed"]}
    assert counts == {"readable": 3, "constant": 1, "vocabulary": 1, "repeats": 1, "copies_training": 1}
    assert (found["n"], found["valid"], found["measured"]) == (40, 33, 36)
    content = json.loads((tmp_path / "look" / "page.json").read_text())
    assert {f["level"] for f in content["page"]["findings"] if f["part"] == "validity"} == {"stop"}
    assert "table:made.csv" in (tmp_path / "look" / "report.html").read_text()


def test_where_nothing_is_valid_the_page_says_so(cli, tmp_path):
    image_table(tmp_path, "real", seed=1)
    path = image_table(tmp_path, "made", seed=2, n=3)
    for k in range(3):
        Image.fromarray(np.full((24, 24), k, np.uint8)).save(tmp_path / "made" / f"00{k}.png")
    said = cli("evaluate", "--real", "table:real.csv", "--synthetic", f"table:{path.name}", "--out", "look", "-q")
    assert said.code == 0
    text = (tmp_path / "look" / "report.html").read_text()
    assert "Nothing else was measured: no synthetic record can be measured" in text


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda f: signal_table(f, "made"), "an evaluation compares data of one modality"),
        (lambda f: signal_table(f, "made", leads="x"), "an evaluation compares data of one modality"),
        (lambda f: written(f, "made", [{"path": "gone.png", "label": "a"}]), "none of the 1 records of table:made.csv"),
        (lambda f: written(f, "made", [{"file": "gone.png", "label": "a"}]), "has no column 'path'"),
        (lambda f: f / "nothing.csv", "does not exist"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(cli, tmp_path, other, message):
    image_table(tmp_path, "real", seed=1, n=12)
    other(tmp_path)
    said = cli("evaluate", "--real", "table:real.csv", "--synthetic", "table:made.csv", "--out", "look", "-q")
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1
    assert not (tmp_path / "look").exists()


def test_a_table_of_paths_alone_is_of_the_kind_of_the_other(cli, tmp_path):
    image_table(tmp_path, "real", seed=1)
    path = image_table(tmp_path, "made", seed=2)
    pd.read_csv(path)[["path"]].to_csv(path, index=False)
    words = ("evaluate", "--real", "table:real.csv", "--synthetic", "table:made.csv", "--out", "look", "-q")
    assert cli(*words).code == 0
    found = json.loads((tmp_path / "look" / "validity.json").read_text())
    assert {c["name"]: c["unasked"] for c in found["checks"]}["vocabulary"] == "synthetic records bear no label"


def test_records_of_the_studio_are_seen_as_a_tables_beside_one(cli, tmp_path):
    real = next(iter(embedded("nih64")))
    seen = as_table(real)
    assert isinstance(seen.condition, TableCondition) and seen.arrays is real.arrays
    assert seen.condition.sex == real.condition.sex and seen.condition.classes == tuple(
        map(str, real.condition.findings)
    )
    image_table(tmp_path, "made", seed=2, size=32)
    words = ("--real", "embedded:nih64", "--synthetic", "table:made.csv", "--limit", 40, "--out", "look", "-q")
    assert cli("evaluate", *words).code == 0
    text = (tmp_path / "look" / "report.html").read_text()
    assert "All were brought to 32 x 32" in text


def test_ecgs_of_a_table_are_evaluated_as_ecgs(tmp_path, monkeypatch, small_dataset):
    from clinsynth.conditioning.dataset import open_dataset

    rows = []
    for record in open_dataset(small_dataset):
        np.save(tmp_path / f"{record.record_id}.npy", record.arrays["signal"])
        rows.append({"path": f"{record.record_id}.npy", "fs_hz": record.geometry.fs_hz, "sex": record.condition.sex})
    path = written(tmp_path, "ecgs", rows[:8])
    page = jobs.evaluate("embedded:ludb", f"table:{path}", tmp_path / "look", limit=8).read_text()
    assert sections(page)[:2] == ["use", "validity"] and (tmp_path / "look" / "first_look.json").is_file()


def test_a_part_that_is_listed_is_on_the_page_with_its_finding(tmp_path, monkeypatch):
    def part(run):
        assert len(run.records["synthetic"]) == len(run.sides.synthetic) == 20
        finding = Finding(part="toy", question="use", level="good", claim="Played with.")
        return (Section(name="toy", title="A toy"),), (finding,)

    monkeypatch.setattr(tables, "PARTS", [part])
    real, made = image_table(tmp_path, "real", n=20, seed=1), image_table(tmp_path, "made", n=20, seed=2)
    page = jobs.evaluate(f"table:{real}", f"table:{made}", tmp_path / "look").read_text()
    assert "toy" in sections(page)
    assert json.loads((tmp_path / "look" / "page.json").read_text())["page"]["findings"][-1]["claim"] == "Played with."


def test_a_data_set_that_was_changed_is_refused_before_it_is_measured(cli, tmp_path, small_dataset):
    import shutil

    shutil.copytree(small_dataset, tmp_path / "ecgs")
    victim = next((tmp_path / "ecgs").rglob("*.dat"))
    victim.write_bytes(victim.read_bytes()[:-2] + b"\0\1")
    said = cli("evaluate", "--real", "embedded:ludb", "--synthetic", "ecgs", "--out", "look", "--limit", 4, "-q")
    assert said.code == 4 and not (tmp_path / "look").exists()


def three_tables(folder, n):
    """Write tables whose files all have the same names, each in a folder of its own."""
    for seed, side in enumerate(("real", "made", "train")):
        (folder / side).mkdir()
        image_table(folder / side, "x", n=n, seed=seed)
    return [f"table:{folder / side / 'x.csv'}" for side in ("real", "made", "train")]


def test_files_of_the_same_name_are_other_patients_and_the_makers_versions_are_not_made_up(tmp_path):
    real, made, train = three_tables(tmp_path, 24)
    jobs.evaluate(real, made, tmp_path / "look", train=train)
    page = json.loads((tmp_path / "look" / "page.json").read_text())["page"]
    assert {"encoder", "obedience", "privacy", "curation"} <= {section["name"] for section in page["sections"]}
    assert {f["part"] for f in page["findings"]} <= {section["name"] for section in page["sections"]}
    items = {i["name"]: i for i in json.loads((tmp_path / "look" / "checklist.json").read_text())["items"]}
    assert items["versions that evaluated"]["ticked"] and not items["versions that made the data"]["ticked"]
    assert len(pd.read_csv(tmp_path / "look" / "curation.csv")) == 24


def test_a_task_is_refused_before_the_work_where_rows_say_nothing_to_learn(cli, tmp_path):
    for seed, side in enumerate(("real", "made", "train")):
        path = image_table(tmp_path, side, n=20, seed=seed)
        pd.read_csv(path).drop(columns="label").to_csv(path, index=False)
    words = [f"table:{tmp_path / side}.csv?kind=image" for side in ("real", "made", "train")]
    out = cli(
        "evaluate", "--real", words[0], "--synthetic", words[1], "--train", words[2], "--task", "table", "--out", "look"
    )
    assert out.code == 2 and "there is no task to train for" in out.err and not (tmp_path / "look").exists()


@pytest.mark.slow
def test_the_task_of_a_table_is_on_the_page_and_found_again(cli, tmp_path):
    real, made, train = three_tables(tmp_path, 40)
    words = (
        "evaluate",
        "--real",
        real,
        "--synthetic",
        made,
        "--train",
        train,
        "--task",
        "table",
        "--out",
        "look",
        "-q",
    )
    assert cli(*words).code == 0
    page = json.loads((tmp_path / "look" / "page.json").read_text())["page"]
    assert "downstream" in {section["name"] for section in page["sections"]}
    first = (tmp_path / "look" / "report.html").read_bytes()
    assert cli(*words).code == 0 and (tmp_path / "look" / "report.html").read_bytes() == first


def test_an_evaluation_is_known_again_whatever_json_makes_of_its_inputs(tmp_path):
    inputs = {"real": "x", "task": {"name": "findings", "shares": (0.25, 1.0)}}
    (tmp_path / "page.json").write_text(json.dumps({"title": "", "provenance": {}, "page": {}, "inputs": inputs}))
    (tmp_path / "report.html").touch()
    assert stands(tmp_path, inputs) and not stands(tmp_path, {**inputs, "real": "y"})
