"""What is measured of ECGs once and read by obedience: kept, whole, and blind to what conditions say."""

from dataclasses import replace

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition, Rhythm
from clinsynth.conditioning.record import SignalGeometry
from clinsynth.evaluation.ecg import measured_once as once
from clinsynth.evaluation.ecg.clouds import unseen
from clinsynth.evaluation.ecg.first_look import first_look
from clinsynth.evaluation.ecg.intervals import without_p
from clinsynth.evaluation.ecg.measurement import measure_all
from clinsynth.evaluation.ecg.reading import reading_features
from clinsynth.generators.ecg.simulator import simulate


@pytest.fixture(scope="module")
def ecgs():
    rhythms = (Rhythm.sinus, Rhythm.atrial_fibrillation)
    made = [simulate(EcgCondition(rhythm=rhythms[k % 2], duration_s=5), k) for k in range(6)]
    return [replace(r, record_id=f"e{k}") for k, r in enumerate(made)]


@pytest.fixture(scope="module")
def measured(ecgs):
    return measure_all(ecgs)


def same(a, b):
    assert a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=True) for k in a)


def test_measurements_are_kept_whole_and_made_once(ecgs, measured, tmp_path, monkeypatch):
    monkeypatch.setattr(once, "CHUNK", 4)
    first = once.measured_once(ecgs, tmp_path)
    monkeypatch.setattr(once, "measure_all", lambda *a, **k: pytest.fail("measured again"))
    told = []
    for found in (first, once.measured_once(ecgs, tmp_path, progress=told.append)):
        for a, b in zip(found, measured, strict=True):
            same(a.features, b.features)
            same(a.r_peaks, b.r_peaks)
            assert np.array_equal(a.spectrum, b.spectrum, equal_nan=True) and a.failures == b.failures
    assert told == [4, 6]
    other = [replace(ecgs[0], arrays={"signal": ecgs[0].arrays["signal"] * 1.01}), *ecgs[1:]]
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        once.measured_once(other, tmp_path)


def test_the_look_is_the_same_by_measurements_that_were_made_before(ecgs, measured):
    look = first_look(ecgs[:4], ecgs[4:], measured=(measured[:4], measured[4:]))
    assert look.model_dump_json() == first_look(ecgs[:4], ecgs[4:]).model_dump_json()
    p = look.sides[0].values["pr_ms"]
    assert np.isnan(p[1::2]).all()  # atrial fibrillation has no P wave, whatever was measured


def test_what_is_read_does_not_know_the_condition(ecgs, measured):
    """A rhythm that decided what is missing would be read off that."""
    blind = measure_all([replace(r, condition=None) for r in ecgs])
    seen = [np.ones((3, 2)), np.zeros((3, 2))]
    a, b = (reading_features(seen, [m[:3], m[3:]]) for m in (measured, blind))
    assert all(np.array_equal(x, y) and np.isfinite(x).all() for x, y in zip(a, b, strict=True))
    assert (a[0][:, :2] == 1).all() and a[0].shape[1] == a[1].shape[1]


def test_p_waves_are_left_out_where_a_rhythm_has_none():
    values = {"pr_ms": 160.0, "p_mv_II": 0.1, "qrs_ms": 90.0}
    got = without_p(values, Rhythm.atrial_flutter)
    assert np.isnan(got["pr_ms"]) and np.isnan(got["p_mv_II"]) and got["qrs_ms"] == 90.0
    assert without_p(values, Rhythm.sinus) == values == without_p(values, None)


def test_records_that_the_encoder_cannot_look_at_are_said(ecgs):
    assert unseen(ecgs) == ""
    two = replace(ecgs[0], geometry=SignalGeometry(500.0, ("I", "II")), arrays={"signal": np.zeros((2, 2500))})
    short = replace(ecgs[0], arrays={"signal": ecgs[0].arrays["signal"][:, :1000]})
    assert "e0 lacks some of the leads" in unseen([ecgs[1], two]) and "lasts 2.0 s" in unseen([short])
