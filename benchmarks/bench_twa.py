"""T-wave alternans on patients never trained on: the ladder of training sets beside the field's methods.

    python benchmarks/bench_twa.py [--out FILE.json] [--seeds 3]
    python benchmarks/bench_twa.py --pretrain cinc:DIR --data DIR
    python benchmarks/bench_twa.py --real 'ptbxl:DIR?on_error=skip' --pretrain 'cinc:DIR?on_error=skip' --limit 2000

Real: the embedded LUDB (trained on its tuning half, tested on its held-out half) or the source that `--real` names,
split by patient, with alternans of known size put in; of PTB-XL, folds 9 and 10 are tested on. `--pretrain` names real
records whose labelled rhythms are learnt first, beside the simulator's (without the Challenge's copy of PTB-XL where
that is `--real`). `--data` names a folder of long WFDB recordings (such as MIT-BIH's `100`); each is a test of its own,
of one patient. One CPU thread. Prints a table for each test, question and length.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import torch
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.readers import read
from clinsynth.evaluation.ecg.alternans.examples import artificial_examples, real_examples
from clinsynth.evaluation.ecg.alternans.ladder import Sets, Steps
from clinsynth.evaluation.ecg.alternans.recordings import FEW_LEADS, independent, long_recordings
from clinsynth.evaluation.ecg.alternans.sources import arrhythmia_sets, real_rows, sides, without_ptbxl
from clinsynth.evaluation.ecg.alternans.subjects import LENGTHS, LONG, continuations, patients, stretches
from clinsynth.evaluation.ecg.alternans.task import HEADLINE, Row, Trials, run, trials
from clinsynth.evaluation.result import Result

UV = (10.0, 20.0, 30.0, 50.0, 100.0)
SNR_DB = (None, 20.0, 10.0)
LONG_SNR_DB = (None, 10.0)
STEPS = Steps(arrhythmia=100, artificial=200, real=200)
CONTINUATIONS = 10


def training_sets(options: argparse.Namespace, train: Sequence) -> Sets:
    """Return the ladder's sets: real rows, artificial ECGs, and records in all rhythms."""
    if options.real is None:
        real = real_examples(train, short=12, long=4, seed=1)
    else:
        real = real_rows(tuple(train), seed=1)
    pretrain = {source.partition(":")[0]: read(source) for source in options.pretrain}
    if options.real is not None and options.real.startswith("ptbxl:"):
        pretrain = {name: without_ptbxl(records) for name, records in pretrain.items()}
    arrhythmia = arrhythmia_sets(options.rhythms, pretrain, seed=3)
    return Sets(real, artificial_examples(options.artificial, seed=2), arrhythmia, FEW_LEADS)


def tests(options: argparse.Namespace, held_out: Sequence) -> Iterator[Trials]:
    """Yield the tests: patients at three lengths, in all leads and in two, and each long recording."""
    name = "LUDB" if options.real is None else options.real.partition(":")[0]
    short = patients(held_out, 4, lengths=tuple(length for length in LENGTHS if length != "128 beats"))
    yield trials(short, UV, SNR_DB, 4, name=name)
    longest = patients(held_out, 4, lengths=("128 beats",))
    yield trials(longest, UV, LONG_SNR_DB, 4, name=name, questions=(HEADLINE,))
    two = patients(held_out, 4, lengths=LONG, leads=FEW_LEADS)
    yield trials(two, UV, (None,), 4, name=f"{name}, II and V5", questions=(HEADLINE,))
    if options.data is not None:
        left_out: list[str] = []
        for record in long_recordings(options.data, left_out):
            yield from recording_tests(record)
        for line in left_out:
            print(f"left out: {line}", file=sys.stderr)


def recording_tests(record) -> Iterator[Trials]:
    """Yield a recording's own stretches at each length, or where it has none its beats in other orders."""
    leads = independent(record)
    shown = "I, II, V1-V6" if len(leads) > 2 else "MLII or II, and V5"
    for length in LONG:
        found = stretches(record, length, leads)
        how = f"{len(found)} stretches of one patient"
        if len(found) < 2:
            found = continuations(record, CONTINUATIONS, 5, leads, (length,))
            how = f"{len(found)} continuations of one patient"
        name = f"{record.record_id} ({shown}; {how})"
        yield trials(found, UV, LONG_SNR_DB, 5, name=name, questions=(HEADLINE,))


