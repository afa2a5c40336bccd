"""WFDB folders: units, order, annotation, and files that lie."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import wfdb
from clinsynth.conditioning.ecg import LEADS
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.wfdb_header import read_header
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FS = 500


def ecg(n: int = 1000, leads: int = 12, seed: int = 0) -> np.ndarray:
    """A signal in whole microvolts, (samples, leads) in mV."""
    return np.random.default_rng(seed).integers(-1500, 1500, (n, leads)) / 1000


def write(folder: Path, name: str = "a", signal: np.ndarray | None = None, **changes: object) -> Path:
    """Write one record with 1 uV steps and return its header's path."""
    signal = ecg() if signal is None else signal
    leads = list(LEADS)[: signal.shape[1]]
    fields = {"fs": FS, "units": ["mV"] * len(leads), "sig_name": leads, "fmt": ["16"] * len(leads)}
    fields |= {"adc_gain": [1000.0] * len(leads), "baseline": [0] * len(leads)} | changes
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(name, p_signal=signal, write_dir=str(folder), **fields)
    return folder / f"{name}.hea"


def edit(header: Path, old: str, new: str, count: int = -1) -> None:
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, count))


def refusal(folder: Path, **options: object) -> str:
    """Return the one-line error that reading the folder gives."""
    with pytest.raises(ValueError) as error:
        list(read(f"wfdb:{folder}", **options))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("unit", "per_mv"), [("mV", 1.0), ("uV", 1000.0), ("V", 1e-3), ("mv", 1.0), ("nV", 1e6)])
def test_signal_is_in_mv_whatever_unit_the_header_has(tmp_path: Path, unit: str, per_mv: float) -> None:
    signal = ecg()
    header = write(tmp_path, signal=signal * per_mv, adc_gain=[1000.0 / per_mv] * 12)
    edit(header, "/mV", f"/{unit}")
    (record,) = read(f"wfdb:{tmp_path}")
    np.testing.assert_allclose(record.arrays["signal"], signal.T, atol=1e-6)
    assert record.geometry.unit == "mV" and not record.synthetic


def test_a_lead_without_a_voltage_is_refused_by_name_unless_it_is_not_asked_for(tmp_path: Path) -> None:
    write(tmp_path, signal=ecg(leads=3), units=["mV", "mV", "NU"])
    assert "lead III" in refusal(tmp_path) and "'NU'" in refusal(tmp_path)
    (record,) = read(f"wfdb:{tmp_path}", leads="II|I")
    assert record.geometry.leads == ("II", "I")


@given(order=st.permutations(range(12)), upper=st.booleans())
@settings(max_examples=10, deadline=None)
def test_leads_come_in_the_usual_order_however_the_file_has_them(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], upper: bool
) -> None:
    folder = tmp_path_factory.mktemp("order")
    signal = ecg()
    names = [LEADS[i].upper() if upper else LEADS[i].lower() for i in order]
    write(folder, signal=signal[:, order], sig_name=names)
    (record,) = read(f"wfdb:{folder}")
    assert record.geometry.leads == LEADS
    np.testing.assert_allclose(record.arrays["signal"], signal.T, atol=1e-6)
    (some,) = read(f"wfdb:{folder}", leads=["V6", "aVR"])
    np.testing.assert_array_equal(some.arrays["signal"], record.arrays["signal"][[11, 3]])


def test_other_leads_stand_behind_the_standard_ones_and_are_told(tmp_path: Path) -> None:
    edit(write(tmp_path, signal=ecg(leads=4), sig_name=["MLII", "ECG", "V5", "ecg2"]), "ecg2", "ECG")
    (record,) = read(f"wfdb:{tmp_path}")
    assert record.geometry.leads == ("V5", "MLII", "ECG", "ECG_2")
    assert record.condition.leads == ("V5",)
    assert "MLII" in record.provenance["left_out"]["leads"]
    assert "did you mean 'MLII'" in refusal(tmp_path, leads="MLI1")


