"""However many processes share a batch, and however they cut it, the weights are those of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from training_toy import end_state, free_port, same, toy_fit

TOY = Path(__file__).parents[1] / "training_toy.py"


def launched(run: Path, processes: int = 2, **options) -> subprocess.CompletedProcess:
    """Train in processes of their own, as torchrun starts them; `accelerate launch --cpu` starts one only."""
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    words += ["--master_port", str(free_port()), str(TOY), str(run), json.dumps(options)]
    # What the launcher says of accumulation must not count beside the config's.
    environment = os.environ | {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "3"}
    return subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.parametrize("toy", ["denoiser", pytest.param("gan", marks=pytest.mark.slow)])
def test_two_processes_give_the_weights_of_one(toy, tmp_path):
    done = launched(tmp_path / "two", toy=toy, accumulation=2, steps=12)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "two" / "config.json").read_text())["processes"] == 2
    one = toy_fit(tmp_path / "one", toy, steps=12)
    assert same(tmp_path / "one", tmp_path / "two", within=1e-5)
    assert validation(tmp_path / "two") == pytest.approx(one.validation_loss, abs=1e-5)
    assert toy_fit(tmp_path / "two", toy, steps=20).resumed_from == 12  # and one process goes on from there


def validation(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["validation_loss"]


@pytest.mark.slow
def test_a_batch_that_does_not_divide_is_shared_by_three(tmp_path):
    done = launched(tmp_path / "three", processes=3, steps=8)
    assert done.returncode == 0, done.stderr
    toy_fit(tmp_path / "one", steps=8)
    assert same(tmp_path / "one", tmp_path / "three", within=1e-5)


@pytest.mark.slow
def test_all_processes_start_at_the_first_ones_weights(tmp_path):
    done = launched(tmp_path / "two", toy="encoded", steps=8)
    assert done.returncode == 0, done.stderr
    toy_fit(tmp_path / "one", "encoded", steps=8)
    assert same(tmp_path / "one", tmp_path / "two", within=1e-5)


@pytest.mark.slow
def test_a_mistake_ends_every_process(tmp_path):
    toy_fit(tmp_path / "run", steps=2)
    done = launched(tmp_path / "run", learning_rate=0.5)
    assert done.returncode != 0 and done.stderr.count("ValueError: ") == 2
    assert "training.learning_rate was 0.01 and is now 0.5" in done.stderr


@pytest.mark.parametrize("toy", ["denoiser", "gan"])
def test_accumulation_gives_the_weights_of_the_whole_batch(toy, tmp_path):
    toy_fit(tmp_path / "whole", toy)
    for accumulation in (2, 3):
        cut = tmp_path / f"cut-{accumulation}"
        toy_fit(cut, toy, accumulation=accumulation)
        assert same(tmp_path / "whole", cut, within=1e-6)
    toy_fit(tmp_path / "other", toy, batch_size=9)
    assert not same(tmp_path / "whole", tmp_path / "other", within=1e-4)  # the tolerance tells batches apart


def test_accumulation_may_change_when_a_run_goes_on(tmp_path):
    toy_fit(tmp_path / "whole")
    toy_fit(tmp_path / "cut", steps=10)
    toy_fit(tmp_path / "cut", accumulation=2)
    assert same(tmp_path / "whole", tmp_path / "cut", within=1e-6)


def test_a_launchers_accumulation_does_not_count(tmp_path, monkeypatch):
    toy_fit(tmp_path / "plain", steps=3)
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    toy_fit(tmp_path / "set", steps=3)
    assert same(tmp_path / "plain", tmp_path / "set")
    assert end_state(tmp_path / "set")
