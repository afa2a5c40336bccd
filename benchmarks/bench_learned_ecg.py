"""A trained ECG diffusion model beside the simulator: finite, R peaks, asked rate, and what a discriminator says.

    python benchmarks/bench_learned_ecg.py RUN [--n 500]

Both generators are asked for the same conditions (sex, age, heart rate, rhythm), and their tables of beats are compared
with what neurokit2 finds in the leads. An encoder is trained on LUDB's tuning half, on which the model was trained too;
the held-out half stands for real records.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.app.jobs.models import build  # noqa: E402
from clinsynth.conditioning.ecg import EcgCondition, Rhythm, Sex  # noqa: E402
from clinsynth.conditioning.embedded import embedded  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.ecg.clouds import clouds  # noqa: E402
from clinsynth.evaluation.ecg.r_peaks import Matches, predictive_value, score, sensitivity, true_beats  # noqa: E402


def conditions(n: int) -> list[EcgCondition]:
    """Return adults as LUDB has them: nine in ten in sinus rhythm, 50 to 110 bpm."""
    rng = stream(0, "bench_learned_ecg")
    made = []
    for _ in range(n):
        rhythm = Rhythm.sinus if rng.random() < 0.9 else Rhythm.atrial_fibrillation
        sex, age, rate = rng.choice(list(Sex)), float(rng.uniform(20, 85)), float(np.clip(rng.normal(72, 13), 48, 115))
        made.append(EcgCondition(sex=sex, age_years=round(age), heart_rate_bpm=round(rate, 1), rhythm=rhythm))
    return made


def main() -> None:
    """Sample, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of the model or of its run")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--guidance", type=float, default=None, help="another strength of guidance")
    o = parser.parse_args()
    torch.set_num_threads(1)
    asked = conditions(o.n)
    training, held_out = (list(embedded("ludb", split=s)) for s in ("tuning", "held_out"))
    for name in (o.model, "ecg"):
        begun = time.process_time()
        generator = build(name)
        if o.guidance is not None and name != "ecg":
            sampler = generator.sampling.sampler.model_copy(update={"guidance": o.guidance})
            generator.sampling = generator.sampling.model_copy(update={"sampler": sampler})
        records = list(generator.generate(asked, range(o.n)))
        cpu_s = (time.process_time() - begun) / o.n
        finite = sum(np.isfinite(r.arrays["signal"]).all() for r in records)
        peaks = [r_peaks(r) for r in records]
        rates = np.array([rate_of(found, r) for found, r in zip(peaks, records, strict=True)])
        error = np.abs(rates - [c.heart_rate_bpm for c in asked])
        found = np.isfinite(rates).mean()
        print(f"{name}: {cpu_s:.3f} CPU s a record; finite {finite} of {o.n}; R peaks found in {found:.1%}")
        print(f"  asked rate missed by {np.nanmedian(error):.1f} bpm (median), {np.nanquantile(error, 0.9):.1f} (90 %)")
        beats = [beats_found(found, r) for found, r in zip(peaks, records, strict=True)]
        for what, share in (
            ("asked beats that are found", sensitivity),
            ("found beats that were asked", predictive_value),
        ):
            b = share(beats, rng=stream(0, "bench_learned_ecg.beats"))
            print(f"  {what}: {b.value:.4f} [{b.low:.4f} to {b.high:.4f}] of {b.n}")
        cloud = clouds(training, held_out, records)
        for m in (*cloud.metrics, cloud.near.closer):
            parts = (f"{p.value:.3f} [{p.low:.3f} to {p.high:.3f}]" for p in (m.whole, m.matched, m.floor))
            print(f"  {m.name:28} all {next(parts)}  matched {next(parts)}  floor {next(parts)}", flush=True)


def r_peaks(record: Any) -> np.ndarray:
    """Return the R peaks of the first of II, V5, I, V2 in which neurokit2 finds three or more; else none."""
    import neurokit2 as nk

    for lead in ("II", "V5", "I", "V2"):
        x, fs_hz = record.arrays["signal"][record.geometry.leads.index(lead)], round(record.geometry.fs_hz)
        try:
            found = nk.ecg_findpeaks(nk.ecg_clean(np.asarray(x, float), sampling_rate=fs_hz), sampling_rate=fs_hz)
        except (IndexError, ValueError):  # neurokit2 has these on leads without peaks
            continue
        if len(found["ECG_R_Peaks"]) >= 3:
            return np.asarray(found["ECG_R_Peaks"], int)
    return np.zeros(0, int)


def rate_of(peaks: np.ndarray, record: Any) -> float:
    """Return the heart rate of the median interval, NaN where there is none or it is no heart's."""
    rate = 60 * record.geometry.fs_hz / np.median(np.diff(peaks)) if len(peaks) >= 3 else np.nan
    return float(rate) if 25 <= rate <= 250 else float("nan")


def beats_found(peaks: np.ndarray, record: Any) -> Matches:
    """Return how many beats of the record's table are found, within 150 ms and the edges left out."""
    truth = true_beats(record)
    assert truth is not None
    return score(truth, peaks, fs_hz=record.geometry.fs_hz, n_samples=record.arrays["signal"].shape[-1])


if __name__ == "__main__":
    main()
