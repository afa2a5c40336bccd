"""Long recordings, few leads, and sources that are named: who is tested, in what, and on which beats."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import wfdb
from clinsynth.conditioning.ecg import LEADS, EcgCondition
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.evaluation.ecg.alternans import insert, measured_uv, with_noise
from clinsynth.evaluation.ecg.alternans.examples import labelled_rhythms, stated_examples
from clinsynth.evaluation.ecg.alternans.recordings import (
    FEW_LEADS,
    independent,
    long_recordings,
    renamed,
    windows,
    with_leads,
)
from clinsynth.evaluation.ecg.alternans.sources import arrhythmia_sets, sides, without_ptbxl
from clinsynth.evaluation.ecg.alternans.subjects import continuations, stretches
from clinsynth.generators.ecg.simulator import simulate
from clinsynth.generators.readout.alternans import beats_of


@pytest.fixture(scope="module")
def long():
    """Two minutes at 360 Hz, in the two leads of an ambulatory recorder."""
    made = simulate(EcgCondition(heart_rate_bpm=80, duration_s=120, fs_hz=360, noise=("muscle",), snr_db=25), 5)
    return dataclasses.replace(with_leads(made, FEW_LEADS), record_id="long")


def write(folder: Path, record: Record, names, fs_hz=360):
    folder.mkdir(parents=True, exist_ok=True)
    signal = np.asarray(record.arrays["signal"], float).T
    wfdb.wrsamp(
        record.record_id, fs_hz, ["mV"] * len(names), list(names), signal, fmt=["16"] * len(names),
        adc_gain=[1000.0] * len(names), baseline=[0] * len(names), write_dir=str(folder),
    )  # fmt: skip


def test_a_recording_is_cut_into_whole_stretches_none_overlapping(long):
    r, x = np.asarray(long.tables["beats"]["sample"]), np.asarray(long.arrays["signal"])
    parts, last = windows(long, 32), -1
    assert len(parts) in (len(r) // 32, (len(r) - 2) // 32) and len({part.record_id for part in parts}) == len(parts)
    for part in parts:
        own, signal = part.tables["beats"]["sample"], part.arrays["signal"]
        start = next(s for s in r - own[0] if s >= 0 and np.array_equal(x[:, s : s + signal.shape[1]], signal))
        assert len(own) == 32 and np.isin(own + start, r).all() and own[0] + start > last
        last = own[-1] + start
    with pytest.raises(ValueError, match="beats = 1"):
        windows(long, 1)


def test_alternans_goes_into_two_leads_and_is_read_there(long):
    part = windows(long, 68)[0]
    spread = measured_uv(insert(part, 60, 1)) - measured_uv(part)
    assert 30 < spread < 70
    found = beats_of(with_noise(insert(part, 60, 1), 20, 2), FEW_LEADS)
    assert 60 <= len(found) <= 68
    assert np.abs(found.x_uv[:, [1, 6]]).max() > 100 and not found.x_uv[:, [0, 2, 3, 4, 5, 7]].any()


def test_noise_in_few_leads_has_the_asked_power(long):
    clean, noisy = (np.asarray(r.arrays["signal"], float) for r in (long, with_noise(long, 10.0, 3)))
    power = [np.var(x, axis=1).mean() for x in (clean, noisy - clean)]
    assert 10 * np.log10(power[0] / power[1]) == pytest.approx(10, abs=0.05)
    with pytest.raises(ValueError, match="none of"):
        with_noise(dataclasses.replace(long, geometry=SignalGeometry(360.0, ("vx", "vy"))), 10.0, 3)


def test_other_sampling_rates_give_the_same_beats():
    same = dict(heart_rate_bpm=70, duration_s=10, noise=())
    one, other = (beats_of(simulate(EcgCondition(fs_hz=fs, **same), 3)) for fs in (500.0, 360.0))
    n = min(len(one), len(other))
    assert abs(len(one) - len(other)) <= 1
    assert np.abs(np.median(one.x_uv[:n], axis=0) - np.median(other.x_uv[:n], axis=0)).max() < 60


def test_missing_leads_are_named_in_one_line(long):
    with pytest.raises(ValueError, match="^record long lacks lead I, V1, V2, V3, V4, V6; it needs I, II, .*V6$"):
        beats_of(long)
    with pytest.raises(ValueError, match="^record long lacks lead V1; it has II, V5$"):
        with_leads(long, ("II", "V1"))


def test_long_recordings_are_found_by_length_and_leads(long, tmp_path):
    write(tmp_path, long, ("MLII", "V5"))
    ten = dataclasses.replace(long, record_id="short", arrays={"signal": long.arrays["signal"][:, :3600]})
    write(tmp_path / "below", ten, ("MLII", "V5"))
    write(tmp_path / "below", dataclasses.replace(long, record_id="other"), ("MLII", "V1"))
    left_out: list[str] = []
    (found,) = long_recordings(tmp_path, left_out)
    assert found.record_id == "long" and set(found.geometry.leads) == set(FEW_LEADS) == set(independent(found))
    assert len(left_out) == 1 and "other.hea: has leads II, V1; II and V5 are needed" in left_out[0]
    with pytest.raises(ValueError, match=r"no WFDB record of 30 s or more with leads II \(or MLII\) and V5"):
        list(long_recordings(tmp_path / "below"))


def test_a_modified_lead_does_not_take_the_name_of_one_that_is_there(long):
    three = Record("x", {"signal": np.zeros((3, 9))}, None, SignalGeometry(360.0, ("MLII", "II", "V5")), {})
    assert renamed(three).geometry.leads == ("MLII", "II", "V5")


def test_stretches_and_continuations_are_one_patients(long):
    parts = stretches(long, "64 beats", FEW_LEADS)
    assert len(parts) == 2 and {p.patient for p in parts} == {"long"} and len({p.name for p in parts}) == 2
    again = continuations(long, 3, 1, FEW_LEADS, ("64 beats",))
    assert len({a.name for a in again}) == 3 and {a.patient for a in again} == {"long"}
    signals = [a.records["64 beats"].arrays["signal"] for a in again]
    assert signals[0].shape != signals[1].shape or not np.array_equal(signals[0], signals[1])


def named(record, who, **about):
    return dataclasses.replace(record, record_id=who, provenance={**record.provenance, "patient_id": who, **about})


def test_sides_differ_in_patients_and_follow_folds():
    record = next(iter(embedded("ludb", split="tuning")))
    found = sides((named(record, f"p{k // 2}") for k in range(160)), limit=1000)
    train, test = ([r.provenance["patient_id"] for r in side] for side in (found.train, found.test))
    assert not set(train) & set(test) and len(set(test)) == len(test) and len(set(train)) * 2 == len(train)
    folded = sides((named(record, f"p{k}", strat_fold=1 + k % 10) for k in range(300)), limit=14)
    assert {r.provenance["strat_fold"] for r in folded.test} == {9, 10} and len(folded.test) == len(folded.train) == 14
    with pytest.raises(ValueError, match="patients are there to train on; 12 or more are needed"):
        sides((named(record, f"p{k}") for k in range(5)), limit=10)


def test_labelled_rhythms_are_learnt_beside_simulated_ones():
    records = [
        named(simulate(EcgCondition(rhythm=r), k), f"{r}{k}")
        for k in range(2)
        for r in ("sinus", "atrial_fibrillation")
    ]
    unknown = dataclasses.replace(records[0], condition=None)
    assert len(labelled_rhythms([*records, unknown])) == 4
    sets = arrhythmia_sets(13, {"cinc": records}, 3)
    assert list(sets) == ["simulated", "simulated + cinc"]
    assert len(sets["simulated + cinc"]) >= 2 * len(sets["simulated"]) - 4
    with pytest.raises(ValueError, match="pretraining on cinc: 1 records of one class"):
        arrhythmia_sets(13, {"cinc": records[:1]}, 3)


def test_the_challenges_copies_of_ptbxl_are_left_out():
    record = next(iter(embedded("ludb", split="tuning")))
    names = ["ptb-xl/g1/HR00001", "HR06000", "E07504", "JS20001", "XHR00001"]
    kept = without_ptbxl(dataclasses.replace(record, record_id=name) for name in names)
    assert [r.record_id for r in kept] == names[2:]


def test_records_say_themselves_whether_they_alternate():
    made = [simulate(EcgCondition(twa_uv=uv), k) for k, uv in enumerate((0, 40, 0))]
    assert stated_examples(made).answer == (0, 1, 0)
    with pytest.raises(ValueError, match="one class"):
        stated_examples(made[::2])
    silent = dataclasses.replace(made[0], condition=None, truth={})
    with pytest.raises(ValueError, match="does not state its alternans"):
        stated_examples([silent, *made])


def test_leads_stay_in_their_order():
    record = next(iter(embedded("ludb", split="tuning")))
    some = with_leads(record, FEW_LEADS)
    for row, lead in enumerate(FEW_LEADS):
        np.testing.assert_array_equal(some.arrays["signal"][row], record.arrays["signal"][LEADS.index(lead)])
    assert set(some.tables["waves"]["lead"]) == set(FEW_LEADS)
