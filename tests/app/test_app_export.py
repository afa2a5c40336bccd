"""An export holds what the data set holds, in files that other tools read."""

import csv
import json
import tarfile

import numpy as np
import pytest
import wfdb
from clinsynth.app import jobs
from clinsynth.conditioning.dataset import open_dataset


def test_wfdb_records_read_back(small_dataset, tmp_path):
    assert jobs.export(small_dataset, "wfdb", tmp_path / "out") == 20
    names = (tmp_path / "out" / "RECORDS").read_text().split()
    records = {r.record_id: r for r in open_dataset(small_dataset)}
    assert sorted(n.split("/")[-1] for n in names) == sorted(records)
    for name in names[::7]:
        back, record = wfdb.rdrecord(str(tmp_path / "out" / name)), records[name.split("/")[-1]]
        assert back.sig_name == list(record.geometry.leads) and any("SYNTHETIC" in c.upper() for c in back.comments)
        np.testing.assert_allclose(back.p_signal.T, record.arrays["signal"], atol=1e-6)


def test_csv_holds_conditions_truth_and_signals(small_dataset, tmp_path):
    jobs.export(small_dataset, "csv", tmp_path / "out")
    with (tmp_path / "out" / "samples.csv").open() as file:
        rows = {row["sample_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 20
    for record in list(open_dataset(small_dataset))[::6]:
        row = rows[record.record_id]
        assert row["sex"] == record.condition.sex and row["findings"] == "|".join(record.condition.findings)
        assert float(row["truth_qrs_ms"]) == record.truth["qrs_ms"]
        table = np.loadtxt(tmp_path / "out" / "signals" / f"{record.record_id}.csv", delimiter=",", skiprows=1)
        np.testing.assert_allclose(table[:, 1:].T, record.arrays["signal"], atol=6e-5)
    assert (tmp_path / "out" / "waves.csv").exists() and (tmp_path / "out" / "beats.csv").exists()


def test_webdataset_tars_hold_every_sample_once_and_are_the_same_each_time(small_dataset, tmp_path):
    for name in ("a", "b"):
        jobs.export(small_dataset, "webdataset", tmp_path / name)
    keys = []
    for path in sorted((tmp_path / "a").glob("*.tar")):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        with tarfile.open(path) as tar:
            for member in tar:
                key, suffix = member.name.split(".", 1)
                if suffix == "json":
                    keys.append(key)
                    assert json.load(tar.extractfile(member))["synthetic"] is True
    assert keys == open_dataset(small_dataset).ids


def test_a_folder_that_is_not_empty_is_left_alone(small_dataset, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="not an empty folder"):
        jobs.export(small_dataset, "csv", tmp_path)
    with pytest.raises(ValueError, match="did you mean 'csv'"):
        jobs.export(small_dataset, "cvs", tmp_path / "x")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_export_that_fails_leaves_nothing(small_dataset, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs.export(small_dataset, "csv", tmp_path / "out", progress=stop)
    assert list(tmp_path.iterdir()) == []
