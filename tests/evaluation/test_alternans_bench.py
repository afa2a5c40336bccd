"""The alternans benchmark on sources that are named: folders as PTB-XL and the CinC Challenge have them."""

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import wfdb
from clinsynth.conditioning.ecg import LEADS, EcgCondition
from clinsynth.conditioning.embedded import embedded
from clinsynth.generators.ecg.simulator import simulate

# SNOMED CT codes of two rhythms, and how many records have each.
RHYTHMS = {"426783006": 3, "427084000": 3}


@pytest.fixture(scope="module")
def bench():
    path = Path(__file__).parents[2] / "benchmarks" / "bench_twa.py"
    spec = importlib.util.spec_from_file_location("bench_twa", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ptbxl(root: Path, patients: int) -> None:
    """A tree in PTB-XL's layout, one record a patient, half of them in folds 9 and 10."""
    folder, rows = root / "records500" / "00000", []
    folder.mkdir(parents=True)
    for number, record in enumerate(list(embedded("ludb", split="tuning"))[:patients], start=1):
        signal = np.asarray(record.arrays["signal"], float).T
        wfdb.wrsamp(
            f"{number:05d}_hr", 500, ["mV"] * 12, list(LEADS), signal, fmt=["16"] * 12,
            adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(folder),
        )  # fmt: skip
        name = f"records500/00000/{number:05d}_hr"
        rows.append({"ecg_id": number, "patient_id": f"{7000 + number}.0", "age": "60.0", "sex": "1",
                     "scp_codes": "{'SR': 0.0}", "strat_fold": 9 if number % 2 else 3, "filename_lr": name,
                     "filename_hr": name})  # fmt: skip
    with (root / "ptbxl_database.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def cinc(root: Path) -> None:
    """Records as the Challenge has them: one folder a source, diagnoses as SNOMED CT codes."""
    records, number = list(embedded("ludb", split="held_out")), 0
    for code, count in RHYTHMS.items():
        for _ in range(count):
            counts = np.rint(1000 * np.asarray(records[number].arrays["signal"], float)).astype(int)
            name, number = f"E{number:05d}", number + 1
            head = np.array([30, 12, counts.shape[1], 0, 4], dtype="<i4").tobytes() + b"val\0"
            root.mkdir(parents=True, exist_ok=True)
            (root / f"{name}.mat").write_bytes(head + counts.T.astype("<i2").tobytes())
            sums = [(total + 32768) % 65536 - 32768 for total in counts.sum(axis=1)]
            lines = [f"{name} 12 500 {counts.shape[1]}"]
            lines += [f"{name}.mat 16x1+24 1000.0(0)/mv 16 0 {counts[k, 0]} {sums[k]} 0 {LEADS[k]}" for k in range(12)]
            (root / f"{name}.hea").write_text("\n".join([*lines, "# Age: 50", "# Sex: Male", f"# Dx: {code}"]) + "\n")


def ambulatory(folder: Path) -> None:
    """Two minutes in the two leads of an ambulatory recorder."""
    record = simulate(EcgCondition(heart_rate_bpm=90, duration_s=120, fs_hz=360, noise=("muscle",), snr_db=25), 5)
    folder.mkdir()
    signal = np.asarray(record.arrays["signal"], float)[[LEADS.index("II"), LEADS.index("V5")]].T
    wfdb.wrsamp(
        "long", 360, ["mV"] * 2, ["MLII", "V5"], signal, fmt=["16"] * 2, adc_gain=[1000.0] * 2, baseline=[0] * 2,
        write_dir=str(folder),
    )  # fmt: skip


@pytest.mark.slow
def test_the_ladder_runs_on_named_sources_and_tests_long_recordings(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "UV", (50.0,))
    monkeypatch.setattr(bench, "SNR_DB", (None,))
    monkeypatch.setattr(bench, "LONG_SNR_DB", (None,))
    ptbxl(tmp_path / "ptbxl", 26)
    cinc(tmp_path / "cinc")
    ambulatory(tmp_path / "long")
    words = ["--real", f"ptbxl:{tmp_path / 'ptbxl'}", "--pretrain", f"cinc:{tmp_path / 'cinc'}", "--limit", "12"]
    words += ["--data", str(tmp_path / "long"), "--steps", "1,1,1", "--seeds", "1", "--artificial", "6"]
    bench.main([*words, "--rhythms", "13", "--out", str(tmp_path / "rows.json")])
    found = json.loads((tmp_path / "rows.json").read_text())
    assert {t["name"] for t in found["tests"]} >= {"ptbxl", "ptbxl, II and V5"}
    assert any(t["name"].startswith("long (MLII or II, and V5; 2 stretches") for t in found["tests"])
    methods = {row["method"] for row in found["rows"]}
    assert {"real + arrhythmia (simulated + cinc)", "all", "mma_uv", "spectral_k"} <= methods
    assert {row["length"] for row in found["rows"]} == {"10 s", "64 beats", "128 beats"}
    said = capsys.readouterr().out
    assert "## ptbxl: alternans, 128 beats" in said and "rhythms: simulated 1" in said and str(tmp_path) not in said


def test_too_few_patients_end_it_in_one_line(bench, tmp_path):
    ptbxl(tmp_path, 5)
    with pytest.raises(ValueError, match="patients are there to train on; 12 or more are needed"):
        bench.main(["--real", f"ptbxl:{tmp_path}"])
