"""Delineation learnt from artificial ECGs, from real ones, and from both, scored against cardiologists.

    python benchmarks/bench_delineation.py [--out build/delineation] [--steps 1200] [--real-steps 400]

A one-dimensional U-Net is trained on artificial ECGs alone, on 5 to 50 real LUDB records of the tuning
half, and on artificial then real ones, with controls: classical augmentation, and as many steps on the
real records alone. All arms of a seed start from the same weights. Scored on LUDB's held-out half (40
records), which nothing was trained or tuned on, beside neurokit2. Finished arms lie in --out and are
not trained again; `--arms real` and `--arms synthetic` side by side use two cores.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.conditioning.embedded import embedded  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.downstream import Arm, Stage, downstream, run_arms  # noqa: E402
from clinsynth.evaluation.ecg.delineation_task import DelineationTask, MarkedEcgs, outcomes  # noqa: E402
from clinsynth.evaluation.ecg.delineators import by_neurokit  # noqa: E402
from clinsynth.evaluation.ecg.training_cohort import training_records  # noqa: E402

SIZES, CONTROLLED = (5, 10, 20, 50), 20


def arms(steps: int, real_steps: int) -> list[Arm]:
    """Return the arms: artificial, real and both at each size, and the controls at one size."""
    first = Stage(data=("synthetic",), steps=steps)
    made = [Arm(name="synthetic", stages=(first,))]
    for n in SIZES:
        real = Stage(data=(f"real {n}",), steps=real_steps)
        made += [Arm(name=f"real {n}", stages=(real,)), Arm(name=f"synthetic -> real {n}", stages=(first, real))]
    source = (f"real {CONTROLLED}",)
    real, long = Stage(data=source, steps=real_steps), Stage(data=source, steps=steps)
    bent, bent_long = (Stage(data=source, steps=k, augment=True) for k in (real_steps, steps))
    mixed = Stage(data=("synthetic", *source), steps=steps + real_steps)
    return [
        *made,
        Arm(name=f"real {CONTROLLED}, same compute", stages=(long, real)),
        Arm(name=f"real {CONTROLLED}, augmented, same compute", stages=(bent_long, bent)),
        Arm(name=f"mixed {CONTROLLED}", stages=(mixed,)),
    ]


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/delineation"))
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--real-steps", type=int, default=400)
    parser.add_argument("--artificial", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", default="", help="train the arms whose names start so, and print nothing")
    o = parser.parse_args()
    torch.set_num_threads(1)
    task, begun = DelineationTask(), time.perf_counter()
    whole = MarkedEcgs.of(embedded("ludb", split="tuning"))
    names = sorted(set(whole.patients))
    order = [names[k] for k in stream(0, "bench_delineation.order").permutation(len(names))]
    sources = {f"real {n}": whole.only(order[:n]) for n in SIZES}
    sources["synthetic"] = MarkedEcgs.of(training_records(o.artificial, seed=11))
    test = MarkedEcgs.of(embedded("ludb", split="held_out"), keep=True)
    chosen = [arm for arm in arms(o.steps, o.real_steps) if arm.name.startswith(o.arms)]

    def said(done: int, total: int) -> None:
        print(f"{done} of {total} arms, {time.perf_counter() - begun:.0f} s", flush=True)

    if o.arms:
        run_arms(task, sources, test, chosen, range(o.seeds), folder=o.out, fewest_train=5, progress=said)
        return
    references = (*sources, f"real {CONTROLLED}, same compute", f"real {CONTROLLED}, augmented, same compute")
    found = downstream(
        task, sources, test, chosen, range(o.seeds), folder=o.out, fewest_train=5, references=references, progress=said
    )
    (o.out / "delineation.json").write_text(found.model_dump_json(indent=1))
    for scope in ("II", "all leads"):
        print(f"\n{scope}, {found.test_patients} patients, {o.seeds} seeds")
        for method in ("dwt", "peak"):
            show(f"neurokit2 {method}", beside(task, test, method, scope))
        for arm in chosen:
            show(
                arm.name, {m.name: found.row(arm.name, m.name).result for m in task.metrics if m.name.startswith(scope)}
            )
        for n in SIZES:
            told(found, scope, f"synthetic -> real {n}", f"real {n}")
            told(found, scope, "synthetic", f"real {n}")
        for control in references[-2:]:
            told(found, scope, f"synthetic -> real {CONTROLLED}", control)


def beside(task: DelineationTask, test: MarkedEcgs, method: str, scope: str) -> dict[str, object]:
    """Return neurokit2's metrics on the test set."""
    values = outcomes(test, lambda record: by_neurokit(method, record)).values  # type: ignore[arg-type]
    measured = task.measure(values, np.ones((1, len(values))))
    return {m.name: float(measured[m.name][0]) for m in task.metrics if m.name.startswith(scope)}


def show(arm: str, results: dict) -> None:
    """Print an arm: F1 and error of every boundary."""
    print(f"  {arm}")
    cells = sorted({name.rsplit(" ", 1)[0] for name in results if name.endswith("F1")})
    for cell in cells:
        score, bias, sd = (results[f"{cell} {what}"] for what in ("F1", "mean error", "sd of error"))
        print(f"    {cell:22} F1 {number(score, 4)}  error {number(bias, 1)}  sd {number(sd, 1)}")


def number(x: object, digits: int) -> str:
    """Return a value with its interval, where it has one."""
    if isinstance(x, float):
        return f"{x:.{digits}f}"
    return "-" if x.value is None else f"{x.value:.{digits}f} [{x.low:.{digits}f} to {x.high:.{digits}f}]"


def told(found, scope: str, arm: str, reference: str) -> None:
    """Print the differences of two arms."""
    print(f"  {arm} less {reference}")
    for kind in ("P", "QRS", "T"):
        words = []
        for point in ("onset", "offset"):
            for what, digits in (("F1", 4), ("sd of error", 1)):
                row = found.difference(arm, reference, f"{scope} {kind} {point} {what}")
                words.append(f"{point} {what} {number(row.difference, digits)} {row.verdict}")
        print(f"    {kind:4}" + "; ".join(words))


if __name__ == "__main__":
    main()
