"""`verify` and the reader: whatever is changed on disk is found, and only receipted shards are read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from clinsynth.conditioning.dataset import DamagedDataset, open_dataset, verify
from clinsynth.conditioning.dataset.tables import read_table, table_bytes
from clinsynth.conditioning.ecg import LEADS
from clinsynth.generators.storage import StorageConfig, write_part
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage_toy import RUN_SEED, SAMPLES, ToyGenerator, contents, toy_plan

N = 8
LAYOUTS = ("folder", "webdataset")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished data set per layout, sample 4 quarantined."""
    roots = {}
    for layout in LAYOUTS:
        roots[layout] = tmp_path_factory.mktemp(layout) / "data"
        plan = toy_plan(N, faults={4: "nan"})
        write_part(ToyGenerator(), plan, roots[layout], StorageConfig(layout=layout), run_seed=RUN_SEED)
    return roots


@pytest.fixture(params=LAYOUTS)
def data(request, finished, tmp_path):
    """A copy of a finished data set that a test may spoil."""
    return Path(shutil.copytree(finished[request.param], tmp_path / "data"))


def test_a_finished_data_set_verifies(data):
    report = verify(data)
    assert report.ok and report.complete
    assert (report.n, report.written, report.quarantined, report.shards, report.shards_done) == (8, 7, 1, 3, 3)


def test_the_reader_yields_what_the_generator_made(data):
    plan, reader = toy_plan(N), open_dataset(data)
    made = list(ToyGenerator().generate(plan.conditions(ToyGenerator.condition_type), plan.seeds))
    expected = {i: record for i, record in zip(plan.sample_ids, made, strict=True) if i != "toy-0004"}
    assert reader.ids == list(expected) and len(reader) == 7
    for found in reader:
        record = expected[found.record_id]
        assert np.abs(found.arrays["signal"] - record.arrays["signal"]).max() <= 0.00051
        assert found.condition == record.condition and found.geometry == record.geometry
        assert found.provenance == record.provenance and found.truth == record.truth and found.synthetic
        for name, table in record.tables.items():
            for column, values in table.items():
                np.testing.assert_array_equal(found.tables[name][column], values)


def test_one_record_is_found_by_its_id(data):
    reader = open_dataset(data)
    for record in reader:
        again = reader.record(record.record_id)
        np.testing.assert_array_equal(again.arrays["signal"], record.arrays["signal"])
    with pytest.raises(ValueError, match="was quarantined: signal has 195 values"):
        reader.record("toy-0004")
    with pytest.raises(ValueError, match="'toy-9999' .* is not in a finished shard"):
        reader.record("toy-9999")


def test_tables_run_over_all_shards(data):
    reader = open_dataset(data)
    assert reader.manifest().column("sample_id").to_pylist() == reader.ids
    assert reader.table("beats").num_rows == 2 * len(reader) and reader.plan().num_rows == N
    with pytest.raises(ValueError, match="no table 'beets'"):
        reader.table("beets")


def test_manifest_addresses_lead_to_the_files(data):
    import tarfile

    for row in open_dataset(data).manifest().to_pylist():
        where = row["file"]
        if where.startswith("tar://"):
            member, tar = where.removeprefix("tar://").split("::")
            with tarfile.open(data / tar) as archive:
                assert archive.extractfile(member).read().startswith(row["sample_id"].encode())
        else:
            assert (data / where).read_text().startswith(row["sample_id"])


def hashed_files(root: Path) -> list[Path]:
    return [root / name for name in contents(root, "README.md", "croissant.json")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data_=st.data())
def test_any_changed_byte_is_found_and_the_file_named(data, data_):
    path = data_.draw(st.sampled_from(hashed_files(data)))
    before = path.read_bytes()
    at, flip = data_.draw(st.integers(0, len(before) - 1)), data_.draw(st.integers(1, 255))
    path.write_bytes(before[:at] + bytes([before[at] ^ flip]) + before[at + 1 :])
    try:
        problems = verify(data).problems
    except (DamagedDataset, ValueError) as error:
        problems = (str(error),)
    finally:
        path.write_bytes(before)
    if not problems:  # a blank for a blank in a JSON file: what it says is the same
        assert path.suffix == ".json" and before[at : at + 1].isspace()
    else:
        assert all("\n" not in p for p in problems) and any(path.name in p for p in problems)


def test_any_missing_file_is_found_and_named(data):
    for path in hashed_files(data):
        if path.name == "dataset.json" or path.parent.name == "shards" and path.suffix == ".json":
            continue
        kept = path.read_bytes()
        path.unlink()
        assert any(path.name in problem for problem in verify(data).problems), path
        path.write_bytes(kept)
    assert verify(data).ok


def test_a_missing_receipt_leaves_the_shard_unfinished_and_unread(data):
    (data / "shards/000001.json").unlink()
    report, reader = verify(data), open_dataset(data)
    assert report.ok and not report.complete and report.shards_done == 2
    assert not reader.complete and [r.record_id for r in reader] == reader.ids
    assert not {"toy-0003", "toy-0005"} & set(reader.ids)
    with pytest.raises(ValueError, match="shard 1 .* is not finished"):
        reader.shard(1)


def test_files_too_many_are_found(data):
    extra = [data / "shards/notes.txt", data / "shards/000007.json"]
    extra += [data / "shards/000000/extra.parquet", data / "shards/000000/toy-0000.png"]
    extra += [data / "shards/000000.extra.parquet"]
    for path in extra:
        fresh = not path.parent.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        assert any(path.name in p or path.parent.name in p for p in verify(data).problems), path
        shutil.rmtree(path.parent) if fresh else path.unlink()
    assert verify(data).ok


def test_a_receipt_from_another_place_or_data_set_is_found(data, finished, tmp_path):
    shutil.copy(data / "shards/000000.json", data / "shards/000001.json")
    assert any("receipt of shard 0" in p for p in verify(data).problems)
    other = tmp_path / "other"
    write_part(ToyGenerator(), toy_plan(N, run_seed=8), other, StorageConfig(), run_seed=8)
    shutil.copy(other / "shards/000001.json", data / "shards/000001.json")
    assert any("another data set" in p for p in verify(data).problems)


def test_a_manifest_that_was_rewritten_is_found(data):
    path = next((data / "shards").rglob("*manifest.parquet"))
    path.write_bytes(table_bytes(read_table(path).slice(1)))
    assert any(path.name in p and "sha256" in p for p in verify(data).problems)


def test_every_problem_says_the_remedy(data):
    next((data / "shards").rglob("*manifest.parquet")).write_bytes(b"")
    (data / "shards/notes.txt").write_text("x")
    problems = verify(data).problems
    assert len(problems) >= 2 and all("remedy: " in p for p in problems)


@pytest.mark.parametrize("name", ["README.md", "croissant.json"])
def test_a_data_set_without_its_card_is_unfinished(data, name):
    (data / name).unlink()
    report = verify(data)
    assert report.ok and not report.complete and report.missing == (name,)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_what_is_no_data_set_is_refused(make, tmp_path):
    make(tmp_path / "x")
    for call in (verify, open_dataset):
        with pytest.raises(ValueError, match="is not a data set: it has no dataset.json"):
            call(tmp_path / "x")


def test_a_signal_file_that_its_header_belies_is_refused_by_the_reader(finished, tmp_path):
    root = Path(shutil.copytree(finished["folder"], tmp_path / "data"))
    path = root / "shards/000000/toy-0001.dat"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ValueError, match=f"toy-0001.dat holds .* {len(LEADS)} leads x {SAMPLES} samples"):
        list(open_dataset(root))
