"""The proof behind the first look: clouds and neighbours in an encoder, and what the data is worth to a model."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.downstream import Arm, DownstreamResult
    from ...evaluation.report import Section

TASKS = ("delineation",)
CLOUDS, DOWNSTREAM = "clouds.json", "downstream.json"
SEEDS = (0, 1, 2)
MOST_SYNTHETIC = 300  # records that the clouds are made of
ENCODER_STEPS = 400
FEWEST = 12  # real records a side: halves of them must hold six
SHOWN = tuple(f"all leads {kind} {point} F1" for kind in ("P", "QRS", "T") for point in ("onset",)) + tuple(
    f"all leads {kind} {point} sd of error" for kind in ("P", "QRS", "T") for point in ("onset", "offset")
)


@dataclass(frozen=True)
class TaskSettings:
    """How a downstream task is run.

    Attributes:
        name: of the task.
        patients: real patients that the few-data arms train on.
        first_steps: training steps on synthetic data.
        steps: training steps on real data.
    """

    name: str
    patients: int = 10
    first_steps: int = 240
    steps: int = 120


def split_sides(real: Sequence[Record], training: Sequence[Record], source: str) -> list[Record]:
    """Return the real records of patients that are not among the training ones.

    Raises:
        ValueError: too few are left on a side.
    """
    from ...evaluation.ecg.delineation_task import patient_of

    known = {patient_of(record) for record in training}
    held_out = [record for record in real if patient_of(record) not in known]
    for side, records in (("training", training), ("held-out", held_out)):
        if len(records) < FEWEST:
            said = f"{len(records)} real records are {side} ones when {source} is trained on"
            raise ValueError(f"{said}; {FEWEST} or more are needed on each side, of different patients")
    return held_out


def has_marks(record: Record) -> bool:
    """Return whether a record carries marked waves."""
    return len(record.tables.get("waves", {}).get("wave", ())) > 0


def check_marked(task: str, sides: Mapping[str, Sequence[Record]]) -> None:
    """Refuse a task whose labels a side does not carry.

    Raises:
        ValueError: no record of a side has marked waves.
    """
    for side, records in sides.items():
        if not any(map(has_marks, records)):
            raise ValueError(f"the task {task} needs marked waves; no {side} record carries any")


def prove(
    training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record], folder: Path, *,
    task: TaskSettings | None, seed: int, workers: int, progress: Progress = silent,
) -> tuple[Section, list[Section]]:  # fmt: skip
    """Compare clouds and run the task; JSON files and finished arms go to `folder`.

    Args:
        training: real records that were trained on, or that kernels came from.
        held_out: real records of other patients, from `split_sides`.
        synthetic: the synthetic records.
        folder: of the evaluation.
        task: the downstream task; none when None.
        seed: of encoder and resamples.
        workers: processes.
        progress: called with (parts done, parts).

    Returns:
        The section that comes first, and the others.
    """
    from ...evaluation.ecg.clouds import clouds
    from ...evaluation.ecg.proof_page import (
        clouds_section,
        downstream_section,
        neighbours_section,
        verdict_section,
    )

    some = list(synthetic)[:MOST_SYNTHETIC]
    progress(0, 2)
    cloud = clouds(training, held_out, some, seed=seed, steps=ENCODER_STEPS)
    (folder / CLOUDS).write_text(json.dumps(cloud.as_dict(), indent=1) + "\n", encoding="utf-8")
    sections = [clouds_section(cloud)]
    progress(1, 2)
    result = None
    if task is not None:
        result, beside = run_task(task, training, held_out, synthetic, folder, workers)
        (folder / DOWNSTREAM).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        about = (
            f"A network that marks P, QRS and T is trained on {task.patients} real patients, on the synthetic records, "
            f"and on both, and scored against the marks of {result.test_patients} held-out patients. "
            f"{len(SEEDS)} seeds, all leads pooled; sd is the spread of the error. neurokit2's dwt delineator stands "
            "beside it on the same records.",
            "This is the small run that fits in minutes; benchmarks/bench_delineation.py is the whole one.",
        )
        sections.append(downstream_section(result, SHOWN, beside, about))
    sections.append(neighbours_section(cloud, training, some))
    progress(2, 2)
    return verdict_section(cloud, result), sections


def run_task(
    task: TaskSettings, training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record],
    folder: Path, workers: int,
) -> tuple[DownstreamResult, Mapping[str, Mapping[str, float]]]:  # fmt: skip
    """Return the arms' results and neurokit2's metrics beside them.

    Raises:
        ValueError: the real records carry no marked waves, or are too few.
    """
    import numpy as np

    from ...evaluation.downstream import Arm, Stage, downstream
    from ...evaluation.ecg.delineation_task import DelineationTask, MarkedEcgs, outcomes
    from ...evaluation.ecg.delineators import by_neurokit

    marked = [
        [r for r in side if "waves" in r.tables and len(r.tables["waves"]["wave"])] for side in (training, held_out)
    ]
    whole = MarkedEcgs.of(marked[0])
    chosen = sorted(set(whole.patients))[: task.patients]
    few = f"real {len(chosen)}"
    sources = {few: whole.only(chosen), "synthetic": MarkedEcgs.of(synthetic)}
    test = MarkedEcgs.of(marked[1], keep=True)
    first, real = Stage(data=("synthetic",), steps=task.first_steps), Stage(data=(few,), steps=task.steps)
    long = Stage(data=(few,), steps=task.first_steps)
    arms = [
        Arm(name=few, stages=(real,)),
        Arm(name=f"{few}, same compute", stages=(long, real)),
        Arm(name="synthetic", stages=(first,)),
        Arm(name=f"synthetic -> {few}", stages=(first, real)),
    ]
    results = folder / "arms"
    if workers > 1:
        _beforehand(sources, test, [arms[:2], arms[2:]], results, workers)
    result = downstream(
        DelineationTask(), sources, test, arms, SEEDS,
        folder=results, references=(few, f"{few}, same compute"), fewest_train=5,
    )  # fmt: skip
    values = outcomes(test, lambda record: by_neurokit("dwt", record)).values
    measured = DelineationTask().measure(values, np.ones((1, len(values))))
    return result, {"neurokit2 dwt": {name: float(v[0]) for name, v in measured.items()}}


def _beforehand(
    sources: Mapping[str, Any], test: Any, parts: Sequence[Sequence[Arm]], folder: Path, workers: int
) -> None:
    """Train parts of the arms in processes of their own; their results are read from the folder afterwards."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=context) as pool:
        for done in [pool.submit(_trained, dict(sources), test, list(part), folder) for part in parts]:
            done.result()


def _trained(sources: dict[str, Any], test: Any, arms: list[Arm], folder: Path) -> None:
    import torch

    from ...evaluation.downstream import run_arms
    from ...evaluation.ecg.delineation_task import DelineationTask

    torch.set_num_threads(1)
    run_arms(DelineationTask(), sources, test, arms, SEEDS, folder=folder, fewest_train=5)
