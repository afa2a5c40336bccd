"""Morphology, intervals, alternans and the truth that comes with them."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import LEADS, EcgCondition, Finding, Rhythm
from clinsynth.generators.ecg.simulator import simulate
from hypothesis import given, settings
from hypothesis import strategies as st

CLEAN = {"noise": (), "resp_rate_bpm": 15}


def limits_of(record, lead="global"):
    w = record.tables["waves"]
    mine = w["lead"] == lead
    return {
        name: {k: w[k][mine & (w["wave"] == name)] for k in ("beat", "onset", "peak", "offset")}
        for name in ("P", "QRS", "T")
    }


def mean_beat(record, before_s=0.3, after_s=0.5):
    """Mean of the record's beats about R: (12, samples)."""
    fs = record.geometry.fs_hz
    grid = np.arange(-int(before_s * fs), int(after_s * fs))
    r = record.tables["beats"]["sample"]
    r = r[(r + grid[0] >= 0) & (r + grid[-1] < record.arrays["signal"].shape[1])]
    return np.mean([record.arrays["signal"][:, k + grid] for k in r], axis=0), grid / fs


@settings(max_examples=40, deadline=None)
@given(
    pr=st.floats(110, 195), qrs=st.floats(70, 118), qtc=st.floats(350, 470), axis=st.floats(-60, 110),
    sex=st.sampled_from(["F", "M"]), age=st.integers(18, 95), seed=st.integers(0, 2**63 - 1),
)  # fmt: skip
def test_asked_intervals_are_the_truth(pr, qrs, qtc, axis, sex, age, seed):
    c = EcgCondition(
        pr_ms=pr, qrs_ms=qrs, qtc_ms=qtc, axis_deg=axis, sex=sex, age_years=age, heart_rate_bpm=60, hrv_sd_ms=0, **CLEAN
    )
    record = simulate(c, seed)
    w = limits_of(record)
    onset = dict(zip(w["QRS"]["beat"], w["QRS"]["onset"], strict=True))
    offset = dict(zip(w["QRS"]["beat"], w["QRS"]["offset"], strict=True))
    for b, on in zip(w["P"]["beat"], w["P"]["onset"], strict=True):
        if b in onset:
            assert 2 * (onset[b] - on) == pytest.approx(pr, abs=2.1)
    for b, on in onset.items():
        assert 2 * (offset[b] - on) == pytest.approx(qrs, abs=2.1)
    for b, off in zip(w["T"]["beat"], w["T"]["offset"], strict=True):
        if b in onset:
            assert 2 * (off - onset[b]) == pytest.approx(qtc, abs=2.1)


@pytest.mark.parametrize("rhythm", list(Rhythm))
def test_waves_are_ordered_inside_the_record_and_tied_to_beats(rhythm):
    for seed in range(5):
        record = simulate(EcgCondition(rhythm=rhythm), seed)
        w, n = record.tables["waves"], record.arrays["signal"].shape[1]
        assert (w["onset"] <= w["peak"]).all() and (w["peak"] <= w["offset"]).all()
        assert (w["onset"] >= 0).all() and (w["offset"] < n).all()
        assert w["beat"].min() >= -1 and w["beat"].max() < record.tables["beats"]["sample"].size
        assert set(w["lead"]) <= {*LEADS, "global"}
        r = record.tables["beats"]["sample"]
        assert (np.diff(r) > 0).all() and r.min() >= 0 and r.max() < n


def test_r_peaks_lie_on_the_signal():
    for seed in range(20):
        record = simulate(EcgCondition(rhythm="sinus", **CLEAN), seed)
        speed = np.abs(np.diff(record.arrays["signal"], axis=1)).sum(axis=0)
        for r in record.tables["beats"]["sample"][1:-1]:
            near = speed[r - 30 : r + 30].max()
            assert near > 0.8 * speed.max() * 0.5


