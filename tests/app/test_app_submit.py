"""Engines run the same parts of `sample`, and one that is missing is named with its remedy."""

import sys
import time
import types

import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs.submitting import Submission, accelerate_command, run_part
from clinsynth.conditioning.dataset import open_dataset


@pytest.fixture
def plan_file(small_plan, tmp_path):
    small_plan.write(tmp_path / "plan.parquet")
    return tmp_path / "plan.parquet"


SETTINGS = {"shard_size": 8}


def test_local_processes_make_the_data_set(plan_file, small_dataset, tmp_path):
    said = jobs.submit("local", "ecg", plan_file, tmp_path / "d", parts=2, settings=SETTINGS)
    assert said["complete"] is True and said["engine"] == "local"
    assert open_dataset(tmp_path / "d").info == open_dataset(small_dataset).info


def test_each_part_makes_its_shards_and_no_other(plan_file, tmp_path):
    given = Submission("ecg", str(plan_file), str(tmp_path / "d"), 3, SETTINGS)
    assert run_part(given, 1)["shards_done"] == 1
    assert sorted(open_dataset(tmp_path / "d").receipts) == [1]


def test_accelerate_launches_ranks_of_the_same_command(plan_file):
    given = Submission(
        "ecg", str(plan_file), "out", 4, {"shard_size": 8, "file_format": "wfdb"}, {"cpu": "", "num_machines": "2"}
    )
    words = accelerate_command(given)
    assert words[:5] == ["accelerate", "launch", "--num_processes", "4", "--cpu"]
    assert words[words.index("-m") + 1 :][:2] == ["clinsynth", "sample"]
    for flag, value in [
        ("--part", "rank"),
        ("--model", "ecg"),
        ("--out", "out"),
        ("--shard-size", "8"),
        ("--format", "wfdb"),
    ]:
        assert words[words.index(flag) + 1] == value


@pytest.mark.slow
def test_accelerate_ranks_make_the_data_set(plan_file, tmp_path):
    options = ["multi_gpu", "num_machines=1", "mixed_precision=no", "dynamo_backend=no"]
    said = jobs.submit("accelerate", "ecg", plan_file, tmp_path / "d", parts=2, settings=SETTINGS, options=options)
    assert said["complete"] is True


@pytest.mark.slow
def test_submitit_makes_the_data_set_in_array_tasks(plan_file, tmp_path):
    options = ["cluster=local", "timeout_min=5"]
    said = jobs.submit("slurm", "ecg", plan_file, tmp_path / "d", parts=2, settings=SETTINGS, options=options)
    assert len(said["jobs"]) == 2
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if open_dataset(tmp_path / "d").complete:
                return
        except ValueError:
            pass
        time.sleep(0.5)
    pytest.fail("the array tasks did not finish the data set")


def test_slurm_gets_one_array_task_a_part(plan_file, tmp_path, monkeypatch):
    seen = {}

    class Executor:
        def __init__(self, folder, cluster):
            seen["folder"] = folder

        def update_parameters(self, **parameters):
            seen["parameters"] = parameters

        def map_array(self, function, *arguments):
            seen["tasks"] = [(function, *a) for a in zip(*arguments, strict=True)]
            return [types.SimpleNamespace(job_id=f"7_{w}") for w in range(len(seen["tasks"]))]

    monkeypatch.setitem(sys.modules, "submitit", types.SimpleNamespace(AutoExecutor=Executor))
    options = ["slurm_partition=cpu", "timeout_min=60"]
    said = jobs.submit("slurm", "ecg", plan_file, tmp_path / "d", parts=3, settings=SETTINGS, options=options)
    assert said["jobs"] == ["7_0", "7_1", "7_2"]
    assert seen["parameters"] == {"slurm_partition": "cpu", "timeout_min": 60}
    assert [task[0] for task in seen["tasks"]] == [run_part] * 3 and [task[2] for task in seen["tasks"]] == [0, 1, 2]


def test_ray_gets_one_task_a_part(plan_file, tmp_path, monkeypatch):
    class Task:
        def __init__(self, function):
            self.function = function

        def remote(self, *arguments):
            return self.function(*arguments)

    ray = types.SimpleNamespace(init=lambda **k: None, remote=lambda **k: Task, get=list)
    monkeypatch.setitem(sys.modules, "ray", ray)
    jobs.submit("ray", "ecg", plan_file, tmp_path / "d", parts=2, settings=SETTINGS)
    assert open_dataset(tmp_path / "d").complete


@pytest.mark.parametrize(("engine", "module", "extra"), [("slurm", "submitit", "submit"), ("ray", "ray", "ray")])
def test_an_engine_that_is_missing_names_its_extra(plan_file, tmp_path, monkeypatch, engine, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=rf"clinsynth\[{extra}\]"):
        jobs.submit(engine, "ecg", plan_file, tmp_path / "d", parts=2)


def test_submissions_that_cannot_be_are_refused(plan_file, tmp_path):
    with pytest.raises(ValueError, match="parts must be at least 1; got 0"):
        jobs.submit("local", "ecg", plan_file, tmp_path / "d", parts=0)
    with pytest.raises(ValueError, match="KEY=VALUE"):
        jobs.submit("local", "ecg", plan_file, tmp_path / "d", parts=1, options=["=x"])
