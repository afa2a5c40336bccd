"""The launchers' files in the package say what `docs/training.md` promises, read as Accelerate reads them."""

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_multi_gpu_env
from clinsynth.generators.training.sharding import fsdp_asked
from training_toy import free_port, same, toy_fit

LAUNCH = Path(str(files("clinsynth.generators.training") / "launch"))
TOY = Path(__file__).parents[1] / "training_toy.py"
DOCS = Path(__file__).parents[2] / "docs" / "training.md"


def launcher(name: str, *flags: str):
    """What `accelerate launch` makes of a file: its arguments, and the environment of the processes."""
    words = ["--config_file", str(LAUNCH / name), "--main_process_port", "0", *flags, "-m", "clinsynth", "fit"]
    arguments = launch_command_parser().parse_args(words)
    arguments, _, _ = _validate_launch_command(arguments)
    return arguments, prepare_multi_gpu_env(arguments)


def test_every_file_is_one_that_accelerate_reads():
    found = sorted(path.name for path in LAUNCH.glob("*.yaml"))
    assert found == ["ddp-8gpu.yaml", "fsdp-8gpu.yaml", "multi-node.yaml"]
    for name in found:
        config = load_config_from_file(str(LAUNCH / name))  # refuses keys that it does not know
        assert config.mixed_precision == "no" and not config.use_cpu
        assert config.num_processes == 8 * config.num_machines


def test_the_docs_name_every_file():
    said = DOCS.read_text()
    assert all(path.name in said for path in LAUNCH.iterdir())


def test_data_parallel_on_one_machine():
    arguments, environment = launcher("ddp-8gpu.yaml")
    assert arguments.multi_gpu and not arguments.use_fsdp and arguments.nproc_per_node == "8"
    assert "ACCELERATE_USE_FSDP" not in environment


def test_several_machines_meet_at_the_first():
    flags = ("--machine_rank", "1", "--main_process_ip", "first-host", "--main_process_port", "29500")
    flags += ("--rdzv_backend", "c10d")
    arguments, _ = launcher("multi-node.yaml", *flags)
    assert arguments.multi_gpu and (arguments.nnodes, arguments.nproc_per_node) == ("2", "8")
    assert (arguments.rdzv_backend, arguments.rdzv_endpoint, arguments.node_rank) == ("c10d", "first-host:29500", 1)


def test_shared_weights_are_asked_for_in_a_way_that_the_loop_takes(monkeypatch):
    arguments, environment = launcher("fsdp-8gpu.yaml")
    assert arguments.use_fsdp and arguments.nproc_per_node == "8"
    for key, value in fsdp_settings(environment).items():
        monkeypatch.setenv(key, value)
    plugin = FullyShardedDataParallelPlugin()
    assert fsdp_asked() and plugin.fsdp_version == 2 and plugin.reshard_after_forward is True
    assert plugin.min_num_params == 5_000_000 and not plugin.cpu_ram_efficient_loading


def fsdp_settings(environment) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith("FSDP_") or k == "ACCELERATE_USE_FSDP"}


@pytest.mark.slow
def test_shared_weights_train_with_the_files_environment(tmp_path):
    _, environment = launcher("fsdp-8gpu.yaml", "--fsdp_min_num_params", "200")
    settings = fsdp_settings(environment)
    assert settings["FSDP_MIN_NUM_PARAMS"] == "200"
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
    words += [str(TOY), str(tmp_path / "shared"), '{"toy": "blocks", "steps": 6}']
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, env=os.environ | settings)
    assert done.returncode == 0, done.stderr
    assert '"sharded": true' in (tmp_path / "shared" / "config.json").read_text()
    toy_fit(tmp_path / "one", "blocks", steps=6)
    assert same(tmp_path / "one", tmp_path / "shared", within=1e-5)


@pytest.mark.slow
def test_two_launchers_meet_as_the_batch_script_lets_them(tmp_path):
    """The script's own srun line, with stand-ins for SLURM's programs that start both launchers on this machine."""
    bin = tmp_path / "bin"
    bin.mkdir()
    stand_in(bin / "scontrol", "echo 127.0.0.1; echo other")
    stand_in(bin / "srun", '"$@" & first=$!; "$@" && wait $first')
    run = f'exec {sys.executable} -m torch.distributed.run "${{words[@]}}" {TOY} {tmp_path / "two"} \'{{"steps": 6}}\''
    take = 'words=(); for word in "$@"; do [ "$word" = -m ] && break; words+=("$word"); done'
    stand_in(bin / "torchrun", f"{take}; {run}")
    script = (LAUNCH / "multi-node.sbatch").read_text().replace("29500", str(free_port()))
    slurm = {"SLURM_JOB_NODELIST": "nodes", "SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_ON_NODE": "1", "SLURM_JOB_ID": "7"}
    environment = os.environ | slurm | {"PATH": f"{bin}:{os.environ['PATH']}"}
    words = ["bash", "-s", "preset:some", str(tmp_path / "two")]
    done = subprocess.run(words, input=script, capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr
    toy_fit(tmp_path / "one", steps=6)
    assert same(tmp_path / "one", tmp_path / "two", within=1e-5)
    assert '"processes": 2' in (tmp_path / "two" / "config.json").read_text()


def stand_in(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_batch_script_asks_for_one_launcher_a_machine():
    script = LAUNCH / "multi-node.sbatch"
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    asked = [line for line in script.read_text().splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --ntasks-per-node=1" in asked and "#SBATCH --nodes=2" in asked
