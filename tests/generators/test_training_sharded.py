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


@pytest.mark.slow
def test_shares_go_on_from_any_processes(tmp_path):
    """A checkpoint of one process, of two under DDP and of three under FSDP is the same to those that follow."""
    whole = tmp_path / "whole"
    toy_fit(whole, "blocks", steps=12)
    run = tmp_path / "run"
    toy_fit(run, "blocks", steps=3, checkpoint_every=3)
    for processes, fsdp, steps in ((2, None, 6), (2, {"ACCELERATE_USE_FSDP": "false"}, 9), (3, None, 12)):
        done = launched(run, processes, fsdp, toy="blocks", steps=steps, checkpoint_every=3)
        assert done.returncode == 0, done.stderr
    assert same(whole, run, within=1e-5)
    moments = end_state(run)
    for key, value in end_state(whole).items():
        assert torch.allclose(value, moments[key], rtol=1e-3, atol=1e-5), key


@pytest.mark.slow
@pytest.mark.parametrize("toy", ["gan", "encoded"])
def test_phases_and_frozen_networks(toy, tmp_path):
    """The critic's gradient penalty is differentiated twice; its phase and the generator's take turns."""
    done = launched(tmp_path / "shared", toy=toy, steps=8, accumulation=2, fsdp=FSDP | {"FSDP_MIN_NUM_PARAMS": "60"})
    assert done.returncode == 0, done.stderr
    toy_fit(tmp_path / "one", toy, steps=8)
    assert same(tmp_path / "one", tmp_path / "shared", within=1e-5)


@pytest.mark.slow
def test_units_by_class_and_weights_kept_whole_in_a_pass(tmp_path):
    toy_fit(tmp_path / "one", "blocks", steps=8)
    by_class = {"FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP", "FSDP_TRANSFORMER_CLS_TO_WRAP": "Block"}
    for i, more in enumerate((by_class, {"FSDP_RESHARD_AFTER_FORWARD": "false"}, {"FSDP_AUTO_WRAP_POLICY": "NO_WRAP"})):
        done = launched(tmp_path / f"{i}", toy="blocks", steps=8, fsdp=FSDP | more)
        assert done.returncode == 0, done.stderr
        assert same(tmp_path / "one", tmp_path / f"{i}", within=1e-5)


@pytest.mark.slow
def test_bfloat16_stays_near_one_process(tmp_path):
    done = launched(tmp_path / "shared", toy="blocks", steps=8, mixed_precision="bf16")
    assert done.returncode == 0, done.stderr
    one = toy_fit(tmp_path / "one", "blocks", steps=8, mixed_precision="bf16")
    assert same(tmp_path / "one", tmp_path / "shared", within=2e-2)
    assert validation(tmp_path / "shared") == pytest.approx(one.validation_loss, rel=2e-2)
    assert all(value.dtype == torch.float32 for value in end_state(tmp_path / "shared").values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting, value, said",
    [
        ("FSDP_VERSION", "1", "fsdp_version is 1; set it to 2"),
        ("FSDP_OFFLOAD_PARAMS", "true", "fsdp_offload_params is not supported"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "fsdp_activation_checkpointing is not supported"),
    ],
)
def test_what_is_not_supported_is_named(setting, value, said, tmp_path):
    done = launched(tmp_path / "run", steps=2, fsdp=FSDP | {setting: value})
    assert done.returncode != 0 and f"ValueError: {said}" in done.stderr
    assert not (tmp_path / "run").exists()


def sharding(**changes) -> Sharding:
    settings = dict(mesh=None, precision=MixedPrecisionPolicy(), by="size", classes=None, smallest=0, frees=True)
    return Sharding(**settings | changes)


def test_one_process_has_nobody_to_share_with(tmp_path, monkeypatch):
    toy_fit(tmp_path / "plain", steps=3)
    for key, value in FSDP.items():
        monkeypatch.setenv(key, value)
    toy_fit(tmp_path / "asked", steps=3)
    assert same(tmp_path / "plain", tmp_path / "asked")
    assert not json.loads((tmp_path / "asked" / "config.json").read_text())["sharded"]


@pytest.mark.parametrize("smallest", [0, 40, 200, 500, 10**6])
def test_units_by_size_are_large_enough_and_no_lists(smallest):
    network = TOYS["blocks"]().networks["denoiser"]
    found = units(network, sharding(smallest=smallest))
    seen: set[int] = set()
    for unit in found:  # inner ones come first, so what is new in each is its own
        own = [p for p in unit.parameters() if id(p) not in seen]
        seen |= {id(p) for p in own}
        assert sum(p.numel() for p in own) > smallest
        assert not isinstance(unit, nn.ModuleList) and unit is not network
    assert bool(found) == (smallest < 1000)


def test_units_by_class():
    network = TOYS["blocks"]().networks["denoiser"]
    found = units(network, sharding(by="class", classes=frozenset({"Block"})))
    assert len(found) == 3 and all(isinstance(unit, Block) for unit in found)
    assert units(network, sharding(by="class")) == []
    network._no_split_modules = ["Block", "NotHere"]  # as diffusers' networks say
    assert len(units(network, sharding(by="class"))) == 3
    assert units(network, sharding(by="whole")) == []


def test_attention_and_tied_weights_are_not_cut_apart():
    attention = nn.Sequential(nn.MultiheadAttention(8, 2), nn.Linear(8, 8))
    assert [type(unit) for unit in units(attention, sharding())] == [nn.MultiheadAttention, nn.Linear]
    tied = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    tied[1].weight = tied[0].weight
    assert units(tied, sharding()) == []


def test_networks_that_cannot_be_cut_are_named():
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    check_shardable({"a": a, "b": b}, sharding())
    with pytest.raises(ValueError, match="no network has a Missing"):
        check_shardable({"a": a}, sharding(by="class", classes=frozenset({"Missing", "Linear"})))
    b.weight = a.weight
    with pytest.raises(ValueError, match="'a' and 'b' share weight"):
        check_shardable({"a": a, "b": b}, sharding())
    a.gain = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"a\.gain is a scalar.*shape \(1,\)"):
        check_shardable({"a": a}, sharding())
