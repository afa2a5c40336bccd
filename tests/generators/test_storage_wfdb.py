"""WFDB files: what the studio writes is what the wfdb library reads."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from clinsynth.conditioning.dataset.wfdb_record import decode
from clinsynth.conditioning.ecg import LEADS, EcgCondition, Rhythm
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.generators.storage.quality import Unfit, check
from clinsynth.generators.storage.wfdb_annotation import CODES, RHYTHM_AUX, annotation_file, encode_annotations
from clinsynth.generators.storage.wfdb_format import encode
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

PROVENANCE = {"synthetic": True, "generator": "ecg", "seed": 2**62 + 1}


def record_of(signal, fs_hz=500.0, leads=LEADS, condition=None, tables=None, provenance=PROVENANCE):
    geometry = SignalGeometry(fs_hz, tuple(leads), "mV")
    return Record("r-1", {"signal": signal}, condition, geometry, provenance, tables or {})


def read_back(folder: Path, files: dict[str, bytes]):
    for suffix, data in files.items():
        (folder / f"r-1.{suffix}").write_bytes(data)
    return wfdb.rdrecord(str(folder / "r-1"))


signals = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 60)),
    elements=st.floats(-32.75, 32.75, width=32),
)


@settings(max_examples=60, deadline=None)
@given(signal=signals, fs_hz=st.sampled_from([100.0, 257.0, 360.0, 500.0, 1000.0, 128.5]))
def test_wfdb_reads_what_was_written(tmp_path_factory, signal, fs_hz):
    leads = LEADS[: len(signal)]
    files = encode(record_of(signal, fs_hz, leads))
    found = read_back(tmp_path_factory.mktemp("wfdb"), files)
    assert found.fs == fs_hz and found.sig_name == list(leads) and set(found.units) == {"mV"}
    assert np.abs(found.p_signal.T - signal).max() <= 0.00051  # half a step of 1 uV and float32
    digital = wfdb.Record.adc(found) if found.d_signal is None else found.d_signal
    assert all((int(c) - int(d)) % 65536 == 0 for c, d in zip(found.checksum, digital.sum(axis=0), strict=True))
    assert found.init_value == digital[0].tolist()


@settings(max_examples=60, deadline=None)
@given(signal=signals)
def test_our_reader_agrees_with_wfdb(tmp_path_factory, signal):
    files = encode(record_of(signal, leads=LEADS[: len(signal)]))
    arrays, geometry = decode("r-1", files)
    found = read_back(tmp_path_factory.mktemp("wfdb"), files)
    np.testing.assert_array_equal(arrays["signal"], found.p_signal.T.astype(np.float32))
    assert geometry == SignalGeometry(500.0, LEADS[: len(signal)], "mV")


@settings(max_examples=30, deadline=None)
@given(two=hnp.arrays(np.float64, (2, 40), elements=st.floats(-5, 5)))
def test_lead_relations_hold_within_two_microvolts_on_disk(two):
    one, second = two
    derived = [second - one, -(one + second) / 2, one - second / 2, second - one / 2]
    arrays, _ = decode("r-1", encode(record_of(np.stack([one, second, *derived]), leads=LEADS[:6])))
    i, ii, iii, avr, avl, avf = arrays["signal"].astype(float)
    for left, right in ((iii, ii - i), (avr, -(i + ii) / 2), (avl, i - ii / 2), (avf, ii - i / 2)):
        assert np.abs(left - right).max() <= 0.002


@given(value=st.floats(32.768, 1e6), lead=st.integers(0, 11), sign=st.sampled_from([-1, 1]))
def test_a_clipped_lead_is_named_and_never_wrapped(value, lead, sign):
    signal = np.zeros((12, 5), np.float32)
    signal[lead, 2] = sign * value
    with pytest.raises(Unfit, match=f"lead {LEADS[lead]} reaches") as caught:
        encode(record_of(signal))
    assert caught.value.reason == "clipped"


def test_the_largest_value_still_fits():
    arrays, _ = decode("r-1", encode(record_of(np.full((1, 3), -32.767), leads=("I",))))
    np.testing.assert_allclose(arrays["signal"], -32.767, rtol=1e-6)


def test_header_says_synthetic_and_what_was_asked_for():
    condition = EcgCondition(sex="F", age_years=54, rhythm="atrial_fibrillation", findings=("low_voltage",))
    text = encode(record_of(np.zeros((12, 4)), condition=condition))["hea"].decode()
    comments = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    assert comments[0].startswith("SYNTHETIC")
    for line in ("generator: ecg", f"seed: {2**62 + 1}", "age: 54", "sex: F", "rhythm: atrial_fibrillation"):
        assert line in comments
    assert "findings: low_voltage" in comments and "lead unit: mV" in comments
    assert text.splitlines()[0] == "r-1 12 500 4"  # neither time nor date


def test_a_real_record_does_not_say_synthetic():
    files = encode(record_of(np.zeros((12, 4)), provenance={"synthetic": False, "source": "LUDB"}))
    assert b"SYNTHETIC" not in files["hea"]


@settings(max_examples=80, deadline=None)
@given(data=st.data(), n=st.integers(1, 40))
def test_wfdb_reads_the_annotations(tmp_path_factory, data, n):
    gaps = data.draw(st.lists(st.one_of(st.integers(0, 60), st.integers(900, 200_000)), min_size=n, max_size=n))
    symbols = data.draw(st.lists(st.sampled_from(sorted(CODES)), min_size=n, max_size=n))
    num = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    text = st.text(alphabet="(ABNPQRX", min_size=1, max_size=9)
    aux = data.draw(st.dictionaries(st.integers(0, n - 1), text, max_size=5))
    # wfdb takes a first note at sample 0 without a text for the head of its definitions.
    assume(symbols[0] != '"' or gaps[0] > 0 or 0 in aux)
    raw = encode_annotations(np.cumsum(gaps), np.array([CODES[s] for s in symbols]), np.array(num), aux)
    folder = tmp_path_factory.mktemp("atr")
    (folder / "r.atr").write_bytes(raw)
    found = wfdb.rdann(str(folder / "r"), "atr")
    assert found.sample.tolist() == np.cumsum(gaps).tolist() and found.symbol == symbols
    assert found.num.tolist() == num and found.aux_note == [aux.get(i, "") for i in range(n)]


def test_annotation_times_must_rise():
    with pytest.raises(ValueError, match="must rise"):
        encode_annotations(np.array([5, 3]), np.array([1, 1]), np.array([0, 0]))


def test_waves_beats_and_rhythms_become_one_annotation_file(tmp_path):
    tables = {
        "waves": {
            "lead": np.array(["global"] * 3 + ["II"]),
            "wave": np.array(["T", "P", "QRS", "P"]),
            "beat": np.array([0, 0, 0, 0]),
            "onset": np.array([300, 100, 150, 99]),
            "peak": np.array([340, 120, 170, 121]),
            "offset": np.array([380, 150, 190, 151]),
        },
        "beats": {"sample": np.array([170]), "label": np.array(["V"])},
        "rhythms": {"start": np.array([0]), "end": np.array([499]), "rhythm": np.array(["atrial_flutter"])},
    }
    (tmp_path / "r.atr").write_bytes(annotation_file(tables) or b"")
    found = wfdb.rdann(str(tmp_path / "r"), "atr")
    assert found.symbol == ["+", "(", "p", ")", "(", "V", ")", "(", "t", ")"]
    assert found.sample.tolist() == [0, 100, 120, 150, 150, 170, 190, 300, 340, 380]
    assert found.num.tolist() == [0, 0, 0, 0, 1, 0, 1, 2, 0, 2] and found.aux_note[0] == "(AFL"


def test_every_rhythm_has_its_code_and_pre_excitation_renames_sinus():
    assert {r.value for r in Rhythm} <= RHYTHM_AUX.keys()
    tables = {"rhythms": {"start": np.array([0]), "end": np.array([9]), "rhythm": np.array(["sinus"])}}
    assert b"(PREX" in (annotation_file(tables, pre_excited=True) or b"")


def test_nothing_to_annotate_gives_no_file_and_an_unknown_label_is_refused():
    assert annotation_file({}) is None and "atr" not in encode(record_of(np.zeros((12, 4))))
    with pytest.raises(ValueError, match="'zz' is no WFDB annotation symbol"):
        annotation_file({"beats": {"sample": np.array([1]), "label": np.array(["zz"])}})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@given(lead=st.integers(0, 11), sample=st.integers(0, 49))
def test_a_value_that_is_no_number_is_unfit(bad, lead, sample):
    signal = np.random.default_rng(0).normal(size=(12, 50))
    signal[lead, sample] = bad
    with pytest.raises(Unfit, match="NaN or infinite"):
        check(record_of(signal))


@given(lead=st.integers(0, 11), level=st.floats(-5, 5))
def test_a_flat_lead_is_unfit_and_named(lead, level):
    signal = np.random.default_rng(0).normal(size=(12, 50)).astype(np.float32)
    signal[lead] = level
    with pytest.raises(Unfit, match=f"lead {LEADS[lead]} is flat"):
        check(record_of(signal))


def test_a_signal_that_lacks_a_declared_lead_is_unfit():
    with pytest.raises(Unfit, match="12 leads are declared"):
        check(record_of(np.ones((11, 50))))


def test_only_millivolts_are_written():
    record = Record("r-1", {"signal": np.zeros((1, 3))}, None, SignalGeometry(500.0, ("I",), "uV"), PROVENANCE)
    with pytest.raises(ValueError, match="not a signal in mV"):
        encode(record)
