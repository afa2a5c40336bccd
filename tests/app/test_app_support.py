"""What a generator saw in training decides what a plan may ask of it; and plans like real data on the command line."""

import json
from collections import Counter

import pytest
from clinsynth.app.jobs import describe_model
from clinsynth.app.jobs.planning import plan_command
from clinsynth.conditioning.plan import CohortPlan
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.generators import protocol
from counted_toy import COUNTS, RadiographToy

TOY = ("--generator", "radiograph-toy")


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(protocol.GENERATORS, "radiograph-toy", "counted_toy:RadiographToy")
    monkeypatch.setitem(protocol.RECIPES, "radiograph-toy", "counted_toy:Recipe")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "race=asian"], "no training image of radiograph-toy had race = asian"),
        (["--set", "view=lateral,pa", "--balance", "view"], "had view = lateral"),
        (["--set", "race=hispanic"], "race = hispanic"),
        (["--set", "age_years=85"], "age_years = 80-100"),
        (["--set", "age_band=60-79,80-100", "--balance", "age_band"], "age_years = 80-100"),
        (["--set", "findings=edema"], "findings = edema"),
        (["--quota", "findings=hernia:0.5"], "findings = hernia"),
        (["--set", "absent=edema"], "absent = edema"),
    ],
)
def test_a_value_without_a_training_image_is_refused_and_nothing_is_written(cli, tmp_path, words, said):
    done = cli("plan", "p.parquet", "--n", 20, *TOY, *words)
    assert done.code == 2 and said in done.err and "there are: " in done.err
    assert not (tmp_path / "p.parquet").exists()


def test_few_training_images_warn_once_for_each_value(cli):
    done = cli("plan", "p.csv", "--n", 40, *TOY, "--balance", "race,sex", "--set", "race=black,white", "--quiet")
    assert done.code == 0 and done.err.splitlines() == [
        "warning: only 19 training images of radiograph-toy had race = black",
        "warning: only 1 training image of radiograph-toy had race = white",
    ]
    quiet = cli("plan", "q.csv", "--n", 40, *TOY, "--balance", "sex", "--quiet")
    assert quiet.code == 0 and quiet.err == ""


def test_values_that_are_seen_often_or_not_counted_pass(cli):
    sets = ("--set", "age_years=50..70", "--set", "uncertain=support_devices", "--quota", "findings=no_finding:0.5")
    done = cli("plan", "p.parquet", "--n", 12, *TOY, *sets, "--json", "-q")
    assert done.code == 0 and json.loads(done.out)["warnings"] == []


def test_a_trained_model_s_folder_will_do(cli, tmp_path):
    counts = COUNTS | {"race": {"asian": 25}}
    RadiographToy(counts).save_pretrained(tmp_path / "run" / "model")
    for folder in ("run", "run/model"):
        assert cli("plan", "p.parquet", "--n", 4, "--generator", folder, "--set", "race=asian").code == 0
        refused = cli("plan", "p.parquet", "--n", 4, "--generator", folder, "--set", "race=black")
        assert refused.code == 2 and f"no training image of {folder} had race = black" in refused.err
    assert "holds no model" in cli("plan", "p.parquet", "--n", 4, "--generator", str(tmp_path)).err


def test_models_show_lists_the_training_images(cli, tmp_path):
    shown = cli("models", "show", "radiograph-toy")
    assert "Training images: F 120, M 197" in shown.out and "18-39 12" in shown.out
    RadiographToy({"sex": {"F": 7}, "race": {}}).save_pretrained(tmp_path / "m")
    fields = {f["name"]: f for f in json.loads(cli("models", "show", "m", "--json").out)["fields"]}
    assert fields["sex"]["support"] == {"F": 7} and fields["race"]["support"] == {} and "support" not in fields["view"]


def test_generators_that_do_not_count_are_asked_as_before(cli):
    assert "Training images" not in cli("models", "show", "ecg").out
    assert not any("support" in field for field in describe_model("ecg")["fields"])


def test_like_on_the_command_line_and_back(cli, tmp_path):
    source = "embedded:nih64?split=train"
    done = cli("plan", "p.parquet", "--n", 60, *TOY, "--balance", "sex", "--set", "age_band=40-59", "--like", source)
    assert done.code == 2 and "no training image" in done.err  # the toy has seen three findings alone
    RadiographToy({"sex": {"F": 90, "M": 90}}).save_pretrained(tmp_path / "m")
    words = ["--n", 60, "--generator", "m", "--balance", "sex", "--set", "view=lateral,pa", "--like", source, "--quiet"]
    done = cli("plan", "p.parquet", *words)
    assert done.code == 0 and "samples have a view that no record of embedded:nih64" in done.err
    plan = CohortPlan.read(tmp_path / "p.parquet", RadiographCondition)
    made = plan.conditions(RadiographCondition)
    assert Counter(c.sex for c in made) == {"F": 30, "M": 30} and all(c.findings for c in made)
    assert "--like 'embedded:nih64?split=train'" in plan_command(plan.rules, "m", "p.parquet")
    wrong = cli("plan", "p.parquet", "--n", 9, "--like", source)
    assert wrong.code == 2 and "EcgCondition is needed" in wrong.err


def test_a_balance_keeps_to_what_the_generator_was_taught(tmp_path, cli):
    done = cli("plan", tmp_path / "p.parquet", *TOY, "-n", 12, "--balance", "race")
    assert done.code == 0 and "race is balanced over black, white: no training image" in done.err
    table = CohortPlan.read(tmp_path / "p.parquet", RadiographCondition).table
    assert sorted(set(table.column("race").to_pylist())) == ["black", "white"]
