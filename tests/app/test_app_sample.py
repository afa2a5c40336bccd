"""Sampling in worker processes: the same data set on any number of them, and after any interruption."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from clinsynth.app import jobs
from clinsynth.app.cli import data
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.plan import make_plan

N, SHARD = 400, 20


def hashes(dataset):
    """Return the hash of every file but those of the run log."""
    files = sorted(p for p in dataset.rglob("*") if p.is_file() and "run" not in p.relative_to(dataset).parts)
    return {str(p.relative_to(dataset)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def receipts(dataset):
    return len(list((dataset / "shards").glob("*.json"))) if (dataset / "shards").is_dir() else 0


@pytest.fixture(scope="module")
def long_plan(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "plan.parquet"
    make_plan(EcgCondition, N, balance=["sex"], seed=2).write(path)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory, long_plan):
    out = tmp_path_factory.mktemp("whole") / "ecgs"
    jobs.sample("ecg", long_plan, out, shard_size=SHARD)
    return out


def test_the_data_set_is_the_same_on_one_worker_and_in_parts(small_dataset, small_plan, tmp_path):
    jobs.sample("ecg", small_plan, tmp_path / "one", shard_size=8)
    for w in (1, 0, 2):
        left = jobs.sample("ecg", small_plan, tmp_path / "parts", shard_size=8, part=(w, 3))
    assert left.complete
    assert hashes(tmp_path / "one") == hashes(tmp_path / "parts") == hashes(small_dataset)


def test_parts_of_workers_inside_parts_cover_every_shard_once():
    from clinsynth.app.jobs.sampling import _parts

    for whole, workers, shards in [(1, 1, 5), (2, 3, 17), (3, 8, 4), (5, 2, 1)]:
        made = [k for w in range(whole) for v, of in _parts((w, whole), workers, shards) for k in range(v, shards, of)]
        assert sorted(made) == list(range(shards))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_code_75_and_the_same_command_ends_with_the_same_data_set(
    command, long_plan, whole, tmp_path, number
):
    out = tmp_path / "ecgs"
    words = ["sample", "-m", "ecg", "-p", long_plan, "-o", out, "--shard-size", SHARD, "--workers", 2, "-q"]
    process = command(*words)
    while receipts(out) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    said, error = process.communicate(timeout=120)
    assert process.returncode == 75, (process.returncode, said, error)
    assert error.count("\n") == 1 and "Traceback" not in error
    assert 2 <= receipts(out) < N // SHARD
    kept = {p.name: p.stat().st_mtime_ns for p in (out / "shards").glob("*.json")}
    process = command(*words, "--json")
    said, error = process.communicate(timeout=120)
    assert process.returncode == 0 and json.loads(said)["complete"] is True
    assert all((out / "shards" / name).stat().st_mtime_ns == at for name, at in kept.items())
    assert hashes(out) == hashes(whole)


@pytest.mark.parametrize("wait_s", [0.2, 0.6, 1.0, 1.4])
def test_a_stop_at_the_start_is_a_stop_too(command, long_plan, tmp_path, wait_s):
    process = command(
        "sample", "-m", "ecg", "-p", long_plan, "-o", tmp_path / "d", "--shard-size", SHARD, "-q", "-w", 2
    )
    time.sleep(wait_s)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode in (75, -signal.SIGTERM), error  # the latter before Python runs a line of ours
    assert error.count("\n") <= 1 and "Traceback" not in error


def test_workers_end_when_their_parent_is_killed(command, long_plan, whole, tmp_path):
    out = tmp_path / "ecgs"
    words = ["sample", "-m", "ecg", "-p", long_plan, "-o", out, "--shard-size", SHARD, "--workers", 2, "-q"]
    process = command(*words)
    while receipts(out) < 1 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    said = process.communicate(timeout=60)  # ends when the last holder of the pipe, a worker, has ended
    assert said == ("", "")
    assert process.returncode == -signal.SIGKILL and receipts(out) < N // SHARD
    assert command(*words).wait(timeout=120) == 0
    assert hashes(out) == hashes(whole)


def start_worker(spec):
    words = [sys.executable, "-P", "-m", "clinsynth.app.jobs.worker"]
    paths = os.pathsep.join(path for path in sys.path if path)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": paths}, **pipes)
    process.stdin.write(spec)
    process.stdin.flush()
    return process


@pytest.mark.parametrize("first", ["stdin", "stdout"])
def test_a_worker_without_a_parent_stops_and_says_nothing(long_plan, tmp_path, first):
    spec = {"model": "ecg", "plan": str(long_plan), "out": str(tmp_path / "d"), "run_seed": 2,
            "config": {"shard_size": SHARD, "batch_size": 1}, "part": [0, 1]}  # fmt: skip
    process = start_worker(json.dumps(spec).encode() + b"\n")
    assert json.loads(process.stdout.readline())["done"] == 1  # it is at work
    for pipe in (first, "stdout" if first == "stdin" else "stdin"):
        getattr(process, pipe).close()
    assert process.stderr.read() == b"" and process.wait(timeout=60) == 75
    assert receipts(tmp_path / "d") < N // SHARD


@pytest.mark.parametrize("spec", [b"", b'{"model": "ecg", '])
def test_a_worker_whose_parent_ends_before_it_says_what_to_do_says_nothing(spec):
    process = start_worker(spec)
    assert process.communicate(timeout=60) == (b"", b"") and process.returncode == 75


def test_a_worker_that_is_killed_is_named_and_nothing_finished_is_lost(small_plan, tmp_path, monkeypatch):
    from clinsynth.app.jobs import workers

    start = workers._Worker.__init__

    def start_and_kill(self, index, *rest):
        start(self, index, *rest)
        if index == 1:
            self._process.kill()

    monkeypatch.setattr(workers._Worker, "__init__", start_and_kill)
    with pytest.raises(workers.WorkerFailed, match="SIGKILL"):
        jobs.sample("ecg", small_plan, tmp_path / "d", shard_size=8, workers=2)
    monkeypatch.undo()
    assert jobs.sample("ecg", small_plan, tmp_path / "d", shard_size=8, workers=2).complete


def test_a_rank_finds_its_part_in_the_launchers_environment(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert data.parse_part("rank") == (3, 8)
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert data.parse_part("rank") == (0, 1)


def test_progress_counts_every_sample_once(small_plan, tmp_path):
    seen = []
    jobs.sample("ecg", small_plan, tmp_path / "d", shard_size=4, workers=2, progress=lambda *at: seen.append(at))
    assert seen[-1] == (20, 20) and all(total == 20 for _, total in seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
