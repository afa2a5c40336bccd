"""Writing data sets: the same files whatever the workers, refusals in one line, nothing finished is lost."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from clinsynth.conditioning.dataset import DamagedDataset, open_dataset, verify
from clinsynth.conditioning.dataset.reader import read_receipt
from clinsynth.generators.storage import Interrupted, StorageConfig, StorageFailure, stop_on_signals, write_part
from clinsynth.generators.storage import disk as disk_module
from clinsynth.generators.storage.disk import Disk
from clinsynth.generators.storage.locks import locked
from storage_toy import RUN_SEED, Checkpoints, ToyGenerator, contents, toy_plan

TESTS = Path(__file__).parents[1]
N = 8


def write(root, *, n=N, generator=None, faults=None, plan=None, run_seed=RUN_SEED, part=(0, 1), config=None, **more):
    plan = plan or toy_plan(n, faults=faults)
    settings = StorageConfig.model_validate({"batch_size": 2, **(config or {})})
    return write_part(generator or ToyGenerator(), plan, root, settings, run_seed=run_seed, part=part, **more)


@pytest.fixture(scope="module", params=["folder", "webdataset"])
def reference(request, tmp_path_factory):
    """(layout, contents) of an uninterrupted data set."""
    root = tmp_path_factory.mktemp("reference") / "data"
    write(root, config={"layout": request.param}, faults={4: "nan"})
    return request.param, contents(root)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_files_do_not_depend_on_the_number_of_workers(reference, workers, tmp_path):
    layout, expected = reference
    reports = [
        write(tmp_path / "d", config={"layout": layout}, faults={4: "nan"}, part=(w, workers))
        for w in reversed(range(workers))
    ]
    assert contents(tmp_path / "d") == expected
    assert [r.complete for r in reports] == [False] * (workers - 1) + [True]
    assert sum(r.samples for r in reports) == N and sum(r.quarantined for r in reports) == 1


@pytest.mark.parametrize("batch_size", [1, 3, 5, 64])
def test_only_dataset_json_knows_the_batch_size(reference, batch_size, tmp_path):
    layout, expected = reference
    write(tmp_path / "d", config={"layout": layout, "batch_size": batch_size}, faults={4: "nan"})
    left = {name: digest for name, digest in expected.items() if name != "dataset.json"}
    assert contents(tmp_path / "d", "dataset.json") == left


def test_files_are_the_same_where_each_is_synced_by_itself(reference, tmp_path, monkeypatch):
    layout, expected = reference
    monkeypatch.setattr(disk_module, "_libc", lambda: None)
    write(tmp_path / "d", config={"layout": layout}, faults={4: "nan"})
    assert contents(tmp_path / "d") == expected


def test_nothing_of_time_host_or_place_is_in_a_hashed_file(tmp_path):
    import platform

    write(tmp_path / "d")
    for path in (p for p in (tmp_path / "d").rglob("*") if p.is_file() and "run" not in p.parts):
        text = path.read_bytes()
        assert str(tmp_path).encode() not in text and platform.node().encode() + b'"' not in text
    assert '"host"' in (tmp_path / "d/run/part-0-of-1.jsonl").read_text()


def test_a_finished_data_set_is_kept_as_it_is(tmp_path):
    first = write(tmp_path / "d")
    files = {p: p.stat() for p in (tmp_path / "d").rglob("*") if p.is_file() and "run" not in p.parts}
    again = write(tmp_path / "d")
    assert (first.shards_made, first.shards_kept, again.shards_made, again.shards_kept) == (3, 0, 0, 3)
    for path, before in files.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"run_seed": 8}, "run_seed was 7 and is 8"),
        ({"plan": toy_plan(N, run_seed=8)}, "plan_sha256 was"),
        ({"n": N + 1}, "n was 8 and is 9"),
        ({"weights_sha256": "a" * 64}, "weights_sha256 was None"),
        ({"generator": ToyGenerator(amplitude_mv=0.5)}, "generator_config.amplitude_mv was 1.0 and is 0.5"),
        ({"config": {"batch_size": 4}}, "batch_size was 2 and is 4"),
        ({"config": {"layout": "webdataset"}}, "layout was 'folder' and is 'webdataset'"),
        ({"config": {"shard_size": 4}}, "shard_size was 3 and is 4"),
        ({"config": {"licence": "cc0-1.0"}}, "licence was"),
    ],
)
def test_other_settings_are_refused_by_name_and_leave_everything_as_it_was(change, named, tmp_path):
    write(tmp_path / "d", part=(0, 2))
    before = contents(tmp_path / "d")
    with pytest.raises(ValueError, match="holds a data set with other settings") as caught:
        write(tmp_path / "d", **change)
    assert named in str(caught.value) and "\n" not in str(caught.value)
    assert contents(tmp_path / "d") == before


def test_a_changed_software_version_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "d", part=(0, 2))
    monkeypatch.setattr("clinsynth.generators.storage.config.version", lambda package: "0.0")
    with pytest.raises(ValueError, match="versions.numba was"):
        write(tmp_path / "d")


def test_a_folder_that_is_something_else_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="is not empty and no data set .*thesis.tex"):
        write(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ValueError, match="is a file"):
        write(tmp_path / "thesis.tex")


@pytest.mark.parametrize("bad", ["a.b", "a/b", "", "ü", "x" * 51])
def test_an_id_that_cannot_name_a_file_is_refused(bad, tmp_path):
    plan = toy_plan(2)
    table = plan.table.set_column(0, "sample_id", [["ok", bad]])
    with pytest.raises(ValueError, match="cannot name a file"):
        write(tmp_path / "d", plan=type(plan)(table, RUN_SEED))
    assert not (tmp_path / "d").exists()


def test_an_id_that_is_twice_in_the_plan_and_an_empty_plan_are_refused(tmp_path):
    plan = toy_plan(2)
    twice = type(plan)(plan.table.set_column(0, "sample_id", [["a", "a"]]), RUN_SEED)
    with pytest.raises(ValueError, match="'a' is in the plan twice"):
        write(tmp_path / "d", plan=twice)
    with pytest.raises(ValueError, match="no rows"):
        write(tmp_path / "d", n=0)


def test_a_format_that_the_generator_does_not_write_is_refused(tmp_path):
    with pytest.raises(ValueError, match="format 'png': toy writes wfdb"):
        write(tmp_path / "d", config={"file_format": "png"})


@pytest.mark.parametrize("layout", ["folder", "webdataset"])
def test_bad_records_are_quarantined_with_the_reason(layout, tmp_path):
    faults = {0: "nan", 2: "inf", 3: "flat", 6: "clipped", 7: "flat"}
    report = write(tmp_path / "d", faults=faults, config={"layout": layout})
    reader = open_dataset(tmp_path / "d")
    reasons = {q.sample_id: q.reason for q in reader.quarantined}
    assert reasons == {f"toy-{i:04d}": "nan" if r == "inf" else r for i, r in faults.items()}
    assert (report.written, report.quarantined) == (3, 5) and len(list(reader)) == 3
    assert not [p for i in faults for p in (tmp_path / "d/shards").rglob(f"toy-{i:04d}*")]
    assert verify(tmp_path / "d").ok


@pytest.mark.parametrize("layout", ["folder", "webdataset"])
def test_a_data_set_without_one_good_record_is_still_whole(layout, tmp_path):
    write(tmp_path / "d", faults=dict.fromkeys(range(N), "flat"), config={"layout": layout})
    assert verify(tmp_path / "d").ok and list(open_dataset(tmp_path / "d")) == []
    assert open_dataset(tmp_path / "d").manifest().num_rows == 0


def test_a_refused_condition_fails_with_the_samples_name_and_keeps_what_is_finished(tmp_path):
    with pytest.raises(ValueError, match="sample 'toy-0004': age_years = 200"):
        write(tmp_path / "d", faults={4: "refuse"}, config={"batch_size": 1})
    report = verify(tmp_path / "d")
    assert report.ok and report.shards_done == 1


@pytest.mark.parametrize(("yields", "said"), [(1, "yields 1 records for 2"), (3, "yields more records")])
def test_a_generator_that_miscounts_is_found_out(yields, said, tmp_path):
    class Miscounting(ToyGenerator):
        def generate(self, conditions, seeds):
            return iter([next(super().generate(conditions[:1], seeds[:1]))] * yields)

    with pytest.raises(RuntimeError, match=said):
        write(tmp_path / "d", generator=Miscounting())


def test_a_batch_that_does_not_fit_into_memory_is_halved_and_recorded(tmp_path):
    config = {"batch_size": 8, "shard_size": 8}
    write(tmp_path / "whole", config=config)
    write(tmp_path / "halved", config=config, generator=ToyGenerator(memory=3))
    assert read_receipt(tmp_path / "halved", 0).batch_size_used == 2
    whole, halved = contents(tmp_path / "whole"), contents(tmp_path / "halved")
    assert {name for name in whole if whole[name] != halved[name]} == {"shards/000000.json"}
    with pytest.raises(MemoryError):
        write(tmp_path / "none", generator=ToyGenerator(memory=0))


def test_a_stop_leaves_finished_shards_says_what_is_left_and_goes_on(reference, tmp_path):
    layout, expected = reference
    for asked, done in ((0, 0), (1, 0), (2, 0), (4, 1), (4, 2), (1, 2)):
        calls = iter(range(100))
        with pytest.raises(Interrupted, match="stopped; .* samples are left; run the same command again") as caught:
            write(
                tmp_path / "d",
                config={"layout": layout},
                faults={4: "nan"},
                stop=lambda calls=calls, asked=asked: next(calls) >= asked,
            )
        assert caught.value.exit_code == 75
        report = verify(tmp_path / "d")
        assert report.ok and report.shards_done == done and not list((tmp_path / "d/shards").glob(".tmp-*"))
    write(tmp_path / "d", config={"layout": layout}, faults={4: "nan"})
    assert contents(tmp_path / "d") == expected


def test_ctrl_c_and_sigterm_stop_between_batches(tmp_path):
    import os
    import signal

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def ask(stage, path, number=number):
            if stage == "after write" and path.name == "toy-0004.dat":
                os.kill(os.getpid(), number)

        with stop_on_signals() as stop, pytest.raises(Interrupted, match="1 of 3 shards"):
            write(tmp_path / str(number), stop=stop, checkpoint=ask)
        assert signal.getsignal(number) is before and verify(tmp_path / str(number)).shards_done == 1


def test_a_full_disk_at_any_write_is_one_line_and_goes_on(reference, tmp_path, monkeypatch):
    layout, expected = reference
    points = Checkpoints()
    write(tmp_path / "count", config={"layout": layout}, faults={4: "nan"}, checkpoint=points)
    writes = [i for i, name in enumerate(points.passed) if name.startswith("before write")]
    for turn, at in enumerate(writes[:: 3 if layout == "folder" else 2]):
        passed = iter(range(1000))

        def full(stage, path, passed=passed, at=at):
            if next(passed) == at:
                raise OSError(errno.ENOSPC, "No space left on device")

        root = tmp_path / f"d{turn}"
        with pytest.raises(StorageFailure, match="the disk is full; finished shards are kept") as caught:
            write(root, config={"layout": layout}, faults={4: "nan"}, checkpoint=full)
        assert "\n" not in str(caught.value) and caught.value.exit_code == 1
        assert not list(root.rglob(".tmp-*"))
        write(root, config={"layout": layout}, faults={4: "nan"})
        assert contents(root) == expected


def test_a_file_size_limit_of_the_system_is_one_line_and_goes_on(tmp_path):
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"  # a .dat has 4800 bytes
    code += f"import sys; sys.path.insert(0, {str(TESTS)!r}); import storage_toy\n"
    code += f"storage_toy.main({str(tmp_path / 'd')!r}, '8', '0/1', 'folder')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "StorageFailure" in done.stderr.splitlines()[-1] and "a file is too large" in done.stderr
    assert not list((tmp_path / "d").rglob(".tmp-*"))
    write(tmp_path / "d", faults={4: "nan"})
    assert verify(tmp_path / "d").complete


def test_a_damaged_finished_shard_stops_the_next_run_and_is_not_overwritten(reference, tmp_path):
    layout, expected = reference
    root, config = tmp_path / "d", {"layout": layout}
    write(root, config=config, faults={4: "nan"})
    victim = root / "shards" / ("000001/toy-0003.dat" if layout == "folder" else "000001.tar")
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x07")
    spoilt = contents(root)
    with pytest.raises(DamagedDataset, match="remedy: delete shards/000001") as caught:
        write(root, config=config, faults={4: "nan"})
    assert victim.name in str(caught.value) and caught.value.exit_code == 4 and contents(root) == spoilt
    for path in sorted((root / "shards").glob("000001*")):
        disk_module.remove(path)
    write(root, config=config, faults={4: "nan"})
    assert contents(root) == expected


@pytest.mark.parametrize("name", ["shards/000000.json", "dataset.json", "plan.parquet"])
def test_a_cut_file_stops_the_next_run(name, tmp_path):
    write(tmp_path / "d")
    path = tmp_path / "d" / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedDataset, match=path.name):
        write(tmp_path / "d")


def test_leftovers_of_a_killed_run_are_swept(reference, tmp_path):
    layout, expected = reference
    root = tmp_path / "d"
    write(root, config={"layout": layout}, faults={4: "nan"})
    (root / "shards/000001.json").unlink()
    for name in (".tmp-000001/a/b.dat", ".tmp-000001.json", ".tmp-000000/x", "000001.junk", "../.tmp-README.md"):
        (root / "shards" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "shards" / name).write_bytes(b"torn")
    (root / "README.md").write_text("torn")
    write(root, config={"layout": layout}, faults={4: "nan"})
    assert contents(root) == expected


def test_two_writers_of_one_part_do_not_tear_each_other(reference, tmp_path):
    layout, expected = reference
    command = [sys.executable, str(TESTS / "storage_toy.py"), str(tmp_path / "d"), "8", "0/1", layout]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(p.communicate()[1], p.returncode) for p in running] == [(b"", 0)] * 2
    assert contents(tmp_path / "d") == expected


def test_a_writer_that_waits_too_long_for_another_says_so(tmp_path):
    write(tmp_path / "d", part=(0, 2))
    with locked(tmp_path / "d", "shard-000001", lambda: False, 1.0):
        with pytest.raises(ValueError, match="another writer has held shard-000001 for 0.3 s"):
            write(tmp_path / "d", lock_wait_s=0.3)
        with pytest.raises(Interrupted):
            with locked(tmp_path / "d", "shard-000001", lambda: True, 60.0):
                pass


def test_progress_counts_every_sample_once(tmp_path):
    told = []
    write(tmp_path / "d", progress=lambda done, total: told.append((done, total)), faults={1: "flat"})
    assert told == [(i + 1, N) for i in range(N)]
    told.clear()
    write(tmp_path / "d", progress=lambda done, total: told.append((done, total)), faults={1: "flat"})
    assert told == [(3, N), (6, N), (8, N)]


def test_a_write_into_a_place_that_refuses_it_is_one_line(tmp_path):
    (tmp_path / "d").mkdir()

    def refuse(stage, path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(StorageFailure, match="Permission denied"):
        write(tmp_path / "d", checkpoint=refuse)


def test_publish_replaces_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.json"
    Disk().publish(path, b"old")
    for at in range(4):
        passed = iter(range(9))

        def fail(stage, path, passed=passed, at=at):
            if next(passed) == at:
                raise OSError(errno.EIO, "input/output error")

        with pytest.raises(OSError):
            Disk(fail).publish(path, b"new")
        assert path.read_bytes() == (b"old" if at < 3 else b"new")
        assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
