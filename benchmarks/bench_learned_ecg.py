"""A trained ECG diffusion model beside the simulator: finite, R peaks, asked rate, and what a discriminator says.

    python benchmarks/bench_learned_ecg.py RUN [--n 500]

Both generators are asked for the same conditions (sex, age, heart rate, rhythm). An encoder is trained on
LUDB's tuning half, on which the model was trained too; the held-out half stands for real records.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.app.jobs.models import build  # noqa: E402
from clinsynth.conditioning.ecg import EcgCondition, Rhythm, Sex  # noqa: E402
from clinsynth.conditioning.embedded import embedded  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.ecg.clouds import clouds  # noqa: E402
from clinsynth.evaluation.ecg.delineation import delineate  # noqa: E402


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
        rates = np.array([rate_of(r) for r in records])
        error = np.abs(rates - [c.heart_rate_bpm for c in asked])
        found = np.isfinite(rates).mean()
        print(f"{name}: {cpu_s:.3f} CPU s a record; finite {finite} of {o.n}; R peaks found in {found:.1%}")
        print(f"  asked rate missed by {np.nanmedian(error):.1f} bpm (median), {np.nanquantile(error, 0.9):.1f} (90 %)")
        cloud = clouds(training, held_out, records)
        for m in (*cloud.metrics, cloud.near.closer):
            parts = (f"{p.value:.3f} [{p.low:.3f} to {p.high:.3f}]" for p in (m.whole, m.matched, m.floor))
            print(f"  {m.name:28} all {next(parts)}  matched {next(parts)}  floor {next(parts)}", flush=True)


def rate_of(record: object) -> float:
    """Return the heart rate of the first of II, V5, I, V2 in which neurokit2 finds three R peaks or more; else NaN."""
    x, geometry = record.arrays["signal"], record.geometry  # type: ignore[attr-defined]
    for lead in ("II", "V5", "I", "V2"):
        found = delineate(np.asarray(x[geometry.leads.index(lead)], float), geometry.fs_hz)
        if len(found.r_peaks) >= 3:
            rate = 60 * geometry.fs_hz / np.median(np.diff(found.r_peaks))
            if 25 <= rate <= 250:
                return float(rate)
    return float("nan")


if __name__ == "__main__":
    main()
