"""T-wave alternans on patients never trained on: the ladder of training sets beside the field's methods.

    python benchmarks/bench_twa.py [--out FILE.json] [--seeds 3]

Real: the embedded LUDB, trained on its tuning half, tested on its held-out half, with alternans of
known size put in. One CPU thread. Prints AUROC by amount and by added noise, and writes every row.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from clinsynth.conditioning.embedded import embedded
from clinsynth.evaluation.ecg.alternans.examples import artificial_examples, real_examples, rhythm_examples
from clinsynth.evaluation.ecg.alternans.ladder import Sets, Steps
from clinsynth.evaluation.ecg.alternans.task import Row, Trials, run, trials

UV = (10.0, 20.0, 30.0, 50.0, 100.0)
SNR_DB = (None, 20.0, 10.0)
STEPS = Steps(arrhythmia=100, artificial=200, real=200)


def training_sets() -> Sets:
    """Return the ladder's sets: 60 real patients, 800 artificial ones, 650 in 13 rhythms."""
    real = real_examples(embedded("ludb", split="tuning"), short=12, long=4, seed=1)
    return Sets(real, artificial_examples(600, seed=2), rhythm_examples(390, seed=3))


def show(rows: Sequence[Row]) -> None:
    """Print one table for each question and length: methods down, amounts across, then all amounts by noise."""
    for question, length in dict.fromkeys((r.question, r.length) for r in rows):
        mine = [r for r in rows if (r.question, r.length) == (question, length)]
        columns: list[tuple[str, float | None, float | None]] = [(f"{uv:g} uV", None, uv) for uv in UV]
        columns += [("all" if s is None else f"{s:g} dB", s, None) for s in dict.fromkeys(r.snr_db for r in mine)]
        print(f"\nAUROC, {question}, {length}")
        print(f"{'':20}" + "".join(f"{name:>8}" for name, _, _ in columns) + "  all (95 %)     gain over real")
        for method in dict.fromkeys(r.method for r in mine):
            cells = {(r.snr_db, r.twa_uv): r for r in mine if r.method == method}
            line = "".join(f"{cells[snr, uv].auroc.value:8.3f}" for _, snr, uv in columns)
            whole = cells[None, None]
            gain = "" if math.isnan(whole.gain.value) else _interval(whole.gain.value, whole.gain.low, whole.gain.high)
            print(f"{method:20}{line}  {whole.auroc.low:.3f} to {whole.auroc.high:.3f} {gain}")


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def write(path: Path, rows: Sequence[Row], trial: Trials, seconds: dict[str, float]) -> None:
    """Write all rows with how they were made."""
    steps = {"arrhythmia": STEPS.arrhythmia, "artificial": STEPS.artificial, "real": STEPS.real}
    about = {"patients": len(trial.patients), "dropped": list(trial.dropped), "steps": steps, "seconds": seconds}
    path.write_text(json.dumps(about | {"rows": [r.as_dict() for r in rows]}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    clock = [time.perf_counter()]
    sets = training_sets()
    clock.append(time.perf_counter())
    trial = trials(list(embedded("ludb", split="held_out")), UV, SNR_DB, seed=4)
    clock.append(time.perf_counter())
    rows = run(sets, trial, STEPS, range(options.seeds), UV, SNR_DB)
    clock.append(time.perf_counter())
    names = ("training records", "test records", "training and scoring")
    seconds = {name: round(b - a, 1) for name, a, b in zip(names, clock[:-1], clock[1:], strict=True)}
    print(f"{len(trial.patients)} test patients, {len(sets.real)} real, {len(sets.artificial)} artificial, "
          f"{len(sets.arrhythmia)} rhythm records; {options.seeds} seeds; seconds: {seconds}")  # fmt: skip
    show(rows)
    if options.out is not None:
        write(options.out, rows, trial, seconds)


if __name__ == "__main__":
    main()
