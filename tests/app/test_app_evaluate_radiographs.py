"""evaluate, report and demo on radiographs: one page, resumed where it stood, never mixed with another modality."""

import json
import re
from contextlib import nullcontext
from dataclasses import replace

import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs import demos, parts, radiographs
from clinsynth.app.jobs.sampling import standing
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.conditioning.embedded import EMBEDDED
from clinsynth.conditioning.plan import make_plan
from clinsynth.conditioning.readers import read
from clinsynth.evaluation.radiograph import look as looking
from clinsynth.generators.protocol import GENERATORS
from clinsynth.generators.storage import StorageConfig, write_part
from radiograph_toy import DrawnRadiographs, records, toy_eyes

HELD_OUT, TRAIN = "embedded:drawn?split=held_out", "embedded:drawn?split=train"


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """A small judge and encoder, few resamples, and drawn radiographs in the place of embedded ones."""
    monkeypatch.setattr(looking, "RESAMPLES", 20)
    monkeypatch.setattr(looking, "SPLITS", 10)
    monkeypatch.setattr(radiographs, "eyes", toy_eyes)
    for name, value in {"RESAMPLES": 10, "SPLITS": 6, "REREADINGS": 20, "REPEATS": 3}.items():
        monkeypatch.setattr(parts, name, value)
    monkeypatch.setitem(EMBEDDED, "drawn", "radiograph_toy:read_drawn")
    monkeypatch.setitem(GENERATORS, "drawn", "radiograph_toy:DrawnRadiographs")


def written(out, n=60, **rules):
    rules = {"choices": {"view": ["pa", "ap"]}, "balance": ["sex", "view", "age_band"]} | rules
    plan = make_plan(
        DrawnRadiographs.condition_type,
        n,
        quotas=[("findings", "no_finding", 0.5), ("findings", "effusion", 0.5)],
        seed=3,
        **rules,
    )
    write_part(DrawnRadiographs(), plan, out, StorageConfig(), run_seed=plan.run_seed)
    return out


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return written(tmp_path_factory.mktemp("drawn") / "radiographs")


def test_an_evaluation_is_one_page_that_loads_nothing_and_goes_on_where_it_stood(cli, dataset, tmp_path, monkeypatch):
    words = ("evaluate", "--real", HELD_OUT, "--train", TRAIN, "--synthetic", dataset, "--out", "look", "--json", "-q")
    said = cli(*words)
    assert said.code == 0 and json.loads(said.out)["report"] == "look/report.html", said.err
    text = (tmp_path / "look" / "report.html").read_text()
    names = re.findall(r'<section id="([^"]+)"', text)
    assert (
        names[:2] == ["use", "validity"]
        and names[-1] == "limits"
        and {"obedience", "readers", "encoder", "privacy", "curation", "copies", "quality", "made", "repeat"}
        <= set(names)
    )
    assert not re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"', text) and text.count("data:image/png") == 4
    look = json.loads((tmp_path / "look" / "radiographs.json").read_text())
    assert look["n"] == [80, 60, 60] and {r["attribute"] for r in look["obedience"]["rows"]} >= {
        "sex",
        "view=pa",
        "age_years",
    }
    blind = replace(toy_eyes(), encoder=lambda *a: pytest.fail("again"), judge=lambda *a: pytest.fail("again"))
    monkeypatch.setattr(radiographs, "eyes", lambda: blind)
    assert cli(*words).code == 0 and (tmp_path / "look" / "report.html").read_text() == text


def test_modalities_are_not_mixed_in_an_evaluation_and_stand_together_in_a_report(
    cli, dataset, small_dataset, tmp_path
):
    for real, synthetic in ((HELD_OUT, small_dataset), ("embedded:ludb", dataset)):
        said = cli("evaluate", "--real", real, "--synthetic", synthetic, "--out", "mixed", "-q")
        assert (
            said.code == 2 and "an evaluation compares data of one modality" in said.err and said.err.count("\n") == 1
        )
        assert not (tmp_path / "mixed").exists()


@pytest.mark.slow
def test_modalities_stand_together_in_a_report(cli, dataset, small_dataset, tmp_path):
    assert cli("evaluate", "--real", HELD_OUT, "--synthetic", dataset, "--out", "xray", "-q").code == 0
    assert (
        cli(
            "evaluate", "--real", "embedded:ludb", "--synthetic", small_dataset, "--out", "ecg", "--limit", 6, "-q"
        ).code
        == 0
    )
    assert cli("report", "xray", "ecg", "--out", "both.html").code == 0
    both = (tmp_path / "both.html").read_text()
    ids = re.findall(r'<section id="([^"]+)"', both)
    assert len(ids) == len(set(ids)) and {"1-images", "2-sheets"} <= set(ids)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "delineation", "--train", TRAIN], "--task must be one of findings; got delineation"),
        (["--task", "findings"], "--task findings trains on real data too; name them by --train"),
        (["--train", HELD_OUT], "0 real patients are held-out ones"),
        (["--limit", "5"], "5 real radiographs of 3 patients; 10 patients or more are needed to compare"),
    ],
)
def test_an_evaluation_that_cannot_be_is_refused_before_the_work(cli, dataset, tmp_path, words, message):
    said = cli("evaluate", "--real", HELD_OUT, "--synthetic", dataset, "--out", "look", *words, "-q")
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert not (tmp_path / "look").exists()


@pytest.mark.slow
def test_the_demos_cohort_is_balanced_and_its_report_is_reused(tmp_path, monkeypatch):
    """With a generator of drawings, written here and not in processes of their own, which know no stand-ins."""

    def sample(model, plan, out, **settings):
        write_part(DrawnRadiographs(), plan, out, StorageConfig(shard_size=settings["shard_size"]), run_seed=0)
        return standing(out)

    kind = demos.DEMOS["radiograph"]
    asked = {"real": HELD_OUT, "train": TRAIN, "task": None}
    monkeypatch.setitem(GENERATORS, "radiograph", "radiograph_toy:DrawnRadiographs")
    monkeypatch.setitem(demos.DEMOS, "radiograph", replace(kind, **asked))
    monkeypatch.setattr(demos, "sample", sample)
    monkeypatch.setattr(demos, "prepared", lambda *a, **k: True)
    run = {"n": 64, "workers": 1, "stage": lambda label: nullcontext(lambda done, total: None)}
    made = jobs.demo("radiograph", tmp_path, **run)
    conditions = [r.condition for r in open_dataset(made.dataset)]
    cells = {(c.sex, c.view) for c in conditions}
    assert [sum((c.sex, c.view) == cell for c in conditions) for cell in cells] == [16] * 4
    assert all(30 <= c.age_years < 85 for c in conditions)
    assert sum("no_finding" in (c.findings or ()) for c in conditions) == 32
    at = made.report.stat().st_mtime_ns
    assert jobs.demo("radiograph", tmp_path, **run).report.stat().st_mtime_ns == at


def test_the_embedded_radiographs_split_into_patients_enough(cli):
    sides = [list(read(f"embedded:nih64?split={split}")) for split in ("held_out", "train")]
    compared = radiographs.sides(*sides, records(20, 5, synthetic=True, size=64), TRAIN, None)
    assert (len(compared.images.training), len(compared.images.real), compared.images.size) == (317, 143, 64)
