"""The embedded LUDB records: whole, in microvolts, delineated, divided for good."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter

import numpy as np
import pytest
from clinsynth.conditioning.ecg import LEADS
from clinsynth.conditioning.embedded import embedded, embedded_names
from clinsynth.conditioning.readers import read

RECORDS = list(embedded("ludb"))
# The counts of all records in order, as the source stores them.
COUNTS_SHA256 = "1b8b4a2661416adcc443a6c0b19634772dc3c8d90aea8ccd9c3da64866a852bc"


def test_all_records_have_the_sources_counts_in_mv() -> None:
    digest = hashlib.sha256()
    for record in RECORDS:
        signal = record.arrays["signal"]
        assert signal.shape == (12, 5000) and signal.dtype == np.float32 and record.geometry.leads == LEADS
        assert (record.geometry.fs_hz, record.geometry.unit) == (500, "mV")
        digest.update(np.rint(signal * 1000).astype("<i2").tobytes())
    assert len(RECORDS) == len({r.record_id for r in RECORDS}) == 100
    assert digest.hexdigest() == COUNTS_SHA256


def test_limb_leads_keep_their_relations_and_no_lead_is_flat() -> None:
    for record in RECORDS:
        signal = record.arrays["signal"]
        i, ii, iii, avr, avl, avf = signal[:6].astype(float)
        for residual, tolerance in (
            (iii - ii + i, 1e-6), (avr + (i + ii) / 2, 5.1e-4), (avl - i + ii / 2, 5.1e-4), (avf - ii + i / 2, 5.1e-4)
        ):  # fmt: skip
            assert np.abs(residual).max() <= tolerance
        assert (np.ptp(signal, axis=1) > 0.1).all()


def test_waves_are_ordered_and_inside_their_record() -> None:
    total = 0
    for record in RECORDS:
        waves = record.tables["waves"]
        total += len(waves["wave"])
        for name in ("onset", "peak", "offset"):
            assert waves[name].dtype == np.int64 and waves[name].min() >= -1 and waves[name].max() < 5000
        there = (waves["onset"] >= 0, waves["offset"] >= 0)
        assert (waves["onset"] < waves["peak"])[there[0]].mean() > 0.99 and (waves["onset"] <= waves["peak"])[
            there[0]
        ].all()
        assert (waves["peak"] <= waves["offset"])[there[1]].all()
        assert set(waves["wave"]) <= {"P", "QRS", "T"} and set(waves["lead"]) == set(LEADS)
    assert total == 30154


def test_a_beat_is_one_beat_in_every_lead() -> None:
    doubled = set()
    for record in RECORDS:
        waves = record.tables["waves"]
        keys = Counter(zip(waves["lead"], waves["wave"], waves["beat"], strict=True))
        doubled |= {(record.record_id, lead, wave) for (lead, wave, beat), n in keys.items() if n > 1 or beat < 0}
        qrs = waves["wave"] == "QRS"
        peaks = [waves["peak"][qrs & (waves["beat"] == beat)] for beat in np.unique(waves["beat"][qrs])]
        assert max(np.ptp(peak) for peak in peaks) < 75  # 150 ms
        assert (np.diff([np.median(peak) for peak in peaks]) > 100).all()
    # LUDB marks these T waves with several peaks, and a second P wave before one QRS.
    assert doubled == {("ludb_116", "V1", "T"), ("ludb_116", "V2", "T"), ("ludb_154", "aVL", "P")}


def test_conditions_hold_what_the_labels_say() -> None:
    rhythms = Counter(r.condition.rhythm for r in RECORDS)
    assert rhythms["sinus"] > 50 and rhythms["atrial_fibrillation"] > 0 and rhythms["paced"] > 0
    for record in RECORDS:
        c, labels = record.condition, record.provenance["labels"]
        assert c.sex == record.provenance["sex"] and c.patient_id == record.record_id and c.findings is not None
        assert ("left_ventricular_hypertrophy" in c.findings) == ("Left ventricular hypertrophy" in labels)
        assert ("early_repolarization" in c.findings) == ("Early repolarization syndrome" in labels)
        assert c.rhythm != "sinus" or record.provenance["rhythm"].lower().endswith(("sinus rhythm", "arrhythmia"))
        assert c.age_years is not None or float(record.provenance["age"]) < 18
        assert record.provenance["licence"] == "ODC-By 1.0" and not record.synthetic
    assert [r.condition.age_years for r in RECORDS if r.provenance["age"] == ">89"] == [90]


def test_the_split_divides_subjects_for_good() -> None:
    tuning, held_out = (list(read("embedded:ludb", split=split)) for split in ("tuning", "held_out"))
    assert (len(tuning), len(held_out)) == (60, 40)
    ids = [r.record_id for r in RECORDS]
    assert sorted(r.record_id for r in tuning + held_out) == sorted(ids)
    listed = "\n".join(sorted(r.record_id for r in held_out))
    assert (
        hashlib.sha256(listed.encode()).hexdigest()
        == "e1ca641988ecae12f179283a9eb9082a12d1bde2cb8ae177e708c25f6fc44d79"
    ), "the held-out records are fixed"
    for part in (tuning, held_out):
        assert all(r.provenance["split"] == part[0].provenance["split"] for r in part)
        assert 0.5 < np.mean([r.condition.sex == "M" for r in part]) < 0.65
        assert 0.6 < np.mean([r.provenance["rhythm"] == "Sinus rhythm" for r in part]) < 0.8


def test_leads_and_rate_can_be_chosen() -> None:
    (record, *_) = embedded("ludb", leads="V2|I", fs_hz=250)
    assert record.geometry.leads == record.condition.leads == ("V2", "I") and record.arrays["signal"].shape == (2, 2500)
    assert set(record.tables["waves"]["lead"]) == {"I", "V2"}
    before, after = RECORDS[0].tables["waves"], record.tables["waves"]
    assert after["peak"].max() <= before["peak"].max() / 2 + 1


def test_what_is_yielded_can_be_changed_without_harm() -> None:
    (first, *_) = embedded("ludb")
    first.arrays["signal"][:] = 0
    (again, *_) = embedded("ludb")
    np.testing.assert_array_equal(again.arrays["signal"], RECORDS[0].arrays["signal"])


def test_unknown_words_are_refused() -> None:
    assert "ludb" in embedded_names()
    for source, options, words in (
        ("ludbb", {}, "did you mean 'ludb'"),
        ("ludb", {"split": "test"}, "tuning, held_out"),
        ("ludb", {"splits": None}, "did you mean 'split'"),
        ("ludb", {"leads": "V7"}, "has no lead 'V7'"),
        ("ludb", {"fs_hz": 0}, "fs_hz"),
    ):
        with pytest.raises(ValueError, match=words):
            list(embedded(source, **options))


def test_nothing_is_skipped() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        skipped: list[str] = []
        assert len(list(read("embedded:ludb", on_error="skip", skipped=skipped))) == 100 and not skipped
