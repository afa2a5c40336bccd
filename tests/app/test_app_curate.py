"""Curation of a data set on disk: what is kept is listed, told why, and exported."""

import csv

import numpy as np
import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs.curating import curate
from clinsynth.conditioning.dataset import open_dataset


def test_what_is_kept_is_listed_told_and_exported(small_dataset, tmp_path):
    told = []
    got = curate(
        small_dataset, tmp_path / "out", real="embedded:ludb", keep=7, file_format="csv", share=0,
        progress=lambda k, n: told.append((k, n)),
    )  # fmt: skip
    ids = open_dataset(small_dataset).ids
    assert len(got.kept) == 7 and set(got.kept) < set(ids) and told[-1] == (20, 20)
    assert (tmp_path / "out" / "kept.txt").read_text().split() == list(got.kept)
    with (tmp_path / "out" / "curation.csv").open() as file:
        assert [row["sample_id"] for row in csv.DictReader(file)] == ids
    with (tmp_path / "out" / "data" / "samples.csv").open() as file:
        assert [row["sample_id"] for row in csv.DictReader(file)] == list(got.kept)
    signals = {p.stem for p in (tmp_path / "out" / "data" / "signals").iterdir()}
    assert signals == set(got.kept)
    with (tmp_path / "out" / "data" / "beats.csv").open() as file:
        assert {row["sample_id"] for row in csv.DictReader(file)} <= set(got.kept)


def test_features_of_the_users_own_decide(small_dataset, tmp_path):
    def embed(records):
        return np.array([[float(r.condition.age_years)] for r in records])

    got = curate(small_dataset, tmp_path / "out", keep=2, select="k_center", embed=embed)
    ages = {r.record_id: float(r.condition.age_years) for r in open_dataset(small_dataset)}
    middle = np.mean(list(ages.values()))
    centre = min(ages, key=lambda name: abs(ages[name] - middle))
    assert centre in got.kept
    (other,) = set(got.kept) - {centre}
    assert abs(ages[other] - ages[centre]) == max(abs(a - ages[centre]) for a in ages.values())


@pytest.mark.parametrize("file_format", ["wfdb", "webdataset"])
def test_some_samples_are_exported_in_any_format(small_dataset, tmp_path, file_format):
    ids = open_dataset(small_dataset).ids[3:9]
    assert jobs.export(small_dataset, file_format, tmp_path / "out", keep=ids) == 6
    if file_format == "wfdb":
        names = (tmp_path / "out" / "RECORDS").read_text().split()
        assert [name.split("/")[-1] for name in names] == list(ids)


def test_mistakes_are_told_before_any_work(small_dataset, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'csv'"):
        curate(small_dataset, tmp_path / "a", file_format="cvs")
    with pytest.raises(ValueError, match="select"):
        curate(small_dataset, tmp_path / "a", select="best")
    with pytest.raises(ValueError, match="kind"):
        curate(small_dataset, tmp_path / "a", real="embedded:nih64")
    assert not (tmp_path / "a").exists()
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="not an empty folder"):
        curate(small_dataset, tmp_path)
