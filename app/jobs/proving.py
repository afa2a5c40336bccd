"""The proof behind the first look: clouds and neighbours in an encoder, and what the data is worth to a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import Progress, silent
from .worth import ProofTask, TaskSettings
from .worth_alternans import ALTERNANS
from .worth_delineation import DELINEATION

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.finding import Finding
    from ...evaluation.report import Section

# A line here is all that a new task needs.
TASKS: dict[str, ProofTask] = {"delineation": DELINEATION, "twa": ALTERNANS}
CLOUDS, DOWNSTREAM, ARMS = "clouds.json", "downstream.json", "arms"
MOST_SYNTHETIC = 300  # records that the clouds are made of
ENCODER_STEPS = 400
FEWEST = 12  # real records a side: halves of them must hold six


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


def check_labels(task: str, sides: Mapping[str, Sequence[Record]]) -> None:
    """Refuse a task whose labels a side does not carry.

    Args:
        task: its name.
        sides: the records by `training`, `held-out` and `synthetic`.

    Raises:
        ValueError: what the task lacks.
    """
    TASKS[task].check(sides)


def prove(
    training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record], folder: Path, *,
    task: TaskSettings | None, seed: int, workers: int, progress: Progress = silent,
) -> tuple[tuple[Finding, ...], list[Section]]:  # fmt: skip
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
        What the first screen says of it, and the sections.
    """
    from ...evaluation.ecg.clouds import clouds
    from ...evaluation.ecg.proof_page import clouds_section, downstream_section, neighbours_section
    from ...evaluation.ecg.verdict import proof_findings

    some = list(synthetic)[:MOST_SYNTHETIC]
    progress(0, 2)
    cloud = clouds(training, held_out, some, seed=seed, steps=ENCODER_STEPS)
    (folder / CLOUDS).write_text(json.dumps(cloud.as_dict(), indent=1) + "\n", encoding="utf-8")
    sections = [clouds_section(cloud)]
    progress(1, 2)
    result = None
    if task is not None:
        sides = {"training": training, "held-out": held_out, "synthetic": synthetic}
        worth = TASKS[task.name].run(task, sides, folder / ARMS, workers)
        result = worth.result
        (folder / DOWNSTREAM).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        sections.append(downstream_section(result, worth.shown, worth.beside, worth.about))
    sections.append(neighbours_section(cloud, training, some))
    progress(2, 2)
    return proof_findings(cloud, result), sections