def test_records_file_decides_what_is_read(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        write(tmp_path / "part", name)
    write(tmp_path, "four")
    assert [r.record_id for r in read(f"wfdb:{tmp_path}")] == ["four", "part/one", "part/three", "part/two"]
    (tmp_path / "part" / "RECORDS").write_text("two\none\n")
    (tmp_path / "RECORDS").write_text("part/\n")
    assert [r.record_id for r in read(f"wfdb:{tmp_path}")] == ["part/two", "part/one"]
    (tmp_path / "RECORDS").write_text("part/three\nmissing\n")
    skipped: list[str] = []
    assert [r.record_id for r in read(f"wfdb:{tmp_path}", on_error="skip", skipped=skipped)] == ["part/three"]
    assert len(skipped) == 1 and "missing.hea" in skipped[0]
    (tmp_path / "RECORDS").write_text("../part/three\n")
    assert "leads out of its folder" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("comments", "sex", "age", "rhythm", "findings"),
    [
        (["Age: 77", "Sex: Male", "Dx: 164889003,164909002"], "M", 77, "atrial_fibrillation",
         ("left_bundle_branch_block",)),
        (["<age>: 64", "<sex>: F", "<diagnoses>:", "Rhythm: Sinus rhythm.", "Left ventricular hypertrophy. "], "F", 64,
         "sinus", ("left_ventricular_hypertrophy",)),
        (["<age>: >89", "<sex>: M"], "M", 90, None, None),
        (["69 M 1085 1629 x1", "Aldomet, Inderal"], "M", 69, None, None),
        (["Age: NaN", "Sex: Unknown", "Dx: Unknown"], None, None, None, None),
        (["Age: 5", "Sex: Female", "Dx: 426177001"], "F", None, "sinus_bradycardia", ()),
        (["age: 40", "sex: F", "rhythm: av_block_wenckebach", "findings: low_voltage, t_inversion_lateral"], "F", 40,
         "av_block_wenckebach", ("t_inversion_lateral", "low_voltage")),
    ],
)  # fmt: skip
def test_comments_become_the_condition(
    tmp_path: Path, comments: list[str], sex: str, age: float, rhythm: str, findings: tuple[str, ...]
) -> None:
    write(tmp_path, comments=comments)
    (record,) = read(f"wfdb:{tmp_path}")
    c = record.condition
    assert (c.sex, c.age_years, c.rhythm, c.findings) == (sex, age, rhythm, findings)
    assert (c.fs_hz, c.duration_s, c.leads) == (FS, 2.0, LEADS)


def test_a_child_is_read_and_its_age_kept_beside_the_condition(tmp_path: Path) -> None:
    write(tmp_path, comments=["Age: 5"])
    (record,) = read(f"wfdb:{tmp_path}")
    assert record.provenance["age"] == "5" and "age_years" in record.provenance["left_out"]


def test_a_record_that_says_synthetic_is_synthetic(tmp_path: Path) -> None:
    write(tmp_path, comments=["SYNTHETIC electrocardiogram: computed, not recorded from a person"])
    (record,) = read(f"wfdb:{tmp_path}")
    assert record.synthetic


def test_atr_gives_beats_and_rhythms(tmp_path: Path) -> None:
    write(tmp_path)
    sample, symbol = np.array([10, 100, 400, 600, 700, 800]), ["+", "N", "V", "+", "N", "~"]
    notes = ["(AFIB", "", "", "(VT", "", ""]
    wfdb.wrann("a", "atr", sample, symbol=symbol, aux_note=notes, write_dir=str(tmp_path))
    (record,) = read(f"wfdb:{tmp_path}")
    beats, rhythms = record.tables["beats"], record.tables["rhythms"]
    assert beats["sample"].tolist() == [100, 400, 700] and beats["label"].tolist() == ["N", "V", "N"]
    np.testing.assert_allclose(beats["rr_s"], [np.nan, 0.6, 0.6])
    assert rhythms["start"].tolist() == [10, 600] and rhythms["end"].tolist() == [600, 1000]
    assert rhythms["rhythm"].tolist() == ["atrial_fibrillation", "VT"]
    assert record.condition.rhythm is None and "waves" not in record.tables


