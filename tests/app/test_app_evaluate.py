"""evaluate, report and demo: one page without a network, that can be repeated and put beside others."""

import json
import re
import shlex
from dataclasses import replace

import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs import demos, evaluating, proving
from clinsynth.app.jobs.planning import plan_command
from clinsynth.app.jobs.sources import open_sources
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.plan import CohortPlan, make_plan
from clinsynth.generators.ecg.simulator import simulate
from learned_ecg_toy import tiny


@pytest.fixture(scope="module")
def look(tmp_path_factory, small_dataset):
    out = tmp_path_factory.mktemp("look") / "first"
    jobs.evaluate("embedded:ludb", small_dataset, out, limit=8)
    return out


def outside(page):
    """Return the addresses that a page would load from elsewhere."""
    return re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"|url\((?!["\']?data:)([^)]+)\)', page)


def test_an_evaluation_is_a_page_that_loads_nothing_and_json(look):
    page = (look / "report.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and not outside(page) and "clinsynth sample" in page
    content = json.loads((look / "first_look.json").read_text())
    assert content["rows"] and content["seed"] == 0


def test_the_same_evaluation_gives_the_same_page(cli, look, small_dataset, tmp_path):
    said = cli(
        "evaluate", "--real", "embedded:ludb", "--synthetic", small_dataset, "--out", "again", "--limit", 8, "--json"
    )
    assert said.code == 0 and json.loads(said.out)["report"] == "again/report.html"
    assert (tmp_path / "again" / "report.html").read_bytes() == (look / "report.html").read_bytes()


def test_a_report_of_one_is_its_page_and_of_two_holds_both(cli, look, tmp_path):
    assert cli("report", look, "--out", "one.html").code == 0
    assert (tmp_path / "one.html").read_bytes() == (look / "report.html").read_bytes()
    assert cli("report", look, look, "--out", "two.html").code == 0
    two = (tmp_path / "two.html").read_text()
    ids = re.findall(r'<section id="([^"]+)"', two)
    assert len(ids) == len(set(ids)) and {i[:2] for i in ids} >= {"1-", "2-"} and not outside(two)


def test_tables_and_a_checklist_lie_beside_the_page(look):
    written = {t["name"] for t in json.loads((look / "tables.json").read_text(encoding="utf-8"))["tables"]}
    assert {f"{name}.csv" for name in written} == {p.name for p in (look / "tables").iterdir()}
    assert {"findings", "checklist", "numbers", "made"} <= written
    items = {i["name"]: i for i in json.loads((look / "checklist.json").read_text())["items"]}
    assert items["hardware"]["value"] and "measuring" in items["wall time of each part"]["value"]
    assert not items["training"]["ticked"] and items["real"]["ticked"] and items["synthetic data"]["value"]
    hardware = items["hardware"]["value"]
    assert hardware not in (look / "report.html").read_text()


def test_a_comparison_says_what_makes_it_unfair(cli, look, tmp_path):
    for name, change in (("seeded", {"seed": 5}), ("elsewhere", {"real": "embedded:other"})):
        content = json.loads((look / "page.json").read_text())
        content["inputs"] |= change
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.json").write_text(json.dumps(content))
    flag = 'class="flags"'
    for others, words in (
        ([look], []),
        (["seeded"], ["The seeds differ", "seeded: 5"]),
        (["seeded", "elsewhere"], ["The seeds differ", "no fair comparison", "elsewhere: embedded:other"]),
    ):
        assert cli("report", look, *others, "--out", "beside.html").code == 0
        page = (tmp_path / "beside.html").read_text()
        assert (flag in page) == bool(words) and all(w in page for w in words)
        assert ("Nothing is marked best" in page) == ("elsewhere" in others)
    assert (tmp_path / "beside-tables.json").is_file() and not (tmp_path / "tables").exists()


def test_what_is_no_evaluation_is_refused(cli, look, tmp_path, small_dataset):
    assert cli("report", small_dataset).code == 2
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "page.json").write_text("{")
    assert cli("report", tmp_path / "bad").code == 2
    assert cli("evaluate", "--real", "embedded:ludb", "--synthetic", look, "--out", "x").code == 2
    assert cli("evaluate", "--real", "embedded:ludbb", "--synthetic", small_dataset, "--out", "x").code == 2


