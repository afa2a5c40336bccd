"""A worker killed at any named point and started again leaves the data set of an uninterrupted run, hash by hash."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from clinsynth.conditioning.dataset import verify
from clinsynth.generators.storage import StorageConfig, write_part
from storage_toy import RUN_SEED, Checkpoints, ToyGenerator, contents, toy_plan

TESTS = Path(__file__).parents[1]
N = 12  # four shards of three
LAYOUTS = ("folder", "webdataset")
POINTS = 20
ALWAYS = 5  # the rest are slow
# What must be among the points: in the middle of a shard, around the rename, around the receipt, at the end.
NAMED = (
    "after write .tmp-000002/{sample}",
    "before rename {shard}",
    "after rename {shard}",
    "after write .tmp-{receipt}",
    "before rename croissant.json",
)


# Of these either of two workers writes the file; whether the killed one does is a matter of time.
SHARED = ("dataset.json", "plan.parquet", "README.md", "croissant.json")


def command(root: Path, part: str, layout: str, kill_at: str | None = None) -> list[str]:
    words = [sys.executable, str(TESTS / "storage_toy.py"), str(root), str(N), part, layout]
    return words if kill_at is None else [*words, kill_at]


def run(root: Path, part: tuple[int, int], layout: str, points: Checkpoints | None = None) -> None:
    config = StorageConfig.model_validate({"layout": layout, "batch_size": 2})
    plan = toy_plan(N, faults={4: "nan"})
    points = points or Checkpoints()
    write_part(ToyGenerator(), plan, root, config, run_seed=RUN_SEED, part=part, checkpoint=points)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Per layout: the contents of the data set, and the checkpoints of one worker alone and of the first of two."""
    found = {}
    for layout in LAYOUTS:
        alone, first = Checkpoints(), Checkpoints()
        root = tmp_path_factory.mktemp(layout)
        run(root / "one", (0, 1), layout, alone)
        run(root / "two", (1, 2), layout)
        run(root / "two", (0, 2), layout, first)
        assert contents(root / "one") == contents(root / "two")
        found[layout] = contents(root / "one"), {1: alone.passed, 2: first.passed}
    return found


def chosen(passed: list[str], turn: int, layout: str) -> str:
    """Return the checkpoint of one turn: the named ones first, then any, by a fixed seed."""
    assert len(set(passed)) == len(passed)
    if turn < len(NAMED):
        shard = "000002" if layout == "folder" else "000002.tar"
        sample = "toy-0007.dat" if layout == "folder" else "toy-0007"
        return NAMED[turn].format(shard=shard, receipt="000002.json", sample=sample)
    return random.Random(2026).sample(passed, POINTS)[turn]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "turn", [pytest.param(i, marks=[] if i < ALWAYS else [pytest.mark.slow]) for i in range(POINTS)]
)
def test_killed_anywhere_it_ends_as_if_it_had_not_been(uninterrupted, workers, turn, tmp_path):
    layout = LAYOUTS[(turn + workers) % 2]
    expected, passed = uninterrupted[layout]
    root, at = tmp_path / "data", chosen(passed[workers], turn, layout)
    parts = [f"{w}/{workers}" for w in range(workers)]
    running = [
        subprocess.Popen(command(root, part, layout, at if part.startswith("0/") else None), stderr=subprocess.PIPE)
        for part in parts
    ]
    ended = [(p.communicate()[1].decode(), p.returncode) for p in running]
    assert at in passed[workers]
    assert ended[0][1] == -signal.SIGKILL or (workers == 2 and at.endswith(SHARED)), ended
    assert all(code == 0 for _, code in ended[1:]), ended
    if (root / "dataset.json").exists():
        assert verify(root).ok  # a reader never sees half a shard
    for w in range(workers):
        run(root, (w, workers), layout)
    assert contents(root) == expected and verify(root).complete
