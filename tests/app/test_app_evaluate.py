"""evaluate, report and demo: one page without a network, that can be repeated and put beside others."""

import json
import re
import shlex

import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs.planning import plan_command
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.plan import CohortPlan, make_plan


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


@pytest.mark.slow
def test_a_second_demo_makes_nothing_again_and_goes_on_where_the_first_stood(cli, tmp_path):
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
