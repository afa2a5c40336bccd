"""Under FSDP every process holds its share of a run's state, and the run ends with the weights of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from clinsynth.generators.training.sharding import Sharding, check_shardable, units
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy
from training_toy import TOYS, Block, end_state, free_port, same, toy_fit

TOY = Path(__file__).parents[1] / "training_toy.py"
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "SIZE_BASED_WRAP",
    "FSDP_MIN_NUM_PARAMS": "200",
}


def launched(run: Path, processes: int = 2, fsdp: dict | None = None, **options) -> subprocess.CompletedProcess:
    """Train in processes that torchrun starts, with what `accelerate launch --use_fsdp` would tell them."""
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    words += ["--master_port", str(free_port()), str(TOY), str(run), json.dumps(options)]
    environment = os.environ | (FSDP if fsdp is None else fsdp)
    return subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment)


def validation(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["validation_loss"]


def test_shares_give_the_weights_of_one_process(tmp_path):
    done = launched(tmp_path / "shared", toy="blocks", accumulation=2, steps=10, clip_norm=0.5, count=True)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "shared" / "config.json").read_text())
    assert record["processes"] == 2 and record["sharded"]
    one = toy_fit(tmp_path / "one", "blocks", steps=10, clip_norm=0.5)
    assert same(tmp_path / "one", tmp_path / "shared", within=1e-5)
    assert validation(tmp_path / "shared") == pytest.approx(one.validation_loss, abs=1e-5)
    held = [json.loads(Path(f"{tmp_path / 'shared'}-held-{rank}.json").read_text()) for rank in (0, 1)]
    networks = TOYS["blocks"]().networks.values()
    n = sum(p.numel() for network in networks for p in network.parameters() if p.requires_grad)
    for kind, times in {"weights": 1, "gradients": 1, "averages": 1, "moments": 2}.items():
        assert all(abs(each[kind] - times * n / 2) < 0.05 * times * n for each in held), (kind, held, n)
    assert toy_fit(tmp_path / "shared", "blocks", steps=14, clip_norm=0.5).resumed_from == 10
    toy_fit(tmp_path / "one", "blocks", steps=14, clip_norm=0.5)
    assert same(tmp_path / "one", tmp_path / "shared", within=1e-5)  # and one process goes on from there