def test_the_commands_of_a_report_make_the_same_plan(cli, tmp_path):
    rules = dict(
        balance=["sex", "age_band"],
        fixed={"noise": "muscle|powerline", "duration_s": 4},
        choices={"twa_uv": [0, 12.5]},
        ranges={"snr_db": (-5, 20.5)},
        quotas=[("findings", "long_qt", 1 / 3), ("rhythm", "sinus", 1)],
        records_per_patient=2,
        seed=2**62,
    )
    plan = make_plan(EcgCondition, 36, **rules)
    command = plan_command(plan.rules, "ecg", "again.parquet")
    assert cli(*shlex.split(command)[1:]).code == 0
    assert CohortPlan.read(tmp_path / "again.parquet").sha256 == plan.sha256


@pytest.fixture
def short(monkeypatch):
    """The proof's trainings cut to a step or few."""
    task = proving.TaskSettings("delineation", patients=5, first_steps=1, steps=1)
    monkeypatch.setattr(proving, "ENCODER_STEPS", 5)
    monkeypatch.setitem(demos.DEMOS, "ecg", replace(demos.DEMOS["ecg"], task=task))
    return task


@pytest.mark.slow
def test_the_proof_is_on_the_page_and_its_arms_are_not_trained_again(cli, short, small_dataset, tmp_path):
    real, train = "embedded:ludb?split=held_out", "embedded:ludb?split=tuning"
    out = tmp_path / "proof"
    page = jobs.evaluate(real, small_dataset, out, limit=12, train=train, task=short, workers=2).read_text()
    names = re.findall(r'<section id="([^"]+)"', page)
    there = {"clouds", "encoder", "obedience", "privacy", "curation", "checklist", "neighbours", "downstream"}
    assert names[:2] == ["use", "validity"] and there <= set(names) and not outside(page)
    task = json.loads((out / "downstream.json").read_text())
    assert task["test_patients"] == 12 and len(task["arms"]) == 4
    assert json.loads((out / "clouds.json").read_text())["n"] == [60, 12, 12]
    kept = {p: p.stat().st_mtime_ns for p in (out / "arms").iterdir()}
    assert len(kept) == 12
    assert jobs.evaluate(real, small_dataset, out, limit=12, train=train, task=short).read_text() == page
    assert {p: p.stat().st_mtime_ns for p in (out / "arms").iterdir()} == kept


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "delineation"], "--task delineation trains on real data too; name them by --train"),
        (["--task", "juggling", "--train", "embedded:ludb"], "--task must be one of delineation, twa; got juggling"),
        (["--train", "embedded:ludb"], "0 real records are held-out ones when embedded:ludb is trained on"),
        (["--train", "embedded:nothing"], "nothing"),
    ],
)
def test_a_proof_that_cannot_be_is_refused_before_the_work(cli, small_dataset, tmp_path, words, message):
    said = cli("evaluate", "--real", "embedded:ludb", "--synthetic", small_dataset, "--out", "proof", *words, "-q")
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1
    assert not (tmp_path / "proof").exists()


def test_a_task_without_labels_is_refused():
    marked = next(iter(embedded("ludb", split="tuning")))
    bare = replace(marked, tables={})
    proving.check_labels("delineation", {"training": [marked], "synthetic": [bare, marked]})
    with pytest.raises(ValueError, match="needs marked waves; no synthetic record carries any"):
        proving.check_labels("delineation", {"training": [marked], "synthetic": [bare]})


def told(uv, **how):
    """A synthetic record that states its alternans."""
    return replace(simulate(EcgCondition(twa_uv=uv, duration_s=6, **how), 3), record_id=f"{uv:g}-{how}")


def test_alternans_needs_leads_both_classes_and_enough_records():
    real = list(embedded("ludb", split="tuning"))[:12]
    few, both = told(20.0, leads=("I", "II", "V5")), [told(0.0), told(20.0)] * 6
    sides = {"training": real, "held-out": real, "synthetic": both}
    proving.check_labels("twa", sides)
    proving.check_labels("twa", {**sides, "synthetic": [told(0.0, fs_hz=250), *both]})
    for change, message in [
        ({"synthetic": both[:5]}, "the task twa has 5 synthetic records; 12 or more are needed"),
        ({"synthetic": both[::2] * 2}, "all 12 are without; plan them with --set twa_uv=0,20,50"),
        ({"synthetic": both[1::2] * 2}, "all 12 are with; plan them"),
        (
            {"synthetic": [*both, few]},
            "synthetic side: record 20-.* lacks lead V1, V2, V3, V4, V6; it needs I, II",
        ),
        ({"synthetic": [*both, real[0]]}, "does not state its alternans"),
    ]:
        with pytest.raises(ValueError, match=message) as error:
            proving.check_labels("twa", sides | change)
        assert "\n" not in str(error.value)


