"""PTB-XL's folder: both rates, folds, statements, and tables that are damaged."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import wfdb
from clinsynth.conditioning.ecg import LEADS
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.ptbxl import parse_scp_codes
from hypothesis import given
from hypothesis import strategies as st

COLUMNS = [
    "ecg_id",
    "patient_id",
    "age",
    "sex",
    "device",
    "site",
    "scp_codes",
    "strat_fold",
    "filename_lr",
    "filename_hr",
]
PATIENTS = [  # patient, age, sex, codes, fold
    ("15709.0", "56.0", "1", "{'NORM': 100.0, 'LVOLT': 0.0, 'SR': 0.0}", "3"),
    ("13243.0", "300.0", "0", "{'AFIB': 0.0, 'CLBBB': 100.0, 'PVC': 0.0}", "10"),
    ("13243.0", "11.0", "0", "{'SBRAD': 0.0, 'LVH': 50.0, 'LNGQT': 100.0}", "10"),
    ("20372.0", "", "1", "{'IMI': 35.0, 'BIGU': 0.0, 'PVC': 100.0, 'SR': 0.0, 'CRBBB': 100.0, 'CLBBB': 0.0}", "9"),
    ("17014.0", "40.0", "1", "{'2AVB': 100.0, 'SR': 0.0}", "9"),
    ("17014.0", "40.0", "1", "{}", "9"),
]


@pytest.fixture
def ptbxl(tmp_path: Path) -> Path:
    """A tree in PTB-XL's layout, its signals from the embedded records."""
    rows = []
    records = list(embedded("ludb", split="tuning"))
    for number, (patient, age, sex, codes, fold) in enumerate(PATIENTS, start=1):
        names = {}
        for rate, suffix in ((100, "lr"), (500, "hr")):
            folder = tmp_path / f"records{rate}" / "00000"
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{number:05d}_{suffix}"
            signal = records[number].arrays["signal"][:, :: 500 // rate].T.astype(float)
            wfdb.wrsamp(
                name, rate, ["mV"] * 12, [lead.upper() for lead in LEADS], signal, fmt=["16"] * 12,
                adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(folder),
            )  # fmt: skip
            names[f"filename_{suffix}"] = f"records{rate}/00000/{name}"
        rows.append({"ecg_id": number, "patient_id": patient, "age": age, "sex": sex, "device": "CS-12", "site": "2.0",
                     "scp_codes": codes, "strat_fold": fold, **names})  # fmt: skip
    with (tmp_path / "ptbxl_database.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "scp_statements.csv").write_text(
        ",description,diagnostic\nNORM,normal ECG,1.0\nLVOLT,low QRS voltages,\n"
    )
    return tmp_path


def replace(folder: Path, old: str, new: str) -> None:
    table = folder / "ptbxl_database.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))


def refusal(folder: Path, **options: object) -> str:
    with pytest.raises(ValueError) as error:
        list(read(f"ptbxl:{folder}", **options))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("rate", [100, 500])
def test_both_rates_hold_the_signal_that_was_written(ptbxl: Path, rate: int) -> None:
    written = list(embedded("ludb", split="tuning"))
    records = list(read(f"ptbxl:{ptbxl}", sampling_rate=rate))
    assert [r.record_id for r in records] == [f"{i:05d}" for i in range(1, len(PATIENTS) + 1)]
    for number, record in enumerate(records, start=1):
        assert record.geometry.fs_hz == record.condition.fs_hz == rate and record.geometry.leads == LEADS
        expected = written[number].arrays["signal"][:, :: 500 // rate]
        np.testing.assert_allclose(record.arrays["signal"], expected, atol=1e-6)


def test_statements_become_rhythm_and_findings_and_stay_as_labels(ptbxl: Path) -> None:
    normal, fibrillating, child, bigeminy, block, unlabelled = read(f"ptbxl:{ptbxl}")
    assert (normal.condition.sex, normal.condition.age_years) == ("F", 56)
    assert (normal.condition.rhythm, normal.condition.findings) == ("sinus", ("low_voltage",))
    assert normal.provenance["scp_codes"] == {"NORM": 100.0, "LVOLT": 0.0, "SR": 0.0}
    assert normal.provenance["labels"] == ["NORM", "LVOLT", "SR"]
    assert normal.provenance["label_names"] == ["normal ECG", "low QRS voltages", "SR"]
    assert (fibrillating.condition.sex, fibrillating.condition.age_years) == ("M", 90)
    assert fibrillating.condition.rhythm == "atrial_fibrillation"
    assert child.condition.age_years is None and child.provenance["age"] == "11.0"
    assert child.condition.findings == ("left_ventricular_hypertrophy", "long_qt")
    assert bigeminy.condition.rhythm == "ventricular_bigeminy" and bigeminy.condition.age_years is None
    assert bigeminy.condition.findings == ("left_bundle_branch_block",)
    assert "right_bundle_branch_block" in bigeminy.provenance["left_out"]["findings"]
    assert block.condition.rhythm is None and block.condition.findings == ()
    assert unlabelled.condition.rhythm is None and unlabelled.condition.findings is None


def test_records_of_one_patient_share_its_id_and_folds_are_kept(ptbxl: Path) -> None:
    both = list(read(f"ptbxl:{ptbxl}", folds=(10,)))
    assert {r.condition.patient_id for r in both} == {r.provenance["patient_id"] for r in both} == {"13243"}
    assert len(both) == 2 and all(r.provenance["strat_fold"] == 10 for r in both)
    every = [r.record_id for fold in range(1, 11) for r in read(f"ptbxl:{ptbxl}", folds=[fold])]
    assert sorted(every) == [r.record_id for r in read(f"ptbxl:{ptbxl}")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{'NORM': 100.0, 'LVOLT': 0.0, 'SR': 0.0}", "__import__('os').getcwd()", "row 1: scp_codes"),
        ("{'NORM': 100.0, 'LVOLT': 0.0, 'SR': 0.0}", "{'NORM'", "row 1: scp_codes"),
        ("records500/00000/00002_hr", "../../00002_hr", "row 2: filename_hr"),
        ("records500/00000/00002_hr", "/etc/passwd", "row 2: filename_hr"),
        ("records500/00000/00002_hr", "", "row 2: filename_hr"),
        ("records500/00000/00002_hr", "records500/00000/99999_hr", "99999_hr.hea"),
        (",10,", ",11,", "row 2: strat_fold '11'"),
        ("strat_fold", "fold", "no column 'strat_fold'"),
        ("CS-12", "C" * 200_000, "no CSV file"),
    ],
)
def test_a_damaged_table_is_refused_by_row(ptbxl: Path, old: str, new: str, words: str) -> None:
    replace(ptbxl, old, new)
    assert words in refusal(ptbxl)


def test_a_faulty_row_can_be_skipped(ptbxl: Path) -> None:
    replace(ptbxl, "{'2AVB': 100.0, 'SR': 0.0}", "2AVB")
    skipped: list[str] = []
    assert len(list(read(f"ptbxl:{ptbxl}", on_error="skip", skipped=skipped))) == len(PATIENTS) - 1
    assert len(skipped) == 1 and "row 5" in skipped[0]


def test_options_out_of_range_are_refused(ptbxl: Path, tmp_path: Path) -> None:
    assert "100 and 500" in refusal(ptbxl, sampling_rate=250)
    assert "1 to 10" in refusal(ptbxl, folds=(0,))
    assert "1 to 10" in refusal(ptbxl, folds=())
    assert "on_error" in refusal(ptbxl, on_error="ignore")
    assert "did you mean 'folds'" in refusal(ptbxl, fold=(1,))
    (tmp_path / "empty").mkdir()
    assert "ptbxl_database.csv does not exist" in refusal(tmp_path / "empty")


@given(st.dictionaries(st.text(max_size=8), st.floats(0, 100) | st.integers(0, 100), max_size=6))
def test_codes_survive_their_literal(codes: dict[str, float]) -> None:
    assert parse_scp_codes(repr(codes)) == codes


@given(st.text(max_size=40) | st.sampled_from(["(" * 5000, "{'a': True}", "{1: 2}", "[]", "{'a': [1]}", "{'a': {}}"]))
def test_any_other_text_is_refused(text: str) -> None:
    try:
        assert isinstance(parse_scp_codes(text), dict) and text.strip().startswith("{")
    except ValueError as error:
        assert "not a dictionary" in str(error)
