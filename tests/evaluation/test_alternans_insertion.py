"""Alternans put into ECGs, and ECGs continued from their own beats."""

import dataclasses

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.evaluation.ecg.alternans import continued, insert, measured_uv, with_noise
from clinsynth.evaluation.ecg.alternans.insertion import st_t_spans, tukey
from clinsynth.generators.ecg.simulator import simulate


@pytest.fixture(scope="module")
def real():
    return next(iter(embedded("ludb", split="tuning")))


@pytest.fixture(scope="module")
def periodic():
    """Twelve leads in which every beat is the same, without noise, without marks."""
    made = simulate(EcgCondition(heart_rate_bpm=75, hrv_sd_ms=0, noise=(), twa_uv=0, duration_s=4), 3)
    at = int(made.tables["beats"]["sample"][2])
    beat = np.asarray(made.arrays["signal"], float)[:, at - 150 : at + 250]
    beat -= np.linspace(beat[:, 0], beat[:, -1], 400).T
    return Record("p", {"signal": np.tile(beat, 14)}, None, SignalGeometry(500.0, made.geometry.leads), {})


def added(record, uv, **how):
    """Return a record that holds nothing but what was put in."""
    with_it, without = insert(record, uv, 5, **how), insert(record, 0, 5)
    difference = np.asarray(with_it.arrays["signal"], float) - without.arrays["signal"]
    return dataclasses.replace(record, arrays={"signal": difference})


@pytest.mark.parametrize("uv", [10, 35, 100])
@pytest.mark.parametrize("shape", ["window", "t_wave"])
def test_the_measured_alternans_is_the_asked_one(periodic, uv, shape):
    assert measured_uv(periodic) < 0.01
    assert measured_uv(insert(periodic, uv, 1, shape=shape)) == pytest.approx(uv, rel=0.05)


