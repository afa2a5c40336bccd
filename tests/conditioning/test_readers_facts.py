"""What readers share: opening by name, what is stated, the lenient condition, leads and rates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clinsynth.conditioning.ecg import LEADS, EcgCondition, Finding, Rhythm
from clinsynth.conditioning.readers import READERS, read
from clinsynth.conditioning.readers.ecg_record import condition_from
from clinsynth.conditioning.readers.leads import lead_names, lead_order, mv_per_unit
from clinsynth.conditioning.readers.meaning import Meaning, findings_of, rhythm_of
from clinsynth.conditioning.readers.resample import resampled, rescaled_tables
from clinsynth.conditioning.readers.stated import age_years, parse_comments, sex_letter
from clinsynth.conditioning.readers.wfdb_annotations import beat_numbers
from clinsynth.conditioning.readers.wording import wording_meaning
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("name", READERS)
def test_a_missing_path_is_refused_when_the_source_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        read(f"{name}:{tmp_path / 'gone'}")
    with pytest.raises(ValueError, match="names no path"):
        read(f"{name}:")
    with pytest.raises(ValueError, match=f"option of reader '{name}' 'on_eror' is not known, did you mean 'on_error'"):
        read(f"{name}:{tmp_path}", on_eror="skip")


@pytest.mark.parametrize("name", ["wfdb", "cinc", "ptbxl"])
def test_a_file_is_no_folder_and_an_empty_folder_no_data(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for path, words in (("file", "is a file"), ("empty", "no |does not exist")):
        with pytest.raises(ValueError, match=words):
            read(f"{name}:{tmp_path / path}")


def test_sources_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reader 'wfbd' is not known, did you mean 'wfdb'"):
        read(f"wfbd:{tmp_path}")
    with pytest.raises(ValueError, match="does not exist; name a data set"):
        read(str(tmp_path / "gone"))
    with pytest.raises(ValueError, match="not a data set"):
        list(read(str(tmp_path)))
    (tmp_path / "t.csv").write_text("path\n")
    with pytest.raises(ValueError, match="a data set is a folder"):
        read(str(tmp_path / "t.csv"))


def test_opening_by_name_loads_no_heavy_library() -> None:
    code = (
        "import clinsynth.conditioning.readers, sys; print([m for m in ('torch','pandas','wfdb') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "years"),
    [("64", 64), (">89", 90), ("> 89", 90), ("89+", 90), ("300", 90), ("300.0", 90), ("89", 89), ("56.0", 56),
     ("77 years", 77), ("NaN", None), ("", None), (None, None), ("-1", None), ("9 months", None), ("unknown", None)],
)  # fmt: skip
def test_ages_as_data_sets_write_them(text: str | None, years: float | None) -> None:
    assert age_years(text) == years


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_comments_can_be_parsed(comments: list[str]) -> None:
    stated = parse_comments(comments)
    assert sex_letter(stated.sex) in ("F", "M", None)
    age = age_years(stated.age)
    assert age is None or age >= 0


NUMBERS = st.one_of(st.none(), st.floats(-1e4, 1e4), st.floats())


@given(
    facts=st.fixed_dictionaries(
        {},
        optional={
            "sex": st.sampled_from(["F", "M", "X", None]),
            "age_years": NUMBERS,
            "heart_rate_bpm": NUMBERS,
            "pr_ms": NUMBERS,
            "rhythm": st.sampled_from([*Rhythm, None, "nonsense"]),
            "findings": st.lists(st.sampled_from(list(Finding)), max_size=6, unique=True).map(tuple),
            "duration_s": NUMBERS,
            "fs_hz": NUMBERS,
        },
    )
)
@settings(max_examples=200, deadline=None)
def test_no_stated_fact_breaks_reading_and_none_is_lost(facts: dict[str, object]) -> None:
    condition, left_out = condition_from(facts)
    assert isinstance(condition, EcgCondition)
    for name, value in facts.items():
        if name == "findings":
            missing = set(facts["findings"]) - set(condition.findings)  # type: ignore[arg-type]
            assert all(word in left_out["findings"] for word in missing)
        elif value is not None:
            assert (name in left_out) != (getattr(condition, name) == value)


def test_rhythms_yield_to_the_one_that_says_more() -> None:
    sinus, pvc, paced = (
        Meaning(rhythm=r) for r in (Rhythm.sinus, Rhythm.premature_ventricular_complexes, Rhythm.paced)
    )
    foreign = Meaning(other_rhythm=True)
    assert rhythm_of([sinus, pvc]) is Rhythm.premature_ventricular_complexes
    assert rhythm_of([sinus, foreign]) is None and rhythm_of([foreign, paced]) is Rhythm.paced
    assert rhythm_of([]) is None


def test_our_own_words_mean_themselves() -> None:
    for word in Rhythm:
        assert rhythm_of([wording_meaning(word.value)]) is word
    for finding in Finding:
        assert findings_of([wording_meaning(finding.value)]) == (finding,)


@given(st.lists(st.text(max_size=6) | st.sampled_from([*LEADS, "avr", "Lead II", "ECG"]), max_size=15))
def test_lead_names_are_unique_and_settled(names: list[str]) -> None:
    found = lead_names(names)
    assert len(set(found)) == len(names) and lead_names(found) == found
    assert sorted(lead_order(found, None)) == list(range(len(names)))


def test_units_that_are_no_voltage_are_refused() -> None:
    assert [mv_per_unit(u) for u in ("V", "mV", "uV", "µV", "nV")] == [1000, 1, 1e-3, 1e-3, 1e-6]
    for unit in ("NU", "mmHg", "", "pm"):
        with pytest.raises(ValueError, match="not a voltage"):
            mv_per_unit(unit)


@given(st.sampled_from([128, 250, 257, 360, 500, 1000]), st.sampled_from([100, 125, 250, 360, 500, 512]))
@settings(max_examples=20, deadline=None)
def test_resampling_keeps_a_slow_wave_and_the_relation_between_leads(old: int, new: int) -> None:
    t = np.arange(4 * old) / old
    one, two = np.sin(2 * np.pi * 3 * t) + 0.5, np.cos(2 * np.pi * 5 * t) - 2
    out = resampled(np.array([one, two, two - one]), old, new)
    u = np.arange(out.shape[1]) / new
    inner = (u > 0.3) & (u < 3.7)
    np.testing.assert_allclose(out[0, inner], np.sin(2 * np.pi * 3 * u[inner]) + 0.5, atol=0.01)
    np.testing.assert_allclose(out[2], out[1] - out[0], atol=1e-9)
    assert np.abs(out).max() < 4.7  # ends do not ring


def test_a_rate_beyond_reason_is_refused() -> None:
    for old, new in ((500, 0.1), (500, 1e9), (0.01, 500), (1e6, 100)):
        with pytest.raises(ValueError, match="Hz"):
            resampled(np.zeros((1, 100)), old, new)


def test_absent_marks_stay_absent_at_any_rate() -> None:
    waves = {
        "onset": np.array([-1, 100]),
        "peak": np.array([10, 999]),
        "offset": np.array([20, -1]),
        "lead": np.array(["I", "II"]),
    }
    moved = rescaled_tables({"waves": waves, "other": {"x": np.array([7])}}, 500, 250, 500)
    assert moved["waves"]["onset"].tolist() == [-1, 50] and moved["waves"]["offset"].tolist() == [10, -1]
    assert moved["waves"]["peak"].tolist() == [5, 499] and moved["other"]["x"].tolist() == [7]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 12))
@settings(max_examples=50, deadline=None)
def test_beats_have_the_same_number_in_all_leads(seed: int, n_leads: int, n_beats: int) -> None:
    rng = np.random.default_rng(seed)
    r = 300 + np.cumsum(rng.integers(250, 600, n_beats))
    beat, jitter = np.tile(np.arange(n_beats), n_leads), rng.integers(-10, 11, n_leads * n_beats)
    peak = np.tile(r, n_leads) + jitter
    wave = np.repeat(np.array(["P", "QRS", "T"]), peak.size)
    order = rng.permutation(wave.size)
    found = beat_numbers(wave[order], np.concatenate([peak - 80, peak, peak + 120])[order], 500)
    np.testing.assert_array_equal(found, np.tile(beat, 3)[order])