def test_one_rhythm_for_the_whole_record_is_the_conditions(tmp_path: Path) -> None:
    write(tmp_path)
    wfdb.wrann("a", "atr", np.array([0, 100]), symbol=["+", "N"], aux_note=["(P", ""], write_dir=str(tmp_path))
    (record,) = read(f"wfdb:{tmp_path}")
    assert record.condition.rhythm == "paced"


def test_one_annotation_file_per_lead_gives_waves(tmp_path: Path) -> None:
    write(tmp_path)
    for lead, shift in (("II", 0), ("aVR", 8)):
        sample = np.array([20, 30, 40, 90, 100, 110, 200, 230, 260, 600, 700]) + shift
        symbol = ["(", "p", ")", "(", "N", ")", "(", "t", ")", "p", ")"]
        wfdb.wrann("a", lead.lower(), sample, symbol=symbol, write_dir=str(tmp_path))
    (record,) = read(f"wfdb:{tmp_path}")
    waves = record.tables["waves"]
    assert waves["lead"].tolist() == ["II"] * 4 + ["aVR"] * 4
    assert waves["wave"].tolist() == ["P", "QRS", "T", "P"] * 2
    assert waves["beat"].tolist() == [0, 0, 0, -1] * 2
    assert waves["onset"][:4].tolist() == [20, 90, 200, -1] and waves["offset"][4:].tolist() == [48, 118, 268, 708]
    (one,) = read(f"wfdb:{tmp_path}", leads=["aVR"])
    assert set(one.tables["waves"]["lead"]) == {"aVR"}


def test_numbered_marks_in_atr_are_waves_of_all_leads_even_where_they_overlap(tmp_path: Path) -> None:
    write(tmp_path)
    marks = [(90, "(", 1), (100, "V", 0), (110, ")", 1), (200, "(", 2), (230, "t", 0), (240, "(", 0), (250, "p", 0),
             (260, ")", 2), (270, ")", 0)]  # fmt: skip
    sample, symbol, num = (np.array(column) for column in zip(*marks, strict=True))
    wfdb.wrann("a", "atr", sample, symbol=list(symbol), num=num, write_dir=str(tmp_path))
    (record,) = read(f"wfdb:{tmp_path}")
    waves = record.tables["waves"]
    assert list(zip(waves["wave"], waves["onset"], waves["peak"], waves["offset"], strict=True)) == [
        ("QRS", 90, 100, 110),
        ("T", 200, 230, 260),
        ("P", 240, 250, 270),
    ]
    assert record.tables["beats"]["label"].tolist() == ["V"]


def test_resampling_moves_annotation_with_the_signal(tmp_path: Path) -> None:
    t = np.arange(2000) / FS
    bump = np.exp(-0.5 * ((t - 1.5) / 0.02) ** 2)[:, None] * np.ones(12)
    write(tmp_path, signal=bump)
    wfdb.wrann("a", "atr", np.array([0, 750]), symbol=["+", "N"], aux_note=["(N", ""], write_dir=str(tmp_path))
    for fs in (100.0, 250.0, 360.0, 1000.0):
        (record,) = read(f"wfdb:{tmp_path}", fs_hz=fs)
        signal = record.arrays["signal"]
        assert signal.shape == (12, round(4 * fs)) and record.geometry.fs_hz == record.condition.fs_hz == fs
        assert record.tables["beats"]["sample"][0] == signal[0].argmax() == 1.5 * fs
        assert record.tables["rhythms"]["end"].tolist() == [signal.shape[1]]


