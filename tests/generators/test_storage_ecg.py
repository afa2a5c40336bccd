"""The ECG simulator's records on disk: lead relations, annotations and truth survive, whatever the workers."""

import numpy as np
import pyarrow as pa
import pytest
import wfdb
from clinsynth.conditioning.dataset import open_dataset, verify
from clinsynth.conditioning.ecg import EcgCondition, Rhythm
from clinsynth.conditioning.plan import CohortPlan
from clinsynth.conditioning.seeds import sample_seed
from clinsynth.generators.ecg import EcgSimulator
from clinsynth.generators.storage import StorageConfig, write_part
from storage_toy import contents

RHYTHMS = [rhythm.value for rhythm in Rhythm]


def plan_of_rhythms() -> CohortPlan:
    ids = [f"ecg-{rhythm}" for rhythm in RHYTHMS]
    seeds = pa.array([sample_seed(5, i) for i in ids], pa.int64())
    return CohortPlan(pa.table({"sample_id": ids, "seed": seeds, "rhythm": RHYTHMS}), 5)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data set of one record per rhythm."""
    out = tmp_path_factory.mktemp("ecg") / "one"
    report = write_part(EcgSimulator(), plan_of_rhythms(), out, StorageConfig(shard_size=4), run_seed=5)
    assert report.complete and report.written == len(RHYTHMS)
    return out


def test_every_rhythm_verifies_and_reads_back_as_it_was_made(root):
    assert verify(root).ok
    plan = plan_of_rhythms()
    made = EcgSimulator().generate(plan.conditions(EcgCondition), plan.seeds)
    for found, record in zip(open_dataset(root), made, strict=True):
        assert np.abs(found.arrays["signal"] - record.arrays["signal"]).max() <= 0.00051
        assert found.condition == record.condition
        for name, table in record.tables.items():
            for column, values in table.items():
                np.testing.assert_array_equal(found.tables[name][column], values)


def test_lead_relations_hold_within_two_microvolts_on_disk(root):
    for record in open_dataset(root):
        i, ii, iii, avr, avl, avf = record.arrays["signal"][:6].astype(float)
        for left, right in ((iii, ii - i), (avr, -(i + ii) / 2), (avl, i - ii / 2), (avf, ii - i / 2)):
            assert np.abs(left - right).max() <= 0.002


def test_annotations_are_the_truth(root):
    for record in open_dataset(root):
        path = next(root.rglob(f"{record.record_id}.atr"))
        found = wfdb.rdann(str(path.with_suffix("")), "atr")
        symbols = np.array(found.symbol)
        beats = ~np.isin(symbols, ["(", ")", "p", "t", "+"])
        assert found.sample[beats].tolist() == record.tables["beats"]["sample"].tolist()
        assert symbols[beats].tolist() == record.tables["beats"]["label"].tolist()
        everywhere = record.tables["waves"]["lead"] == "global"
        for wave, num in (("P", 0), ("QRS", 1), ("T", 2)):
            rows = everywhere & (record.tables["waves"]["wave"] == wave)
            onsets = found.sample[(symbols == "(") & (found.num == num)]
            assert onsets.tolist() == sorted(record.tables["waves"]["onset"][rows].tolist())
        assert found.aux_note[found.symbol.index("+")].startswith("(")


def test_two_workers_and_another_batch_make_the_same_files(root, tmp_path):
    config = StorageConfig(shard_size=4, batch_size=3)
    for w in (1, 0):
        write_part(EcgSimulator(), plan_of_rhythms(), tmp_path / "two", config, run_seed=5, part=(w, 2))
    assert contents(tmp_path / "two", "dataset.json") == contents(root, "dataset.json")
