"""Rhythm tasks on recorded ECGs: R peaks in single leads, and atrial fibrillation in two leads.

    python benchmarks/bench_rhythm.py --data DIR [--steps 600] [--artificial 800]

DIR holds `ecg_single_lead_rpeaks` (signals.npz, rpeaks.csv) and `ecg_2lead_af` (signals.npz, labels.csv). A
delineation network is trained on artificial ECGs alone; its QRS are the R peaks. For fibrillation, six
measures of RR and P are read off by that network, and a logistic regression is trained on artificial
records, on real ones (each patient tested by the others), or on both. Three patients: an interval over so
few is not given, each patient's own figure is.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.conditioning.ecg import EcgCondition, Rhythm  # noqa: E402
from clinsynth.conditioning.record import Record, SignalGeometry  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.ecg.delineation import delineate  # noqa: E402
from clinsynth.evaluation.ecg.r_peaks import Matches, score  # noqa: E402
from clinsynth.evaluation.ecg.training_cohort import training_records  # noqa: E402
from clinsynth.generators.ecg.simulator import EcgSimulator  # noqa: E402
from clinsynth.generators.readout.delineation import Delineator, traces  # noqa: E402
from clinsynth.generators.readout.supervised import Schedule  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

NOT_AF = (
    Rhythm.sinus, Rhythm.sinus, Rhythm.sinus_bradycardia, Rhythm.sinus_tachycardia,
    Rhythm.premature_atrial_complexes, Rhythm.premature_ventricular_complexes,
)  # fmt: skip


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--artificial", type=int, default=800)
    o = parser.parse_args()
    torch.set_num_threads(1)
    made = traces(training_records(o.artificial, seed=11), leads=["I", "II", "V2", "V5"])
    network = Delineator.initial(0).trained(made, Schedule(o.steps), 0)
    r_peaks(o.data / "ecg_single_lead_rpeaks", network)
    fibrillation(o.data / "ecg_2lead_af", network)


def ecg(name: str, microvolts: np.ndarray, leads: tuple[str, ...], fs_hz: float) -> Record:
    """Return counts in microvolts as a record."""
    return Record(name, {"signal": microvolts / 1000}, None, SignalGeometry(fs_hz, leads), {"synthetic": False})


def r_peaks(folder: Path, network: Delineator) -> None:
    """Print how many R peaks each detector finds."""
    with np.load(folder / "signals.npz") as z:
        records = [ecg(str(n), x, ("I",), float(z["fs"])) for n, x in zip(z["record"], z["signals"], strict=True)]
    truth: dict[str, list[int]] = {r.record_id: [] for r in records}
    for row in csv.DictReader((folder / "rpeaks.csv").read_text().splitlines()):
        truth[row["record"]].append(int(row["r_peak_sample"]))
    print(f"R peaks, {len(records)} single-lead records, within 150 ms, edges of 0.3 s not scored")
    detectors = {
        "network, artificial ECGs alone": lambda r: network.read(r)["I"]["QRS"].peak_s * r.geometry.fs_hz,
        "neurokit2": lambda r: delineate(np.asarray(r.arrays["signal"][0], float), r.geometry.fs_hz).r_peaks,
    }
    for name, find in detectors.items():
        got = [
            score(np.array(truth[r.record_id]), np.rint(find(r)).astype(int), fs_hz=500.0, n_samples=5000)
            for r in records
        ]
        draws = stream(0, "bench_rhythm").integers(len(got), size=(2000, len(got)))
        many = [f1([got[k] for k in row]) for row in draws]
        found, missed, false = (sum(getattr(m, what) for m in got) for what in ("found", "missed", "false"))
        low, high = np.quantile(many, [0.025, 0.975])
        print(
            f"  {name:32} F1 {f1(got):.4f} [{low:.4f} to {high:.4f}]  sensitivity {found / (found + missed):.4f}"
            f"  predictive value {found / (found + false):.4f}"
        )


def f1(matches: list[Matches]) -> float:
    """Return F1 of counts."""
    found, missed, false = (sum(getattr(m, what) for m in matches) for what in ("found", "missed", "false"))
    return 2 * found / (2 * found + missed + false)


def fibrillation(folder: Path, network: Delineator) -> None:
    """Print the AUROC of fibrillation by training set and patient."""
    with np.load(folder / "signals.npz") as z:
        leads, fs = tuple(str(x) for x in z["leads"]), float(z["fs"])
        windows = {str(n): ecg(str(n), x, leads, fs) for n, x in zip(z["window"], z["signals"], strict=True)}
    rows = list(csv.DictReader((folder / "labels.csv").read_text().splitlines()))
    rows = [r for r in rows if r["rhythm"] != "mixed"]
    y = np.array([r["rhythm"] == "atrial fibrillation" for r in rows])
    patient = np.array([r["patient"] for r in rows])
    x = np.stack([measures(windows[r["window"]], network) for r in rows])
    x_made, y_made = artificial(network, leads)
    print(f"atrial fibrillation, {len(rows)} windows of 10 s ({y.sum()} in fibrillation), {len(set(patient))} patients")
    chance: dict[str, np.ndarray] = {k: np.empty(len(y)) for k in ("artificial", "real", "real and artificial")}
    for who in sorted(set(patient)):
        here, others = patient == who, patient != who
        sets = {
            "artificial": (x_made, y_made),
            "real": (x[others], y[others]),
            "real and artificial": (np.concatenate([x[others], x_made]), np.concatenate([y[others], y_made])),
        }
        for name, (a, b) in sets.items():
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            chance[name][here] = model.fit(a, b).predict_proba(x[here])[:, 1]
    for name, p in chance.items():
        each = ", ".join(
            f"{who} {roc_auc_score(y[m], p[m]):.3f}" if 0 < y[m].mean() < 1 else f"{who} has one class"
            for who in sorted(set(patient))
            for m in [patient == who]
        )
        print(
            f"  trained on {name:20} AUROC {roc_auc_score(y, p):.3f}  accuracy {((p > 0.5) == y).mean():.3f}  ({each})"
        )


def artificial(network: Delineator, leads: tuple[str, ...], n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return measures and labels of artificial records, half of them in fibrillation."""
    rng = stream(1, "bench_rhythm.artificial")
    asked = []
    for k in range(n):
        rhythm = Rhythm.atrial_fibrillation if k % 2 else NOT_AF[rng.integers(len(NOT_AF))]
        asked.append(EcgCondition(rhythm=rhythm, snr_db=float(rng.uniform(4, 20)), leads=leads))
    x = np.stack([measures(r, network) for r in EcgSimulator().generate(asked, range(n))])
    return x, np.arange(n) % 2 == 1


def measures(record: Record, network: Delineator) -> np.ndarray:
    """Return rate, RR's relative spread and successive difference, share of similar RR, and P waves a beat."""
    best = max(network.read(record).values(), key=lambda waves: len(waves["QRS"].peak_s))
    rr = np.diff(best["QRS"].peak_s)
    if len(rr) < 3:
        return np.array([60.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    step, mean = np.abs(np.diff(rr)), rr.mean()
    p = len(best["P"].onset_s) / len(best["QRS"].onset_s)
    return np.array(
        [
            60 / mean,
            rr.std() / mean,
            step.mean() / mean,
            (step < 0.05 * mean).mean(),
            min(p, 2.0),
            np.median(step) / mean,
        ]
    )


if __name__ == "__main__":
    main()