def test_leads_disagree_on_limits_about_the_whole_heart():
    record = simulate(EcgCondition(rhythm="sinus", **CLEAN), 3)
    whole = limits_of(record)
    for wave in ("P", "QRS", "T"):
        first = [limits_of(record, lead)[wave]["onset"] for lead in LEADS]
        onsets = [o[0] for o in first if o.size]
        assert len(set(onsets)) > 1
        assert abs(np.median(onsets) - whole[wave]["onset"][0]) < {"P": 10, "QRS": 8, "T": 40}[wave]


def test_age_and_sex_move_the_population_as_published():
    def of(**fixed):
        records = [simulate(EcgCondition(duration_s=1.0, **CLEAN, **fixed), s).condition for s in range(250)]
        return {
            k: np.mean([getattr(c, k) for c in records]) for k in ("qrs_ms", "qtc_ms", "axis_deg", "hrv_sd_ms", "pr_ms")
        }

    women, men = of(sex="F", age_years=50), of(sex="M", age_years=50)
    young, old = of(sex="F", age_years=25), of(sex="F", age_years=80)
    assert men["qrs_ms"] > women["qrs_ms"] + 4 and women["qtc_ms"] > men["qtc_ms"] + 5
    assert old["axis_deg"] < young["axis_deg"] - 15 and old["hrv_sd_ms"] < 0.75 * young["hrv_sd_ms"]
    assert old["pr_ms"] > young["pr_ms"]


def test_prior_has_the_published_limits():
    """2nd and 98th percentile: Mason et al. 2007."""
    drawn = [simulate(EcgCondition(duration_s=1.0, noise=()), s).condition for s in range(1500)]
    for name, low, high, slack in (
        ("heart_rate_bpm", 48, 98, 5), ("pr_ms", 113, 212, 14), ("qrs_ms", 69, 109, 5), ("qtc_ms", 359, 445, 9),
    ):  # fmt: skip
        got = np.percentile([getattr(c, name) for c in drawn], [2, 98])
        assert got == pytest.approx([low, high], abs=slack), name


# --- findings -----------------------------------------------------------------------------------

SEEDS = range(12)


def beats_with(findings, seed, **fixed):
    record = simulate(EcgCondition(findings=findings, rhythm="sinus", heart_rate_bpm=65, **CLEAN, **fixed), seed)
    beat, t = mean_beat(record)
    return dict(zip(LEADS, beat - beat[:, :10].mean(axis=1, keepdims=True), strict=True)), t, record


@pytest.mark.parametrize("territory", ["anterior", "inferior", "lateral"])
@pytest.mark.parametrize(("finding", "sign"), [("st_elevation", 1), ("st_depression", -1)])
def test_st_moves_in_its_territory(territory, finding, sign):
    leads = {"anterior": ("V2", "V3"), "inferior": ("II", "III", "aVF"), "lateral": ("I", "aVL", "V6")}[territory]
    for seed in SEEDS:
        without, t, _ = beats_with((), seed)
        shifted, _, record = beats_with((f"{finding}_{territory}",), seed)
        j = (
            limits_of(record)["QRS"]["offset"][2]
            - record.tables["beats"]["sample"][limits_of(record)["QRS"]["beat"][2]]
        )
        at = np.argmin(np.abs(t - (j / 500 + 0.04)))
        for lead in leads:
            assert sign * (shifted[lead][at] - without[lead][at]) > 0.04


@pytest.mark.parametrize(
    ("territory", "leads"), [("anterior", ("V2", "V3")), ("inferior", ("III", "aVF")), ("lateral", ("aVL", "V6"))]
)
def test_t_inversion_turns_t_in_its_territory(territory, leads):
    for seed in SEEDS:
        beat, t, _ = beats_with((f"t_inversion_{territory}",), seed)
        late = (t > 0.2) & (t < 0.42)
        for lead in leads:
            assert beat[lead][late].min() < -0.03 and -beat[lead][late].min() > beat[lead][late].max()


