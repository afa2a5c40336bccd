"""What the command line says where a person could be led astray: refusals, near misses, stops, second runs."""

import json

import pytest
from clinsynth.app.failures import RESUMED, STOPPED, told
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.words import MOST_LISTED, one_line, unknown
from pydantic import BaseModel, ConfigDict, ValidationError


def test_a_refused_plan_is_not_reported_as_made(cli, tmp_path):
    said = cli("plan", "p.parquet", "-g", "radiograph", "-n", 12, "--set", "race=asian")
    assert said.code == 2 and "race" in said.err and "12 of 12" not in said.err
    assert not (tmp_path / "p.parquet").exists()
    said = cli("plan", "p.parquet", "-g", "radiograph", "-n", 12, "--set", "sex=F")
    assert said.code == 0 and "planning: 12 of 12" in said.err


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    learning_rate: float = 0.1
    steps: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    optimiser: Inner | None = None
    other: Inner | RadiographCondition | None = None


def wrong(content):
    with pytest.raises(ValidationError) as error:
        Outer.model_validate(content)
    return one_line(error.value, Outer)


def test_a_misspelt_nested_setting_names_the_nearest_one():
    assert wrong({"optimiser": {"lerning_rate": 1}}) == (
        "field 'optimiser.lerning_rate' is not known, did you mean 'optimiser.learning_rate'? "
        "(allowed: optimiser.learning_rate, optimiser.steps)"
    )
    assert "did you mean 'optimiser'" in wrong({"optimizer": {}})
    assert "did you mean" not in wrong({"other": {"nothing": 1}}).split(";")[0]  # one of two models: none is named


def test_a_misspelt_setting_of_a_preset_names_the_nearest_one(cli):
    said = cli("fit", "preset:ecg-diffusion-small", "--out", "run", "--set", "training.step=5", "-q")
    assert said.code == 2 and "did you mean 'training.steps'" in said.err and said.err.count("\n") == 1


def test_a_misspelt_finding_names_the_nearest_ones_and_not_the_vocabulary(cli):
    said = cli("plan", "p.parquet", "-g", "radiograph", "-n", 4, "--set", "findings=efusion")
    assert said.code == 2 and "did you mean 'effusion'" in said.err
    assert "consolidation" not in said.err and len(said.err) < 300
    with pytest.raises(ValidationError) as error:
        RadiographCondition(findings=["efusion"])
    assert "did you mean 'effusion'" in one_line(error.value, RadiographCondition)


def test_a_short_vocabulary_and_a_word_like_none_are_answered_with_all_words():
    many = [f"word{k}" for k in range(MOST_LISTED + 1)]
    assert "word20" in unknown("kind", "xyzzy", many) and "did you mean" not in unknown("kind", "xyzzy", many)
    assert unknown("kind", "word", many).count("word") == 7  # itself, the nearest, and five
    assert "(allowed: a, b)" in unknown("kind", "c", ["a", "b"])


@pytest.mark.parametrize("verb", ["plan", "verify", "export", "report", "doctor", "models"])
def test_a_stopped_verb_that_keeps_nothing_says_so(verb):
    assert told(KeyboardInterrupt(), verb) == (STOPPED, "stopped; nothing is kept, the same command begins anew")


def test_a_stopped_verb_that_goes_on_says_so(cli, monkeypatch):
    from clinsynth.app import jobs

    assert {told(KeyboardInterrupt(), verb)[1] for verb in RESUMED} == {"stopped; the same command goes on"}

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "verify", stop)
    monkeypatch.setattr(jobs, "evaluate", stop)
    assert cli("verify", "d").err == "clinsynth: stopped; nothing is kept, the same command begins anew\n"
    words = ("evaluate", "--real", "a", "--synthetic", "b", "--out", "c", "-q")
    assert cli(*words).err == "clinsynth: stopped; the same command goes on\n"


def test_a_second_sample_of_a_finished_set_says_that_nothing_was_left(cli):
    cli("plan", "p.csv", "-n", 4, "--set", "duration_s=2", "-q")
    words = ("sample", "-m", "ecg", "-p", "p.csv", "-o", "d", "--shard-size", 2, "-q")
    first = cli(*words, "--part", "0/2")
    assert "nothing was left" not in first.out and "1 of 2 shards" in first.out
    assert "nothing was left" in cli(*words, "--part", "0/2").out
    assert json.loads(cli(*words, "--json").out)["shards_made"] == 1
    again = cli(*words)
    assert again.out == "d: 4 of 4 samples written, complete; nothing was left to do\n"
    assert json.loads(cli(*words, "--json").out)["shards_made"] == 0


def test_a_bare_command_shows_its_help_line_by_line(cli):
    said = cli()
    assert said.code == 2 and said.out == "" and len(said.err.splitlines()) > 12
    assert any(line.strip().startswith("sample") for line in said.err.splitlines())
