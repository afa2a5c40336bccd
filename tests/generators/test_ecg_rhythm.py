"""RR intervals and rhythms."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition, Rhythm
from clinsynth.generators.ecg.rhythm import beats
from clinsynth.generators.ecg.rr import modulation, sinus_times, window
from clinsynth.generators.ecg.simulator import simulate
from scipy.signal import lombscargle

LONG = {"noise": (), "duration_s": 300.0, "fs_hz": 100.0}


def rr_of(record):
    return record.tables["beats"]["rr_s"][1:]


def band_ratio(record):
    """LF/HF of a long record by the Lomb-Scargle periodogram of its RR series."""
    t = record.tables["beats"]["sample"][1:] / record.geometry.fs_hz
    rr = rr_of(record)
    f = np.arange(0.02, 0.42, 1 / 1200)
    p = lombscargle(t, rr - rr.mean(), 2 * np.pi * f)
    return p[(f >= 0.04) & (f < 0.15)].sum() / p[(f >= 0.15) & (f < 0.40)].sum()


@pytest.mark.parametrize(("rate", "sd_ms", "lf_hf"), [(60, 50, 0.5), (75, 40, 2.0), (110, 20, 1.0), (50, 80, 4.0)])
def test_mean_sd_and_band_ratio_hold_on_300_s(rate, sd_ms, lf_hf):
    c = EcgCondition(heart_rate_bpm=rate, hrv_sd_ms=sd_ms, lf_hf=lf_hf, resp_rate_bpm=15, **LONG)
    ratios = []
    for seed in range(6):
        record = simulate(c, seed)
        assert rr_of(record).mean() == pytest.approx(60 / rate, rel=0.02)
        assert rr_of(record).std() == pytest.approx(sd_ms / 1000, rel=0.05)
        ratios.append(band_ratio(record))
    assert np.mean(ratios) == pytest.approx(lf_hf, rel=0.10)


def test_short_records_hold_in_the_mean_and_vary_singly():
    rate, sd_s, lf_hf, f = 66, 0.045, 1.5, 0.25
    lags, rows, within = np.arange(0, 6), [], []
    deviations = []
    rng = np.random.default_rng(0)
    for _ in range(500):
        span = window(10.0, rng)
        t = sinus_times(60 / rate, sd_s, lf_hf, modulation(f, span.horizon_s, rng), span)
        inside = t[(t > span.start_s) & (t < span.start_s + 10)]
        d = np.diff(inside) - 60 / rate
        deviations.append(d)
        within.append(d.std())
        rows.append([np.mean(d[: d.size - k] * d[k:]) for k in lags])
    d = np.concatenate(deviations)
    assert abs(d.mean()) < 0.02 * 60 / rate
    assert np.sqrt(np.mean(d**2)) == pytest.approx(sd_s, rel=0.05)
    # The mean autocovariance is a sum of the two bands' own: their shares give the ratio.
    tau = lags * 60 / rate
    lf = np.cos(2 * np.pi * 0.1 * tau) * np.exp(-0.5 * (2 * np.pi * 0.02 * tau) ** 2)
    hf = np.cos(2 * np.pi * f * tau) * np.exp(-0.5 * (2 * np.pi * 0.04 * f * tau) ** 2)
    share = np.linalg.lstsq(np.column_stack([lf, hf]), np.mean(rows, axis=0), rcond=None)[0]
    assert share[0] / share[1] == pytest.approx(lf_hf, rel=0.10)
    assert np.std(within) > 0.15 * sd_s


def test_no_variability_is_a_metronome():
    rr = rr_of(simulate(EcgCondition(heart_rate_bpm=70, hrv_sd_ms=0, **LONG), 1))
    assert np.ptp(rr) < 1e-9


@pytest.mark.parametrize("rhythm", list(Rhythm))
def test_every_rhythm_keeps_its_asked_rate(rhythm):
    asked = {"sinus_bradycardia": 50, "sinus_tachycardia": 120, "av_block_third_degree": 38}.get(rhythm.value, 70)
    for seed in range(4):
        record = simulate(EcgCondition(rhythm=rhythm, heart_rate_bpm=asked, duration_s=600, fs_hz=100, noise=()), seed)
        assert 60 / rr_of(record).mean() == pytest.approx(asked, rel=0.06)


@pytest.mark.parametrize("rate", [30, 60, 150, 180, 220])
def test_sinus_takes_any_rate(rate):
    record = simulate(EcgCondition(heart_rate_bpm=rate, duration_s=60), 2)
    assert np.isfinite(record.arrays["signal"]).all()
    assert record.truth["heart_rate_bpm"] == pytest.approx(rate, rel=0.08)


def test_fibrillation_is_irregular_and_has_no_p():
    for seed in range(5):
        record = simulate(EcgCondition(rhythm="atrial_fibrillation", heart_rate_bpm=80, **LONG), seed)
        rr = rr_of(record)
        assert rr.std() / rr.mean() > 0.12
        assert abs(np.corrcoef(rr[1:], rr[:-1])[0, 1]) < 0.35
        assert "P" not in set(record.tables["waves"]["wave"])


def test_flutter_conducts_whole_cycles():
    c = EcgCondition(rhythm="atrial_flutter", heart_rate_bpm=75, **LONG)
    span = window(10.0, np.random.default_rng(3))
    m = modulation(0.25, span.horizon_s, np.random.default_rng(3))
    b = beats(simulate(c, 3).condition, m, span, np.random.default_rng(3))
    cycles = np.diff(b.r_s) * b.atrial_hz
    assert np.abs(cycles - np.rint(cycles)).max() < 0.12
    assert 220 / 60 <= b.atrial_hz <= 350 / 60


def test_ventricular_ectopy_has_a_full_compensatory_pause():
    c = EcgCondition(rhythm="premature_ventricular_complexes", heart_rate_bpm=70, hrv_sd_ms=0, **LONG)
    record = simulate(c, 2)
    label, rr = record.tables["beats"]["label"], record.tables["beats"]["rr_s"]
    k = np.flatnonzero(label[1:-1] == "V") + 1
    assert k.size > 5
    assert np.allclose(rr[k] + rr[k + 1], 2 * 60 / 70, atol=1e-6)
    assert (rr[k] < 0.85 * 60 / 70).all()


def test_bigeminy_alternates():
    label = simulate(EcgCondition(rhythm="ventricular_bigeminy", **LONG), 2).tables["beats"]["label"]
    assert all(a != b for a, b in zip(label[1:-4], label[2:-3], strict=True))


def test_premature_atrial_beats_are_early_and_not_compensated():
    record = simulate(EcgCondition(rhythm="premature_atrial_complexes", heart_rate_bpm=70, hrv_sd_ms=0, **LONG), 2)
    label, rr = record.tables["beats"]["label"], record.tables["beats"]["rr_s"]
    k = np.flatnonzero(label[1:-1] == "A") + 1
    usual = np.median(rr[1:])
    assert k.size > 5 and (rr[k] < 0.85 * usual).all() and (rr[k] + rr[k + 1] < 1.95 * usual).all()


@pytest.mark.parametrize("rhythm", ["premature_atrial_complexes", "premature_ventricular_complexes"])
def test_ectopy_shows_inside_a_short_record(rhythm):
    for seed in range(30):
        label = simulate(EcgCondition(rhythm=rhythm), seed).tables["beats"]["label"]
        assert {"A", "V"} & set(label.tolist())


def pr_of(record):
    """PR intervals (samples) of conducted P waves, and the number of blocked ones."""
    w = record.tables["waves"]
    whole = w["lead"] == "global"
    p, q = whole & (w["wave"] == "P"), whole & (w["wave"] == "QRS")
    onset = dict(zip(w["beat"][q], w["onset"][q], strict=True))
    conducted = [(b, onset[b] - on) for b, on in zip(w["beat"][p], w["onset"][p], strict=True) if b >= 0 and b in onset]
    return [pr for _, pr in sorted(conducted)], int((w["beat"][p] == -1).sum())


def test_wenckebach_pr_grows_until_a_beat_drops():
    pr, blocked = pr_of(simulate(EcgCondition(rhythm="av_block_wenckebach", heart_rate_bpm=60, **LONG), 4))
    steps = np.diff(pr)
    assert blocked > 20
    assert (steps[steps < 0] < -5).all() and (steps > 1).sum() >= (steps < 0).sum()


def test_mobitz_pr_is_constant_and_beats_drop():
    pr, blocked = pr_of(simulate(EcgCondition(rhythm="av_block_mobitz_ii", heart_rate_bpm=45, **LONG), 4))
    assert blocked > 20 and np.ptp(pr) <= 2


def test_first_degree_conducts_every_beat_slowly():
    pr, blocked = pr_of(simulate(EcgCondition(rhythm="av_block_first_degree", pr_ms=260, **LONG), 4))
    assert blocked <= 1 and np.median(pr) == pytest.approx(26, abs=1)


def test_third_degree_atria_and_ventricles_are_apart():
    record = simulate(EcgCondition(rhythm="av_block_third_degree", **LONG), 4)
    w = record.tables["waves"]
    p = w["peak"][(w["lead"] == "global") & (w["wave"] == "P")]
    r = record.tables["beats"]["sample"]
    phase = ((p[:, None] - r[None, :]) / np.diff(r).mean()).ravel()
    assert p.size > 1.2 * r.size
    assert np.abs(np.exp(2j * np.pi * phase).mean()) < 0.3


def test_qt_follows_the_rate():
    qt = {
        rate: simulate(EcgCondition(heart_rate_bpm=rate, qtc_ms=400, **LONG), 1).truth["qt_ms"]
        for rate in (50, 60, 100)
    }
    for rate, value in qt.items():
        assert value == pytest.approx(400 * (60 / rate) ** (1 / 3), rel=0.02)


def test_repolarisation_lags_a_change_of_rate():
    from clinsynth.generators.ecg.compiled import adapted_rr

    rr = np.concatenate([np.full(100, 1.0), np.full(200, 0.6)])
    y = adapted_rr(rr, 60.0, 0.2)
    assert y[105] > 0.75 and y[-1] < 0.63 and (np.diff(y[101:]) <= 0).all()
