"""Delineation as a task of an evaluation: few real patients, synthetic records, and both one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .worth import SEEDS, ProofTask, TaskSettings, Worth, compared

if TYPE_CHECKING:
    from ...conditioning.record import Record

SHOWN = tuple(f"all leads {kind} {point} F1" for kind in ("P", "QRS", "T") for point in ("onset",)) + tuple(
    f"all leads {kind} {point} sd of error" for kind in ("P", "QRS", "T") for point in ("onset", "offset")
)


def has_marks(record: Record) -> bool:
    """Return whether a record carries marked waves."""
    return len(record.tables.get("waves", {}).get("wave", ())) > 0


def check(sides: Mapping[str, Sequence[Record]]) -> None:
    """Refuse sides of which one carries no marks.

    Raises:
        ValueError: no record of a side has marked waves.
    """
    for side, records in sides.items():
        if not any(map(has_marks, records)):
            raise ValueError(f"the task delineation needs marked waves; no {side} record carries any")


def run(task: TaskSettings, sides: Mapping[str, Sequence[Record]], folder: Path, workers: int) -> Worth:
    """Return the arms' results with neurokit2's metrics beside them."""
    import numpy as np

    from ...evaluation.downstream import Arm, Stage
    from ...evaluation.ecg.delineation_task import DelineationTask, MarkedEcgs, outcomes
    from ...evaluation.ecg.delineators import by_neurokit

    whole = MarkedEcgs.of(list(filter(has_marks, sides["training"])))
    chosen = sorted(set(whole.patients))[: task.patients]
    few = f"real {len(chosen)}"
    sources = {few: whole.only(chosen), "synthetic": MarkedEcgs.of(sides["synthetic"])}
    test = MarkedEcgs.of(list(filter(has_marks, sides["held-out"])), keep=True)
    first, real = Stage(data=("synthetic",), steps=task.first_steps), Stage(data=(few,), steps=task.steps)
    long = Stage(data=(few,), steps=task.first_steps)
    arms = [
        Arm(name=few, stages=(real,)),
        Arm(name=f"{few}, same compute", stages=(long, real)),
        Arm(name="synthetic", stages=(first,)),
        Arm(name=f"synthetic -> {few}", stages=(first, real)),
    ]
    references = (few, f"{few}, same compute")
    result = compared(DelineationTask(), sources, test, [arms[:2], arms[2:]], folder, workers, references)
    values = outcomes(test, lambda record: by_neurokit("dwt", record)).values
    measured = DelineationTask().measure(values, np.ones((1, len(values))))
    about = (
        f"A network that marks P, QRS and T is trained on {task.patients} real patients, on the synthetic records, "
        f"and on both, and scored against the marks of {result.test_patients} held-out patients. "
        f"{len(SEEDS)} seeds, all leads pooled; sd is the spread of the error. neurokit2's dwt delineator stands "
        "beside it on the same records.",
        "This is the small run that fits in minutes; benchmarks/bench_delineation.py is the whole one.",
    )
    return Worth(result, {"neurokit2 dwt": {name: float(v[0]) for name, v in measured.items()}}, SHOWN, about)


DELINEATION = ProofTask(TaskSettings("delineation"), check, run)
