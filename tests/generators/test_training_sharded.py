"""Under FSDP every process holds its share of a run's state, and the run ends with the weights of one process."""

import json
import shutil
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


BY_CLASS = FSDP | {"FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP", "FSDP_TRANSFORMER_CLS_TO_WRAP": "Block"}
WHOLE = dict(toy="blocks", steps=12)  # what a run of three launchers comes to

# Starting processes takes far longer than training in them: two processes train all of these, in turn.
CASES = {
    "blocks": (FSDP, dict(toy="blocks", steps=10, clip_norm=0.5), dict(accumulation=2)),
    "gan": (FSDP | {"FSDP_MIN_NUM_PARAMS": "60"}, dict(toy="gan", steps=8), dict(accumulation=2)),
    "encoded": (FSDP | {"FSDP_MIN_NUM_PARAMS": "60"}, dict(toy="encoded", steps=8), {}),
    "by_class": (BY_CLASS, dict(toy="blocks", steps=8), {}),
    "kept": (FSDP | {"FSDP_RESHARD_AFTER_FORWARD": "false"}, dict(toy="blocks", steps=8), {}),
    "one_unit": (FSDP | {"FSDP_AUTO_WRAP_POLICY": "NO_WRAP"}, dict(toy="blocks", steps=8), {}),
    "bf16": (FSDP, dict(toy="blocks", steps=8, mixed_precision="bf16"), {}),
}
REFUSED = {
    "FSDP_VERSION": ("1", "fsdp_version is 1; set it to 2"),
    "FSDP_OFFLOAD_PARAMS": ("true", "fsdp_offload_params is not supported"),
    "FSDP_ACTIVATION_CHECKPOINTING": ("true", "fsdp_activation_checkpointing is not supported"),
}


def launched(run: Path, options, processes: int = 2) -> None:
    """Train in processes that torchrun starts; what `accelerate launch --use_fsdp` would tell them is in `options`."""
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    words += ["--master_port", str(free_port()), str(TOY), str(run), json.dumps(options)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


def going_on(environment: dict, steps: int) -> dict:
    return dict(name="going_on", environment=environment, toy="blocks", steps=steps, checkpoint_every=3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    cases = [dict(name=name, environment=env, **same, **more) for name, (env, same, more) in CASES.items()]
    cases += [dict(name=key, environment=FSDP | {key: value}, steps=2) for key, (value, _) in REFUSED.items()]
    toy_fit(folder / "going_on", "blocks", steps=3, checkpoint_every=3)
    cases += [going_on({}, 6), going_on(FSDP, 9)]  # one process, two with DDP, two with FSDP
    launched(folder, cases)
    return folder


def validation(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["validation_loss"]


@pytest.mark.parametrize("name", [name for name in CASES if name != "bf16"])
def test_shares_give_the_weights_of_one_process(name, runs, tmp_path):
    """Also where phases take turns and one differentiates a gradient, and where networks are held still."""
    one = toy_fit(tmp_path / "one", **CASES[name][1])
    assert same(tmp_path / "one", runs / name, within=1e-5)
    assert validation(runs / name) == pytest.approx(one.validation_loss, abs=1e-5)
    record = json.loads((runs / name / "config.json").read_text())
    assert record["processes"] == 2 and record["sharded"]


@pytest.mark.parametrize("name", ["blocks", "by_class", "kept", "one_unit", "bf16"])
def test_each_process_holds_half(name, runs):
    held = [json.loads((runs / f"{name}-held-{rank}.json").read_text()) for rank in (0, 1)]
    networks = TOYS["blocks"]().networks.values()
    n = sum(p.numel() for network in networks for p in network.parameters() if p.requires_grad)
    for kind, times in {"weights": 1, "gradients": 1, "averages": 1, "moments": 2}.items():
        assert all(abs(each[kind] - times * n / 2) < 0.05 * times * n for each in held), (kind, held, n)


def test_bfloat16_stays_near_one_process(runs, tmp_path):
    one = toy_fit(tmp_path / "one", **CASES["bf16"][1])
    assert same(tmp_path / "one", runs / "bf16", within=2e-2)
    assert validation(runs / "bf16") == pytest.approx(one.validation_loss, rel=2e-2)
    assert all(value.dtype == torch.float32 for value in end_state(runs / "bf16").values())


@pytest.mark.parametrize("key", REFUSED)
def test_what_is_not_supported_is_named(key, runs):
    for rank in (0, 1):
        assert (runs / f"{key}-refused-{rank}").read_text().startswith(REFUSED[key][1])
    assert not (runs / key).exists()


def test_shares_go_on_from_any_processes(runs, tmp_path):
    """A checkpoint of one process, of two with DDP and of two with FSDP is the same to those that follow."""
    toy_fit(tmp_path / "one", **WHOLE)
    run = shutil.copytree(runs / "going_on", tmp_path / "run")
    assert toy_fit(run, **WHOLE, checkpoint_every=3).resumed_from == 9
    assert_the_same_end(run, tmp_path / "one")


@pytest.mark.slow
def test_three_processes_go_on_from_two(runs, tmp_path):
    toy_fit(tmp_path / "one", **WHOLE)
    shutil.copytree(runs / "going_on", tmp_path / "going_on")
    launched(tmp_path, [going_on(FSDP, 12)], processes=3)
    assert_the_same_end(tmp_path / "going_on", tmp_path / "one")


def assert_the_same_end(run: Path, other: Path) -> None:
    assert same(other, run, within=1e-5)
    found = end_state(run)
    for key, value in end_state(other).items():  # the moments too
        assert torch.allclose(value, found[key], rtol=1e-3, atol=1e-5), key


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