def test_left_bundle_branch_block_is_wide_and_points_left_and_back():
    for seed in SEEDS:
        beat, t, record = beats_with(("left_bundle_branch_block",), seed)
        near = np.abs(t) < 0.12
        assert record.truth["qrs_ms"] >= 120
        assert -beat["V1"][near].min() > 2 * beat["V1"][near].max()
        assert beat["V6"][near].max() > -2 * beat["V6"][near].min()


def test_right_bundle_branch_block_has_late_forces_to_the_right():
    late_r = 0
    for seed in SEEDS:
        beat, t, record = beats_with(("right_bundle_branch_block",), seed)
        assert record.truth["qrs_ms"] >= 120
        late = (t > 0.025) & (t < 0.10)
        late_r += bool(beat["V1"][late].max() > 0.10 and beat["V6"][late].min() < -0.03)
    assert late_r >= 11


def test_left_anterior_fascicular_block_turns_the_axis():
    for seed in SEEDS:
        _, _, record = beats_with(("left_anterior_fascicular_block",), seed)
        assert -85 <= record.condition.axis_deg <= -45
        beat, t, _ = beats_with(("left_anterior_fascicular_block",), seed)
        near = np.abs(t) < 0.05
        assert beat["aVL"][near].max() > -beat["aVL"][near].min()
        assert beat["II"][near].max() < -beat["II"][near].min()


def test_low_voltage_meets_its_criterion():
    for seed in SEEDS:
        beat, t, _ = beats_with(("low_voltage",), seed)
        near = np.abs(t) < 0.09
        assert max(np.ptp(beat[lead][near]) for lead in LEADS[:6]) < 0.5


def test_hypertrophy_is_large():
    def sokolow(findings, seed):
        beat, t, _ = beats_with(findings, seed, sex="M", age_years=60)
        near = np.abs(t) < 0.09
        return -beat["V1"][near].min() + max(beat["V5"][near].max(), beat["V6"][near].max())

    with_, without = ([sokolow(f, s) for s in range(30)] for f in (("left_ventricular_hypertrophy",), ()))
    assert np.median(with_) > 3.5 > np.median(without)


def test_pre_excitation_is_short_and_wide_and_long_qt_is_long():
    for seed in SEEDS:
        _, _, wpw = beats_with(("wolff_parkinson_white",), seed)
        assert wpw.truth["pr_ms"] < 120 and wpw.truth["qrs_ms"] >= 110
        _, _, lqt = beats_with(("long_qt",), seed)
        assert lqt.truth["qt_ms"] / (60 / 65) ** (1 / 3) > 465


def test_early_repolarization_lifts_j():
    for seed in SEEDS:
        without, t, _ = beats_with((), seed)
        with_, _, _ = beats_with(("early_repolarization",), seed)
        at = np.argmin(np.abs(t - 0.06))
        assert with_["V4"][at] - without["V4"][at] > 0.03


@pytest.mark.parametrize("finding", list(Finding))
def test_every_finding_changes_the_signal_and_only_after_a_cause(finding):
    a, b = (simulate(EcgCondition(findings=f, **CLEAN), 6) for f in ((), (finding,)))
    assert not np.array_equal(a.arrays["signal"], b.arrays["signal"])
    assert a.condition.heart_rate_bpm == b.condition.heart_rate_bpm


# --- T-wave alternans ---------------------------------------------------------------------------

# A harmonic of the breath at half the heart rate would be alternans to any analyser: 12 a minute is far from it.
LONG_TWA = {"noise": (), "resp_rate_bpm": 12, "duration_s": 128 * 60 / 100 + 2, "heart_rate_bpm": 100, "fs_hz": 2000}


def alternans_by_average(record, beats=128):
    """Largest |mean even - mean odd| ST-T per lead in microvolts, beats weighted by a Hann window.

    The window keeps the breath, which turns the heart at its own rate, out of the difference. At
    500 Hz, beats aligned to the nearest sample would add half a microvolt of their own.
    """
    r = record.tables["beats"]["sample"]
    w = limits_of(record)["QRS"]
    j = int(np.median(w["offset"] - r[w["beat"]]))
    grid = np.arange(j + 20, 760)  # ST-T: behind the steep QRS, short of the next P
    r = r[(r + grid[-1]) < record.arrays["signal"].shape[1]][:beats]
    part = np.array([record.arrays["signal"][:, k + grid] for k in r]) * 1000
    w = np.hanning(part.shape[0] + 2)[1:-1]
    mean = [np.tensordot(w[k::2] / w[k::2].sum(), part[k::2], 1) for k in (0, 1)]
    return np.abs(mean[0] - mean[1]).max(axis=1)


