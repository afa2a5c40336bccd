"""A run that was stopped, killed or interrupted and started again ends, bit for bit, as one that was not."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from clinsynth.generators.training import gradient_step
from training_toy import TOYS, end_state, same, toy_fit, weights

TOY = Path(__file__).parents[1] / "training_toy.py"
# Writing a checkpoint passes 8 points: around the sync, the rename, the receipt's write and its rename.
POINTS = 8


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Per toy, the folder of a run of 20 steps without a stop."""
    root = tmp_path_factory.mktemp("straight")
    for toy in ("denoiser", "dropout", "gan"):
        toy_fit(root / toy, toy)
    return root


def log(run: Path) -> list[dict]:
    """The lines of a log without the speed."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == sorted({line["step"] for line in lines})
    return [{key: value for key, value in line.items() if key != "examples_per_s"} for line in lines]


def in_a_process(run: Path, **options) -> subprocess.CompletedProcess:
    words = [sys.executable, str(TOY), str(run), json.dumps(options)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("toy", ["denoiser", "dropout", "gan"])
def test_ten_steps_and_ten_more_are_twenty(straight, toy, tmp_path):
    first = toy_fit(tmp_path / "run", toy, steps=10)
    assert (first.step, first.interrupted, first.resumed_from) == (10, False, None)
    second = toy_fit(tmp_path / "run", toy)
    assert (second.step, second.resumed_from) == (20, 10)
    assert same(straight / toy, tmp_path / "run")
    assert log(straight / toy) == log(tmp_path / "run")


def test_the_comparison_can_fail(straight, tmp_path):
    toy_fit(tmp_path / "run", seed=6)
    assert not same(straight / "denoiser", tmp_path / "run")
    moved = end_state(straight / "denoiser")
    initial = weights(TOYS["denoiser"]().networks)
    assert not torch.equal(moved["step-000020/network-denoiser.safetensors/0.weight"], initial["denoiser.0.weight"])


@pytest.mark.parametrize("toy", ["denoiser", "gan"])
def test_stop_makes_a_checkpoint_anywhere_and_says_so(straight, toy, tmp_path):
    asked = iter([False] * 7 + [True] * 9)
    report = toy_fit(tmp_path / "run", toy, stop=lambda: next(asked))
    assert report.interrupted and report.step == 7 and report.model is None and report.validation_loss == {}
    assert report.checkpoint.name == "step-000007" and (report.checkpoint / "receipt.json").is_file()
    again = toy_fit(tmp_path / "run", toy, stop=lambda: True)  # stopped at once: nothing is lost, nothing written twice
    assert again.interrupted and (again.step, again.resumed_from) == (7, 7)
    last = toy_fit(tmp_path / "run", toy)
    assert not last.interrupted and last.resumed_from == 7
    assert same(straight / toy, tmp_path / "run") and log(straight / toy) == log(tmp_path / "run")


def test_stop_before_the_first_step(tmp_path):
    assert toy_fit(tmp_path / "run", stop=lambda: True).step == 0
    assert toy_fit(tmp_path / "run", steps=1).resumed_from == 0


def test_killed_between_checkpoints(straight, tmp_path):
    died = in_a_process(tmp_path / "run", die_at_step=15)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert log(tmp_path / "run")[-1]["step"] == 15  # it had logged more than it had kept
    assert toy_fit(tmp_path / "run").resumed_from == 10
    assert same(straight / "denoiser", tmp_path / "run") and log(straight / "denoiser") == log(tmp_path / "run")


@pytest.mark.parametrize(
    "event", [pytest.param(i, marks=[] if i in (12, 15) else [pytest.mark.slow]) for i in range(1, 2 * POINTS + 1)]
)
def test_killed_while_it_writes_a_checkpoint(straight, event, tmp_path):
    died = in_a_process(tmp_path / "run", die_at_event=event)
    passed = died.stdout.splitlines()
    assert died.returncode == -signal.SIGKILL and len(passed) == event, died.stderr
    vouched = sum(line == "after rename receipt.json" for line in passed)
    again = toy_fit(tmp_path / "run")
    assert again.resumed_from == (10 * vouched or None)
    assert same(straight / "denoiser", tmp_path / "run") and log(straight / "denoiser") == log(tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == ["step-000010", "step-000020"]


def test_a_raised_interrupt_leaves_the_last_checkpoint(straight, tmp_path):
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 14:
            raise KeyboardInterrupt
        return gradient_step(*arguments)

    with pytest.raises(KeyboardInterrupt):
        toy_fit(tmp_path / "run", gradient_step=interrupted)
    assert toy_fit(tmp_path / "run").resumed_from == 10
    assert same(straight / "denoiser", tmp_path / "run")


def test_a_line_that_was_cut_short_is_dropped(straight, tmp_path):
    toy_fit(tmp_path / "run", steps=10)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 12, "loss": {}}\n{"step": 1')
    toy_fit(tmp_path / "run")
    assert log(straight / "denoiser") == log(tmp_path / "run")


def test_a_finished_run_is_left_as_it_is(tmp_path):
    first = toy_fit(tmp_path / "run")
    before = end_state(tmp_path / "run")
    second = toy_fit(tmp_path / "run")
    assert second.resumed_from == second.step == 20 and second.validation_loss == first.validation_loss
    after = end_state(tmp_path / "run")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_named_checkpoint_is_gone_back_to(straight, tmp_path):
    toy_fit(tmp_path / "run", checkpoint_every=5, keep_checkpoints=4)
    named = tmp_path / "run" / "checkpoints" / "step-000005"
    asked = iter([False, True])
    report = toy_fit(tmp_path / "run", resume=named, stop=lambda: next(asked))
    assert (report.resumed_from, report.step) == (5, 6)
    assert sorted(p.name for p in named.parent.iterdir()) == ["step-000005", "step-000006"]
    assert log(tmp_path / "run")[-1]["step"] == 6 and not list((tmp_path / "run" / "samples").iterdir())
    toy_fit(tmp_path / "run")
    assert same(straight / "denoiser", tmp_path / "run") and log(straight / "denoiser") == log(tmp_path / "run")


def test_a_new_run_may_start_from_another_ones_checkpoint(straight, tmp_path):
    report = toy_fit(tmp_path / "new", resume=straight / "denoiser" / "checkpoints" / "step-000010")
    assert report.resumed_from == 10 and [line["step"] for line in log(tmp_path / "new")] == [12, 15, 18, 20]
    assert same(straight / "denoiser", tmp_path / "new")


def test_torchs_own_random_state_is_left_alone(tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    toy_fit(tmp_path / "run", "dropout", steps=2)
    assert torch.equal(before, torch.get_rng_state())