def test_a_data_set_of_one_class_is_refused_in_one_line_before_the_work(cli, small_dataset, tmp_path):
    real, train = "embedded:ludb?split=held_out", "embedded:ludb?split=tuning"
    words = ["--train", train, "--task", "twa", "-q"]
    said = cli("evaluate", "--real", real, "--synthetic", small_dataset, "--out", "proof", *words)
    assert said.code == 2 and said.err.count("\n") == 1 and not (tmp_path / "proof").exists()
    assert "synthetic records with alternans and records without: all 20 are without" in said.err


@pytest.mark.slow
def test_alternans_is_on_the_page_and_goes_on_where_it_was(short, tmp_path):
    plan = make_plan(EcgCondition, 20, choices={"twa_uv": [0, 40]}, fixed={"duration_s": 8, "fs_hz": 250}, seed=3)
    jobs.sample("ecg", plan, tmp_path / "ecgs", workers=1)
    real, train, out = "embedded:ludb?split=held_out", "embedded:ludb?split=tuning", tmp_path / "proof"
    task = replace(short, name="twa")

    def page():
        return jobs.evaluate(real, tmp_path / "ecgs", out, limit=20, train=train, task=task).read_text()

    first = page()
    assert "T-wave alternans" in first and "modified moving average" in first and not outside(first)
    found = json.loads((out / "downstream.json").read_text())
    assert [arm["name"] for arm in found["arms"]][:2] == ["synthetic", "mixed"] and len(found["arms"]) == 7
    assert found["test_patients"] == 20 and {m["name"] for m in found["metrics"]} > {"AUROC", "AUROC at 20 uV"}
    kept = {p: p.stat().st_mtime_ns for p in (out / "arms").iterdir()}
    lost = next(iter(kept))
    lost.unlink()
    assert len(kept) == 21 and page() == first
    again = {p: p.stat().st_mtime_ns for p in (out / "arms").iterdir()}
    assert again.keys() == kept.keys() and {p for p in kept if again[p] != kept[p]} == {lost}


@pytest.mark.slow
def test_a_second_demo_makes_nothing_again_and_goes_on_where_the_first_stood(cli, short, tmp_path):
    assert cli("demo", "ecg", "--n", 100, "--quiet").code == 0
    folder = tmp_path / "clinsynth-demo"
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and "run" not in p.parts}
    said = cli("demo", "ecg", "--n", 100, "--quiet", "--json")
    assert said.code == 0 and json.loads(said.out)["complete"] is True
    same = {p for p, at in before.items() if p.stat().st_mtime_ns == at}
    assert {p for p in before if p.suffix in (".dat", ".html")} <= same
    page = (folder / "ecg-evaluation" / "report.html").read_bytes()
    (folder / "ecg-evaluation" / "page.json").unlink()
    (folder / "ecg" / "shards" / "000001.json").unlink()
    assert cli("demo", "ecg", "--n", 100, "--quiet").code == 0
    assert (folder / "ecg-evaluation" / "report.html").read_bytes() == page


def test_a_demo_of_too_few_says_what_to_raise(cli):
    said = cli("demo", "ecg", "--n", 10)
    assert said.code == 2 and "raise" in said.err


def side_of(dataset):
    """Return a data set as the synthetic side of an evaluation."""
    return open_sources({"synthetic": str(dataset)})["synthetic"].read(1)


def test_a_learned_model_is_named_by_its_folder_and_its_weights(tmp_path):
    model = tiny()
    model.save_pretrained(tmp_path / "model")
    plan = make_plan(EcgCondition, 2, fixed={"duration_s": 2}, seed=1)
    jobs.sample(str(tmp_path / "model"), plan, tmp_path / "learned")
    said = evaluating._provenance("embedded:ludb", side_of(tmp_path / "learned"), 0, None, None, None)
    command = next(c for c in said["commands"] if c.startswith("clinsynth sample"))
    assert "--model MODEL " in command
    weights = said["synthetic data"]["weights"]
    assert weights.startswith(model.weights_sha256) and "MODEL" in weights and "package" in weights


def test_a_simulator_is_named_by_its_name(small_dataset):
    said = evaluating._provenance("embedded:ludb", side_of(small_dataset), 0, None, None, None)
    assert any(c.startswith("clinsynth sample --model ecg ") for c in said["commands"])
    assert "simulator" in said["synthetic data"]["weights"]
