"""Changes to a downstream task's settings: which there are, what they may be, and the command that repeats them."""

import shlex

import pytest
from clinsynth.app.jobs.findings import FindingsTask
from clinsynth.app.jobs.settings import WrongSetting
from clinsynth.app.jobs.tables import TableTask
from clinsynth.app.jobs.task_sets import changed, set_words
from clinsynth.app.jobs.worth import TaskSettings

TASKS = (FindingsTask(), TableTask(), TaskSettings("delineation"))


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_the_command_of_changed_settings_gives_them_again(task):
    sets = {"findings": ["seeds=4", "robustness=false", "shares=[0.5, 1]"],
            "table": ["fairness=false", "network=small"], "delineation": ["patients=7"]}[task.name]  # fmt: skip
    made = changed(task, sets)
    words = shlex.split(set_words(made))
    assert words[::2] == ["--set"] * len(sets) and changed(task, words[1::2]) == made != task
    assert set_words(task) == "" and changed(task, ()) is task


@pytest.mark.parametrize(
    ("task", "text", "said"),
    [
        (FindingsTask(), "robustnes=false", "did you mean 'robustness'"),
        (FindingsTask(), "seeds=2", "seeds = 2"),
        (FindingsTask(), "seeds", "NAME=VALUE"),
        (FindingsTask(), "steps=[", "no YAML"),
        (TableTask(), "kind=clasification", "did you mean 'classification'"),
        (TableTask(), "name=other", "not known"),
        (TaskSettings("twa"), "steps=many", "steps = 'many'"),
        (None, "seeds=5", "--task names"),
    ],
)
def test_a_wrong_change_is_one_line(task, text, said):
    with pytest.raises(WrongSetting, match=said) as error:
        changed(task, [text])
    assert "\n" not in str(error.value)


def test_it_is_refused_before_any_work(cli, tmp_path):
    words = ("evaluate", "--real", "embedded:nih64?split=held_out", "--train", "embedded:nih64?split=train")
    told = cli(*words, "--synthetic", "embedded:nih64", "--task", "findings", "--set", "sedes=5", "--out", "look", "-q")
    assert told.code == 2 and "--set setting 'sedes' is not known, did you mean 'seeds'?" in told.err
    assert not (tmp_path / "look").exists()
