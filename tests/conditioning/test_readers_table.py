"""Any table of signal files: columns, units, paths that escape, and files that are not what they say."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from clinsynth.conditioning.ecg import LEADS, EcgCondition
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.table import COLUMNS

SIGNAL = np.random.default_rng(3).integers(-1500, 1500, (12, 700)) / 1000


def table(folder: Path, rows: list[dict[str, object]], name: str = "t.csv") -> Path:
    frame = pd.DataFrame(rows)
    if name.endswith(".parquet"):
        frame.to_parquet(folder / name)
    else:
        frame.to_csv(folder / name, index=False)
    return folder / name


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(ValueError) as error:
        list(read(f"table:{path}", **options))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_conditions_come_from_columns_and_free_columns_are_kept(tmp_path: Path, kind: str) -> None:
    np.save(tmp_path / "x.npy", SIGNAL)
    rows = [
        {"path": "x.npy", "record_id": "p1-1", "fs_hz": 250, "sex": "F", "age_years": 61.5, "rhythm": "atrial_flutter",
         "findings": "long_qt|low_voltage", "patient_id": "p1", "meta_site": "north"},
        {"path": "x.npy", "record_id": "p2-1", "fs_hz": 250, "sex": "M"},
    ]  # fmt: skip
    first, second = read(f"table:{table(tmp_path, rows, 't' + kind)}")
    c = first.condition
    assert (c.sex, c.age_years, c.rhythm, c.patient_id) == ("F", 61.5, "atrial_flutter", "p1")
    assert set(c.findings) == {"long_qt", "low_voltage"} and c.fs_hz == 250 and c.duration_s == 2.8
    assert first.provenance["meta_site"] == "north" and first.record_id == "p1-1" and not first.synthetic
    assert second.condition.age_years is None and second.condition.findings is None
    np.testing.assert_allclose(first.arrays["signal"], SIGNAL, atol=1e-6)


def test_every_kind_of_file_gives_the_same_signal(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    np.save(tmp_path / "d" / "a.npy", SIGNAL)
    np.save(tmp_path / "d" / "b.npy", SIGNAL.T)
    np.save(tmp_path / "d" / "uv.npy", np.rint(SIGNAL * 1000).astype(np.int16))
    np.savez_compressed(tmp_path / "d" / "c.npz", signal=SIGNAL, other=np.arange(3))
    np.savez(tmp_path / "d" / "e.npz", only=SIGNAL)
    frame = pd.DataFrame(SIGNAL.T, columns=list(LEADS))
    frame.insert(0, "time_s", np.arange(700) / 500)
    frame.to_csv(tmp_path / "d" / "f.csv", index=False)
    wfdb.wrsamp("g", 500, ["mV"] * 12, list(LEADS), SIGNAL.T, fmt=["16"] * 12, adc_gain=[1000.0] * 12,
                baseline=[0] * 12, write_dir=str(tmp_path / "d"))  # fmt: skip
    rows: list[dict[str, object]] = [
        {"path": f"d/{name}", "fs_hz": 500, "unit": "uV" if name == "uv.npy" else None}
        for name in ("a.npy", "b.npy", "uv.npy", "c.npz", "e.npz", "f.csv", "g.hea")
    ]
    records = list(read(f"table:{table(tmp_path, rows)}"))
    assert [r.record_id for r in records] == ["d/a", "d/b", "d/uv", "d/c", "d/e", "d/f", "d/g"]
    for record in records:
        assert record.geometry.leads == LEADS and record.geometry.fs_hz == 500
        np.testing.assert_allclose(record.arrays["signal"], SIGNAL, atol=1e-6)


def test_leads_name_the_rows_of_arrays_and_choose_from_files_that_name_them(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", SIGNAL[:2])
    pd.DataFrame(SIGNAL.T, columns=list(LEADS)).to_csv(tmp_path / "b.csv", index=False)
    rows: list[dict[str, object]] = [{"path": p, "fs_hz": 500, "leads": "V1|II"} for p in ("a.npy", "b.csv")]
    array, named = read(f"table:{table(tmp_path, rows)}")
    assert array.geometry.leads == named.geometry.leads == ("V1", "II")
    np.testing.assert_allclose(array.arrays["signal"], SIGNAL[:2], atol=1e-6)
    np.testing.assert_allclose(named.arrays["signal"], SIGNAL[[6, 1]], atol=1e-6)
    turned, _ = read(f"table:{tmp_path / 't.csv'}", leads="II", fs_hz=250)
    assert turned.geometry.leads == ("II",) and turned.arrays["signal"].shape == (1, 350)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"sex": "X"}, "row 2: sex 'X' is not known"),
        ({"rhythm": "sinus_tachicardia"}, "did you mean 'sinus_tachycardia'"),
        ({"findings": "long_qt|nonsense"}, "row 2: findings.1 'nonsense'"),
        ({"age_years": "seven"}, "row 2: age_years = 'seven'"),
        ({"age_years": 7}, "row 2: age_years = "),
        ({"rhythm": "atrial_fibrillation", "pr_ms": 160}, "pr_ms = 160 has no meaning"),
        ({"path": "../x.npy"}, "row 2: path '../x.npy' leads out"),
        ({"path": "sub/../../x.npy"}, "leads out"),
        ({"path": "/etc/passwd"}, "leads out"),
        ({"path": "..\\x.npy"}, "leads out"),
        ({"path": None, "record_id": "b"}, "row 2: path is empty"),
        ({"path": "gone.npy"}, "row 2: path"),
        ({"path": "t.csv"}, "row 2:"),
        ({"path": "notes.txt"}, "does not end in one of"),
        ({"path": "object.npy"}, "row 2: object.npy cannot be read"),
        ({"path": "cut.npy"}, "row 2: cut.npy cannot be read"),
        ({"path": "bomb.npy"}, "row 2: bomb.npy cannot be read"),
        ({"path": "bomb.npz"}, "claims"),
        ({"path": "zeros.npz"}, "no measured signal"),
        ({"path": "two.npz"}, "none is named 'signal'"),
        ({"path": "text.npz"}, "row 2: text.npz cannot be read"),
        ({"path": "cube.npy"}, "its shape is (2, 3, 4)"),
        ({"path": "nan.npy"}, "row 2: lead aVL: 1 of 700 samples"),
        ({"path": "five.npy"}, "leads is needed"),
        ({"path": "five.npy", "leads": "I|II"}, "leads names 2, and five.npy has 5"),
        ({"path": "bad.csv"}, "bad.csv cannot be read"),
        ({"path": "empty.csv"}, "empty.csv cannot be read"),
        ({"unit": "NU"}, "row 2: unit 'NU' is not a voltage"),
        ({"fs_hz": None}, "row 2: fs_hz is needed"),
        ({"fs_hz": -5}, "row 2: fs_hz = "),
        ({"leads": "I|I"}, "row 2: leads has 'I' twice"),
    ],
)
def test_a_faulty_row_is_refused_by_row_and_column(tmp_path: Path, row: dict[str, object], words: str) -> None:
    write_faulty_files(tmp_path)
    good: dict[str, object] = {"path": "x.npy", "fs_hz": 500, "record_id": "good"}
    path = table(tmp_path, [good, {**good, "path": "y.npy", "record_id": "bad", **row}])
    assert words in refusal(path)
    skipped: list[str] = []
    assert [r.record_id for r in read(f"table:{path}", on_error="skip", skipped=skipped)] == ["good"]
    assert len(skipped) == 1 and words in skipped[0]


def write_faulty_files(folder: Path) -> None:
    for name in ("x.npy", "y.npy", "cut.npy"):
        np.save(folder / name, SIGNAL)
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:-8])
    np.save(folder / "object.npy", np.array([{}], dtype=object))
    np.save(folder / "cube.npy", np.zeros((2, 3, 4)))
    np.save(folder / "five.npy", SIGNAL[:5])
    np.save(folder / "nan.npy", np.where(np.arange(12 * 700).reshape(12, 700) == 4 * 700 + 77, np.nan, SIGNAL))
    header = (folder / "x.npy").read_bytes()[:128].replace(b"(12, 700)", b"(1200000000, 70000)")
    (folder / "bomb.npy").write_bytes(header + bytes(100))
    with zipfile.ZipFile(folder / "bomb.npz", "w") as archive:
        archive.writestr("signal.npy", header + bytes(100))
    np.savez_compressed(folder / "zeros.npz", signal=np.zeros((12, 1_000_000)))
    np.savez(folder / "two.npz", a=SIGNAL, b=SIGNAL)
    (folder / "text.npz").write_text("no archive")
    (folder / "notes.txt").write_text("no signal")
    (folder / "bad.csv").write_text("I,II\n1,2\n1,two\n")
    (folder / "empty.csv").write_text("")


def test_columns_are_refused_with_the_nearest_word(tmp_path: Path) -> None:
    assert "no column 'path'" in refusal(table(tmp_path, [{"file": "x.npy"}]))
    message = refusal(table(tmp_path, [{"path": "x.npy", "heart_rate": 60}]))
    assert "column 'heart_rate' is not known, did you mean 'heart_rate_bpm'" in message and "meta_" in message
    assert "meta_duration_s" in refusal(table(tmp_path, [{"path": "x.npy", "duration_s": 10}]))
    (tmp_path / "t.csv").write_text("path,sex,sex\nx.npy,F,F\n")
    assert "twice" in refusal(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("path,sex\nx.npy,F,F\n")
    assert "row 1: 3 cells under 2 columns" in refusal(tmp_path / "t.csv")


def test_ids_are_unique(tmp_path: Path) -> None:
    assert "row 2: record_id 'x' stands in row 1" in refusal(table(tmp_path, [{"path": "x.npy"}] * 2))


def test_tables_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no parquet")
    assert "no Parquet file" in refusal(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("")
    assert "no rows" in refusal(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"path\n\xff\xfe\n")
    assert "UTF-8" in refusal(tmp_path / "t.csv")
    (tmp_path / "t.txt").write_text("path\n")
    assert "does not end in" in refusal(tmp_path / "t.txt")
    assert "does not exist" in refusal(tmp_path / "gone.csv")
    assert "is a folder" in refusal(tmp_path)


def test_absolute_paths_are_read_where_the_user_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "tables").mkdir()
    np.save(tmp_path / "data" / "x.npy", SIGNAL)
    path = table(tmp_path / "tables", [{"path": str(tmp_path / "data" / "x.npy"), "fs_hz": 500}])
    assert "leads out" in refusal(path)
    assert len(list(read(f"table:{path}", allow_absolute=True))) == 1


def test_the_rate_of_a_header_may_not_be_contradicted(tmp_path: Path) -> None:
    wfdb.wrsamp("g", 500, ["mV"], ["II"], SIGNAL[:1].T, fmt=["16"], write_dir=str(tmp_path))
    assert "contradicts" in refusal(table(tmp_path, [{"path": "g.hea", "fs_hz": 250}]))
    assert "its own unit" in refusal(table(tmp_path, [{"path": "g.hea", "unit": "mV"}]))
    (record,) = read(f"table:{table(tmp_path, [{'path': 'g.hea'}])}")
    assert record.geometry.fs_hz == 500


def test_every_condition_field_but_the_generators_own_is_a_column() -> None:
    assert set(EcgCondition.model_fields) - set(COLUMNS) == {"duration_s", "kernels", "patient_seed"}
