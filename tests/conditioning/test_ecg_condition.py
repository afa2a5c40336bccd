"""The ECG condition: ranges, words, contradictions, round trips, and that any valid one can be made."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition, Finding, Noise, Rhythm
from clinsynth.conditioning.words import one_line
from clinsynth.generators.ecg.simulator import simulate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError


def said(**fields):
    with pytest.raises(ValidationError) as error:
        EcgCondition(**fields)
    text = one_line(error.value, EcgCondition)
    assert "\n" not in text
    return text


BOUNDS = {
    "age_years": (18, 110), "heart_rate_bpm": (20, 220), "pr_ms": (80, 400), "qrs_ms": (60, 220), "qtc_ms": (300, 600),
    "axis_deg": (-180, 180), "resp_rate_bpm": (6, 40), "hrv_sd_ms": (0, 300), "lf_hf": (0.05, 20), "twa_uv": (0, 100),
    "snr_db": (-10, 60), "duration_s": (1, 3600), "fs_hz": (100, 4000), "patient_seed": (0, 2**63 - 1),
}  # fmt: skip


@pytest.mark.parametrize("field", sorted(BOUNDS))
def test_every_number_out_of_range_is_refused_by_name(field):
    low, high = BOUNDS[field]
    for value in (low - 1, high + 1, "many"):
        assert field in said(**{field: value})
    if field != "patient_seed":
        assert field in said(**{field: float("nan")}) and field in said(**{field: float("inf")})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rhythm": "sinus_tachicardia"}, "did you mean 'sinus_tachycardia'"),
        ({"findings": ["low_voltag"]}, "did you mean 'low_voltage'"),
        ({"noise": ["muscles"]}, "did you mean 'muscle'"),
        ({"heart_rat": 70}, "did you mean 'heart_rate_bpm'"),
        ({"sex": "X"}, "allowed: F, M"),
        ({"powerline_hz": 55}, "powerline_hz"),
        ({"leads": ["V7"]}, "leads"),
        ({"leads": []}, "at least one lead"),
        ({"leads": ["I", "I"]}, "'I' twice"),
        ({"rhythm": "sinus_bradycardia", "heart_rate_bpm": 60}, "below 60"),
        ({"rhythm": "sinus_tachycardia", "heart_rate_bpm": 100}, "above 100"),
        ({"rhythm": "atrial_fibrillation", "lf_hf": 1}, "leave lf_hf out"),
        ({"rhythm": "atrial_flutter", "hrv_sd_ms": 20}, "leave hrv_sd_ms out"),
        ({"rhythm": "av_block_first_degree", "pr_ms": 180}, "above 200"),
        ({"findings": ["left_bundle_branch_block", "right_bundle_branch_block"]}, "exclude each other"),
        ({"findings": ["low_voltage", "left_ventricular_hypertrophy"]}, "exclude each other"),
        ({"findings": ["wolff_parkinson_white"], "pr_ms": 160}, "below 120"),
        ({"findings": ["long_qt"], "qtc_ms": 420}, "470 ms or more"),
        ({"rhythm": "paced", "findings": ["left_bundle_branch_block"]}, "rhythm paced"),
        ({"noise": [], "snr_db": 10}, "contradicts noise"),
        ({"noise": ["powerline"], "fs_hz": 100}, "too low for powerline"),
        ({"twa_pattern": "exact"}, "needs twa_uv"),
        ({"hrv_sd_ms": 200, "heart_rate_bpm": 120}, "a fifth of the mean RR"),
        ({"lf_hf": 1, "resp_rate_bpm": 30}, "HF band"),
    ],
)
def test_contradictions_and_unknown_words_are_refused_with_the_reason(fields, words):
    assert words in said(**fields)


def valid(**fields):
    try:
        return EcgCondition(**fields)
    except ValidationError:
        return None


CONDITIONS = st.builds(
    valid,
    sex=st.sampled_from([None, "F", "M"]),
    age_years=st.none() | st.floats(18, 110),
    rhythm=st.none() | st.sampled_from(list(Rhythm)),
    findings=st.none() | st.lists(st.sampled_from(list(Finding)), max_size=3, unique=True),
    heart_rate_bpm=st.none() | st.floats(20, 220),
    pr_ms=st.none() | st.floats(80, 400),
    qrs_ms=st.none() | st.floats(60, 220),
    qtc_ms=st.none() | st.floats(300, 600),
    axis_deg=st.none() | st.floats(-180, 180),
    resp_rate_bpm=st.none() | st.floats(6, 40),
    hrv_sd_ms=st.none() | st.floats(0, 300),
    lf_hf=st.none() | st.floats(0.05, 20),
    twa_uv=st.none() | st.floats(0, 100),
    noise=st.none() | st.lists(st.sampled_from(list(Noise)), unique=True),
    snr_db=st.none() | st.floats(-10, 60),
    fs_hz=st.sampled_from([100.0, 250.0, 333.3, 500.0]),
    duration_s=st.sampled_from([1.0, 2.5, 10.0]),
).filter(lambda c: c is not None)


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(condition=CONDITIONS, seed=st.integers(0, 2**63 - 1))
def test_any_valid_condition_gives_a_finite_record_and_round_trips(condition, seed):
    assert EcgCondition.model_validate_json(condition.model_dump_json()) == condition
    record = simulate(condition, seed)
    assert np.isfinite(record.arrays["signal"]).all() and np.abs(record.arrays["signal"]).max() < 60
    asked = condition.model_dump(exclude_none=True)
    full = record.condition.model_dump()
    assert all(full[name] == value for name, value in asked.items())
    assert EcgCondition.model_validate_json(record.condition.model_dump_json()) == record.condition
    whole = record.tables["waves"]["lead"] == "global"
    for name in ("onset", "peak", "offset"):
        assert (record.tables["waves"][name][whole] >= 0).all()