def test_gains_that_normalise_every_lead_are_noticed_and_counts_read_instead(tmp_path: Path) -> None:
    signal = ecg()
    header = write(tmp_path, signal=signal)
    for span in np.ptp(signal, axis=0) * 1000:
        edit(header, "1000.0(0)/mV", f"{span:.0f}(3)/mV", 1)
    with pytest.warns(UserWarning, match="physical=False"):
        (stretched,) = read(f"wfdb:{tmp_path}")
    assert "physical=False" in stretched.provenance["caution"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (record,) = read(f"wfdb:{tmp_path}", physical=False)
    np.testing.assert_allclose(np.ptp(stretched.arrays["signal"], axis=1), 1, atol=0.001)
    np.testing.assert_allclose(record.arrays["signal"], signal.T, atol=1e-6)
    assert "microvolts" in record.provenance["scale"]


def cut(header: Path) -> None:
    data = header.with_suffix(".dat")
    data.write_bytes(data.read_bytes()[:-100])


def flip(header: Path) -> None:
    data = bytearray(header.with_suffix(".dat").read_bytes())
    data[500] ^= 4
    header.with_suffix(".dat").write_bytes(bytes(data))


DAMAGE = {
    "truncated file": (cut, "truncated"),
    "flipped bit": (flip, "checksum"),
    "no signal file": (lambda h: h.with_suffix(".dat").unlink(), "is not there"),
    "more samples": (lambda h: edit(h, f" {FS} 1000", f" {FS} 1001"), "truncated or its header lies"),
    "fewer samples": (lambda h: edit(h, f" {FS} 1000", f" {FS} 900"), "does not fit"),
    "terabytes": (lambda h: edit(h, f" {FS} 1000", f" {FS} 99999999999999"), "need"),
    "terabytes per frame": (lambda h: edit(h, "a.dat 16 ", "a.dat 16x999999999999 ", 1), "samples in a frame"),
    "fewer leads": (lambda h: edit(h, "a 12", "a 11"), "announces 11 signals and describes 12"),
    "other format": (lambda h: edit(h, "a.dat 16 ", "a.dat 32 "), "need"),
    "mixed formats": (lambda h: edit(h, "a.dat 16 ", "a.dat 212 ", 1), "different storage formats"),
    "unknown format": (lambda h: edit(h, "a.dat 16 ", "a.dat 17 "), "format 17"),
    "climbing path": (lambda h: edit(h, "a.dat", "../a.dat", 1), "leads out of its folder"),
    "absolute path": (lambda h: edit(h, "a.dat", "/etc/passwd"), "leads out of its folder"),
    "another folder": (lambda h: edit(h, "a.dat", "sub/a.dat"), "another folder"),
    "zero gain": (lambda h: edit(h, "1000.0(0)/mV", "0(0)/mV", 1), "gain"),
    "no gain": (lambda h: h.write_text("a 1 500 12000\na.dat 16\n"), "gain"),
    "gain no number": (lambda h: edit(h, "1000.0(0)/mV", "lots/mV", 1), "no number"),
    "rate of zero": (lambda h: edit(h, f" {FS} 1000", " 0 1000"), "sampling rate"),
    "empty": (lambda h: h.write_text(""), "empty"),
    "comments only": (lambda h: h.write_text("# nothing\n"), "empty"),
    "several segments": (lambda h: edit(h, "a 12", "a/3 12"), "multi-segment"),
    "binary": (lambda h: h.write_bytes(bytes(range(256))), "record line"),
    "huge header": (lambda h: h.write_text("#" * 1_100_000), "no WFDB header"),
    "flac bomb": (lambda h: edit(h, "a.dat 16 ", "a.dat 516 ") or edit(h, "500 1000", "500 99999999999"), "FLAC"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_file_that_lies_is_refused_in_one_line_and_the_rest_is_read(tmp_path: Path, kind: str) -> None:
    damage, words = DAMAGE[kind]
    damage(write(tmp_path, "a"))
    write(tmp_path, "b")
    message = refusal(tmp_path)
    assert words in message and str(tmp_path / "a") in message
    skipped: list[str] = []
    assert [r.record_id for r in read(f"wfdb:{tmp_path}", on_error="skip", skipped=skipped)] == ["b"]
    assert skipped == [message]


def test_invalid_samples_are_refused_by_lead(tmp_path: Path) -> None:
    signal = ecg()
    signal[300:310, 4] = np.nan
    write(tmp_path, signal=signal)
    for physical in (True, False):
        message = refusal(tmp_path, physical=physical)
        assert "lead aVL: 10 of 1000 samples" in message and "sample 300" in message
    (record,) = read(f"wfdb:{tmp_path}", leads="I|II|V1")
    assert np.isfinite(record.arrays["signal"]).all()


def test_skipping_without_a_list_warns(tmp_path: Path) -> None:
    cut(write(tmp_path))
    with pytest.warns(UserWarning, match="truncated"):
        assert not list(read(f"wfdb:{tmp_path}", on_error="skip"))


def test_a_checksum_can_be_waived(tmp_path: Path) -> None:
    flip(write(tmp_path))
    assert len(list(read(f"wfdb:{tmp_path}", verify_checksum=False))) == 1


def test_a_damaged_annotation_file_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "a.atr").write_bytes(b"\xff\xff\x00")
    skipped: list[str] = []
    list(read(f"wfdb:{tmp_path}", on_error="skip", skipped=skipped))
    assert all("a.atr" in reason for reason in skipped)


HEADER_WORD = (
    st.sampled_from(["a", "a.dat", "12", "1", "16", "500", "1000", "-1", "1e400", "nan", "/", "..", "16+24", "16x0",
                     "1000(0)/mV", "0", "\n", "\n#", "99999999999999999999", "é", "~", "2/3"])
    | st.text(max_size=6)
)  # fmt: skip


GOOD = "a 2 500 250\na.dat 16 1000(0)/mV 16 0 513 -2822 0 I\na.dat 16 1000(0)/mV 16 0 513 -2822 0 II\n# Age: 40"


@given(words=st.lists(HEADER_WORD, max_size=40), place=st.none() | st.integers(0, 22))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_header_is_read_or_refused_in_one_line(tmp_path: Path, words: list[str], place: int | None) -> None:
    (tmp_path / "a.dat").write_bytes(b"\1\2" * 500)
    header = tmp_path / "a.hea"
    text = " ".join(words)
    if place is not None:  # a good header with one word changed
        parts = re.split(r"([ \n])", GOOD)
        parts[2 * place] = text
        text = "".join(parts)
    header.write_text(text, encoding="utf-8", errors="replace")
    try:
        (record,) = read(f"wfdb:{tmp_path}")
        assert record.arrays["signal"].size <= 1000
    except ValueError as error:
        assert "\n" not in str(error) and str(header.with_suffix("")) in str(error)


def test_headers_keep_what_the_size_check_needs(tmp_path: Path) -> None:
    header = read_header(write(tmp_path))
    assert (header.fs_hz, header.n_samples, len(header.channels)) == (FS, 1000, 12)
    assert {(c.file, c.fmt, c.gain, c.unit) for c in header.channels} == {("a.dat", "16", 1000.0, "mV")}


def test_format_212_and_a_length_left_to_the_file_are_read(tmp_path: Path) -> None:
    signal = ecg(leads=2)
    header = write(tmp_path, signal=signal, fmt=["212", "212"], adc_gain=[1000.0] * 2)
    (record,) = read(f"wfdb:{tmp_path}")
    np.testing.assert_allclose(record.arrays["signal"], signal.T, atol=1e-6)
    edit(header, " 500 1000", " 500")
    (again,) = read(f"wfdb:{tmp_path}")
    np.testing.assert_array_equal(again.arrays["signal"], record.arrays["signal"])