def show(rows: Sequence[Row]) -> None:
    """Print a table for each test, question and length: methods down, amounts across, then all amounts by noise."""
    for test, question, length in dict.fromkeys((r.test, r.question, r.length) for r in rows):
        mine = [r for r in rows if (r.test, r.question, r.length) == (test, question, length)]
        columns: list[tuple[str, float | None, float | None]] = [(f"{uv:g} µV", None, uv) for uv in UV]
        noise = dict.fromkeys(r.snr_db for r in mine)
        columns += [("all" if s is None else f"all, {s:g} dB", s, None) for s in noise]
        head = ["method", *(name for name, _, _ in columns), "over real", "over real, same compute"]
        print(f"\n## {test}: {question}, {length}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for method in dict.fromkeys(r.method for r in mine):
            cells = {(r.snr_db, r.twa_uv): r for r in mine if r.method == method}
            whole = cells[None, None]
            values = [_ranged(cells[snr, uv].auroc) for _, snr, uv in columns]
            gains = [_ranged(g, "+") for g in (whole.gain, whole.gain_same_compute)]
            print(f"| {' | '.join([method, *values, *gains])} |")


def _ranged(r: Result, sign: str = "") -> str:
    return f"{r.value:{sign}.3f} [{r.low:{sign}.3f}, {r.high:{sign}.3f}]" if r.known else "–"


def write(path: Path, rows: Sequence[Row], done: Sequence[Trials], options: argparse.Namespace, seconds: dict) -> None:
    """Write all rows with how they were made."""
    about = {
        "tests": [{"name": t.name, "n": len(t.patients), "dropped": list(t.dropped)} for t in done],
        "options": {k: str(v) for k, v in vars(options).items() if k not in ("out", "data")},
        "steps": vars(options.steps), "seconds": seconds, "rows": [r.as_dict() for r in rows],
    }  # fmt: skip
    path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON file for every row")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--real", help="READER:PATH of real ECGs, such as ptbxl:DIR; the embedded LUDB when left out")
    parser.add_argument("--pretrain", action="append", default=[], help="READER:PATH with labelled rhythms (cinc:DIR)")
    parser.add_argument("--data", type=Path, help="folder of long WFDB recordings to test on")
    parser.add_argument("--limit", type=int, default=1000, help="most patients of --real on each side")
    parser.add_argument("--artificial", type=int, default=600, help="artificial ECGs to train on")
    parser.add_argument("--rhythms", type=int, default=390, help="simulated ECGs in 13 rhythms to pretrain on")
    parser.add_argument(
        "--steps", type=lambda text: Steps(*map(int, text.split(","))), default=STEPS,
        help="optimiser steps on arrhythmia, artificial and real records (100,200,200)",
    )  # fmt: skip
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    options = arguments(words)
    torch.set_num_threads(1)
    clock = [time.perf_counter()]
    if options.real is None:
        train, held_out = (list(embedded("ludb", split=split)) for split in ("tuning", "held_out"))
    else:
        train, held_out = (list(side) for side in vars(sides(read(options.real), options.limit)).values())
    sets = training_sets(options, train)
    clock.append(time.perf_counter())
    done = list(tests(options, held_out))
    clock.append(time.perf_counter())
    rows = run(sets, done, options.steps, range(options.seeds), UV, tuple(dict.fromkeys(chain(SNR_DB, LONG_SNR_DB))),
               lambda n: print(f"seed {n} of {options.seeds} trained", file=sys.stderr))  # fmt: skip
    clock.append(time.perf_counter())
    names = ("training records", "test records", "training and scoring")
    seconds = {name: round(b - a, 1) for name, a, b in zip(names, clock[:-1], clock[1:], strict=True)}
    rhythms = ", ".join(f"{name} {len(some)}" for name, some in sets.arrhythmia.items())
    print(f"{len(train)} real records ({len(sets.real)} rows), {len(sets.artificial)} artificial, rhythms: {rhythms}; "
          f"{options.seeds} seeds; seconds: {seconds}")  # fmt: skip
    show(rows)
    if options.out is not None:
        write(options.out, rows, done, options, seconds)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"bench_twa: {error}")