@pytest.mark.parametrize("twa_uv", [10, 30, 60, 100])
def test_alternans_is_recovered_from_128_beats(twa_uv):
    # QT follows RR: with an uneven rhythm, even and odd beats differ by a microvolt without alternans.
    sd_ms = 8 if twa_uv >= 30 else 2
    for seed in range(6):
        record = simulate(EcgCondition(twa_uv=twa_uv, hrv_sd_ms=sd_ms, **LONG_TWA), seed)
        got = alternans_by_average(record)
        assert record.truth["twa_uv"] == pytest.approx(twa_uv, rel=0.001)
        assert got.max() == pytest.approx(record.truth["twa_uv"], rel=0.05)


def test_spectral_amplitude_is_half_of_the_difference():
    """V_alt from the power at 0.5 cycles a beat, over the ST-T of the lead where it is largest."""
    record = simulate(EcgCondition(twa_uv=60, hrv_sd_ms=0, **LONG_TWA), 2)
    lead = int(np.argmax(record.truth["twa_uv_per_lead"]))
    r = record.tables["beats"]["sample"][:128]
    w = limits_of(record)
    first = w["QRS"]["offset"][0] - r[w["QRS"]["beat"][0]]
    last = w["T"]["offset"][1] - r[w["T"]["beat"][1]]
    part = np.array([record.arrays["signal"][lead, k + np.arange(first, last)] for k in r]) * 1000
    spectrum = np.abs(np.fft.rfft(part - part.mean(axis=0), axis=0)) ** 2 / part.shape[0] ** 2
    v_alt = np.sqrt(spectrum[-1].mean())
    assert v_alt == pytest.approx(record.truth["v_alt_uv_per_lead"][lead], rel=0.06)


def test_no_alternans_is_none():
    record = simulate(EcgCondition(hrv_sd_ms=0, **LONG_TWA), 2)
    assert record.truth["twa_uv"] == 0 and not record.tables["beats"]["twa_state"].any()


def test_noisy_switching_carries_less_and_the_gate_opens_with_the_rate():
    noisy = simulate(EcgCondition(twa_uv=60, twa_pattern="noisy", **LONG_TWA), 2).truth["twa_uv"]
    assert 0 <= noisy < 60
    share = {}
    for rate in (70, 115):
        c = EcgCondition(twa_uv=60, twa_pattern="rate_gated", heart_rate_bpm=rate, duration_s=120, noise=())
        share[rate] = simulate(c, 3).tables["beats"]["twa_state"].mean()
    assert share[70] < 0.02 and share[115] > 0.4


# --- one patient --------------------------------------------------------------------------------


def test_one_patient_gives_several_records():
    same = [
        mean_beat(simulate(EcgCondition(patient_seed=7, heart_rate_bpm=60, hrv_sd_ms=0, **CLEAN), s))[0] for s in (1, 2)
    ]
    other = mean_beat(simulate(EcgCondition(patient_seed=8, heart_rate_bpm=60, hrv_sd_ms=0, **CLEAN), 1))[0]
    r = np.corrcoef(np.vstack([b.ravel() for b in (*same, other)]))
    assert r[0, 1] > 0.985 > r[0, 2]


def test_patients_differ():
    beats = [
        mean_beat(simulate(EcgCondition(rhythm="sinus", heart_rate_bpm=60, **CLEAN), s))[0].ravel() for s in range(40)
    ]
    r = np.corrcoef(np.array(beats))[np.triu_indices(40, 1)]
    assert r.max() < 0.999 and np.median(r) < 0.95