def test_in_a_real_record_what_is_added_measures_as_asked_and_stays_in_st_t(real):
    spans, only = st_t_spans(real), added(real, 40)
    assert measured_uv(only, spans) == pytest.approx(40, rel=0.05)
    inside = np.zeros(only.arrays["signal"].shape[1], bool)
    for first, last in zip(spans.first, spans.last, strict=True):
        inside[max(first, 0) : last + 1] = True
    assert np.abs(only.arrays["signal"][:, ~inside]).max() == 0
    # every second beat the other sign, and no step larger than the window's steepest rise
    largest = only.arrays["signal"][np.argmax(np.abs(only.arrays["signal"]).max(axis=1))]
    middles = [largest[(a + b) // 2] for a, b in zip(spans.first, spans.last, strict=True) if b < largest.size]
    assert (np.diff(np.sign(middles)) != 0).all() and np.abs(np.diff(largest)).max() < 0.0025


def test_marked_beats_use_their_marks_and_all_beats_are_changed(real):
    spans = st_t_spans(real)
    waves = real.tables["waves"]
    mine = (waves["lead"] == "II") & (waves["wave"] == "QRS")
    marked = np.asarray(waves["peak"])[mine]
    assert len(spans.r) > len(marked)  # LUDB leaves the first and last beats without marks
    assert all(np.abs(spans.r - m).min() < 40 for m in marked)


@pytest.mark.parametrize("uv", [0, 80])
def test_einthoven_and_goldberger_hold_exactly(real, uv):
    x = dict(zip(real.geometry.leads, insert(real, uv, 2).arrays["signal"], strict=True))
    i, ii = x["I"].astype(float), x["II"].astype(float)
    wanted = {"III": ii - i, "aVR": -0.5 * (i + ii), "aVL": i - 0.5 * ii, "aVF": ii - 0.5 * i}
    for lead, value in wanted.items():
        np.testing.assert_array_equal(x[lead], value.astype(np.float32))


def test_leads_share_it_as_they_share_the_mean_t_wave(periodic):
    only = np.asarray(added(periodic, 60).arrays["signal"], float)
    heights = only[:, np.argmax(np.abs(only).max(axis=0))]
    assert np.abs(heights).max() == pytest.approx(0.030, rel=1e-6)
    spans = st_t_spans(periodic)
    x, k = np.asarray(periodic.arrays["signal"], float), 4
    t = x[:, spans.first[k] : spans.last[k] + 1]
    t = t - np.linspace(t[:, 0], t[:, -1], t.shape[1]).T
    rows = [periodic.geometry.leads.index(lead) for lead in INDEPENDENT_LEADS]
    mean_t = t[:, np.argmax((t[rows] ** 2).sum(axis=0))]
    assert abs(np.corrcoef(heights, mean_t)[0, 1]) > 0.99


def test_shuffled_changes_are_as_large_but_do_not_alternate(periodic):
    plain, shuffled = added(periodic, 60), added(periodic, 60, shuffled=True)
    assert np.abs(shuffled.arrays["signal"]).max() == pytest.approx(np.abs(plain.arrays["signal"]).max())
    assert measured_uv(shuffled, st_t_spans(periodic)) < 25
    assert insert(periodic, 60, 5, shuffled=True).truth["twa_uv"] == 0 and insert(periodic, 60, 5).truth["twa_uv"] == 60


def test_the_window_is_zero_at_its_ends_and_one_in_the_middle():
    w = tukey(np.linspace(0, 1, 101))
    assert w[0] == w[-1] == 0 and (w[25:76] == 1).all() and (np.diff(w[:26]) > 0).all()


def test_faults_are_named(periodic):
    with pytest.raises(ValueError, match="twa_uv = -5"):
        insert(periodic, -5, 1)
    flat = dataclasses.replace(periodic, arrays={"signal": np.zeros((12, 5000))})
    with pytest.raises(ValueError, match="beats"):
        insert(flat, 20, 1)
    spans = st_t_spans(periodic)
    with pytest.raises(ValueError, match="an even and an odd one"):
        measured_uv(periodic, dataclasses.replace(spans, r=spans.r[:1], first=spans.first[:1], last=spans.last[:1]))
    with pytest.raises(ValueError, match="taper = 0"):
        insert(periodic, 20, 1, taper=0)
    with pytest.raises(ValueError, match="beats = 1"):
        continued(periodic, 1, 0)
    with pytest.raises(ValueError, match="rr_s"):
        continued(periodic, 8, 0, rr_s=[0.8, 0.0])


def test_a_continued_record_has_the_asked_beats_and_given_intervals(real):
    rr = np.random.default_rng(0).normal(0.95, 0.04, 200)
    long = continued(real, 70, 3, rr_s=rr.tolist())
    r = long.tables["beats"]["sample"]
    assert len(r) == 70 and np.isin(np.diff(r), np.rint(rr * 500).astype(int)).all()
    assert long.arrays["signal"].shape == (12, long.arrays["signal"].shape[1]) and len(np.unique(np.diff(r))) > 5
    own = np.diff(st_t_spans(real).r)
    assert np.isin(np.diff(continued(real, 40, 3).tables["beats"]["sample"]), own).all()


@pytest.mark.parametrize("which", [0, 7, 21])
def test_there_is_no_jump_at_the_joints(which):
    record = list(embedded("ludb", split="tuning"))[which]
    long = continued(record, 64, 1)
    x = np.asarray(long.arrays["signal"], float)
    starts = long.tables["beats"]["sample"] - long.tables["beats"]["sample"][0]
    step = np.abs(np.diff(x, axis=1))
    near = np.unique(np.clip(starts[1:, None] + np.arange(-15, 16), 0, step.shape[1] - 1))
    quiet = np.abs(np.diff(np.asarray(record.arrays["signal"], float), axis=1))
    # steps at the joints are those of the record's own quiet stretches, far below those of its QRS
    assert (np.median(step[:, near], axis=1) <= 1.5 * np.median(quiet, axis=1) + 1e-3).all()
    assert (step[:, near].max(axis=1) <= quiet.max(axis=1)).all()
    levels = np.array([x[:, max(s - 12, 0) : s + 13].mean(axis=1) for s in starts[1:]])
    assert np.abs(levels).max() < 0.06  # mV


def test_a_continuation_does_not_alternate_by_itself(periodic, real):
    # a periodic record stays periodic, whatever the order of its beats
    assert measured_uv(continued(periodic, 64, 2)) < 2
    order = [continued(real, 64, seed).arrays["signal"][1, :3000] for seed in (1, 1, 2)]
    assert np.array_equal(order[0], order[1]) and not np.array_equal(order[0], order[2])


def test_marks_move_with_their_beats(real):
    long = continued(real, 20, 4)
    waves = long.tables["waves"]
    mine = (waves["lead"] == "II") & (waves["wave"] == "QRS")
    lead = np.abs(np.asarray(long.arrays["signal"][1], float))
    for at, beat in zip(waves["peak"][mine], waves["beat"][mine], strict=True):
        assert abs(at - long.tables["beats"]["sample"][beat]) < 40
        assert lead[at - 25 : at + 26].max() > 3 * np.median(lead)


@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_has_the_asked_power_and_keeps_einthoven(real, snr_db):
    noisy = np.asarray(with_noise(real, snr_db, 1).arrays["signal"], float)
    clean = np.asarray(real.arrays["signal"], float)
    rows = [real.geometry.leads.index(lead) for lead in INDEPENDENT_LEADS]
    power = [np.var(x[rows], axis=1).mean() for x in (clean, noisy - clean)]
    assert 10 * np.log10(power[0] / power[1]) == pytest.approx(snr_db, abs=0.05)
    assert np.abs(noisy[2] - (noisy[1] - noisy[0])).max() < 1e-6
    assert with_noise(real, None, 1) is real
