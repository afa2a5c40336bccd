"""A small data set, made once, and the command line run in this process or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from clinsynth.app import jobs
from clinsynth.app.cli import run
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.plan import make_plan


@pytest.fixture(scope="session")
def small_plan():
    quotas = [("findings", "long_qt", 0.25)]
    return make_plan(EcgCondition, 20, balance=["sex"], quotas=quotas, fixed={"duration_s": 4}, seed=11)


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory, small_plan):
    out = tmp_path_factory.mktemp("small") / "ecgs"
    jobs.sample("ecg", small_plan, out, workers=2, shard_size=8)
    return out


@pytest.fixture
def small_copy(tmp_path, small_dataset):
    import shutil

    return Path(shutil.copytree(small_dataset, tmp_path / "copy"))


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """Run a command here, in a folder of its own; (code, out, err)."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return SimpleNamespace(code=code, out=said.out, err=said.err)

    return call


@pytest.fixture
def command():
    """Start a command in a process of its own."""

    def start(*words, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        paths = os.pathsep.join(path for path in sys.path if path)
        env = {**os.environ, "PYTHONPATH": paths, **options.pop("env", {})}
        return subprocess.Popen([sys.executable, "-m", "clinsynth", *map(str, words)], env=env, **options)

    return start
