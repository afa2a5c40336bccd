"""evaluate, for ECGs: a first look, and the proof where training data are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import Progress
from .modalities import Measured
from .proving import TASKS, check_labels, prove, split_sides
from .sources import Side
from .worth import TaskSettings

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.ecg.measurement import Measurement

__all__ = ["ARRAYS", "NOUN", "TASKS", "Sides", "measured", "sides", "task_settings"]

NOUN, ARRAYS = "ECGs", ("signal",)
FIRST_LOOK = "first_look.json"
LAST = ("sheets", "failures", "numbers", "limits")  # sections that the proof comes before


def task_settings(name: str) -> TaskSettings:
    """Return how a task is run when nothing else is said."""
    return TASKS[name].settings


@dataclass(frozen=True)
class Sides:
    """What is compared.

    Attributes:
        real: all real records.
        training: those that were trained on.
        held_out: the real records of other patients.
        synthetic: what is judged.
        unproven: why there is no more than a first look; empty where there is the proof.
    """

    real: Sequence[Record]
    training: Sequence[Record]
    held_out: Sequence[Record]
    synthetic: Sequence[Record]
    unproven: str = ""


def sides(
    real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None,
    task: TaskSettings | None,
) -> Sides:  # fmt: skip
    """Return what is compared.

    Raises:
        ValueError: too few real records on a side, or no labels for the task.
    """
    from ...evaluation.ecg.clouds import unseen

    if train is None:
        return Sides(real, (), (), synthetic, "training data were not named")
    held_out = split_sides(real, training, train)
    why = unseen([*training, *held_out, *synthetic])
    if why and task is None:
        return Sides(real, training, held_out, synthetic, f"the encoder cannot look, {why}")
    if task is not None:
        check_labels(task.name, {"training": training, "held-out": held_out, "synthetic": synthetic})
    return Sides(real, training, held_out, synthetic)


def measured(
    sides: Sides, made: Side, folder: Path, *, task: TaskSettings | None, seed: int, workers: int,
    progress: Progress,
) -> Measured:  # fmt: skip
    """Return the page of a first look, with the proof in it where there are training data."""
    from ...evaluation.ecg.first_look import first_look
    from ...evaluation.ecg.measured_once import measured_once
    from ...evaluation.ecg.verdict import unproven_findings

    total = len(sides.real) + len(sides.synthetic)
    progress(0, total)

    known: dict[int, Measurement] = {}

    def once(records: Sequence[Record], before: int = 0) -> list[Measurement]:
        """Measure records that were not measured yet, whichever side they stand on."""
        new = [r for r in records if id(r) not in known]
        found = measured_once(
            new, folder, workers=workers, progress=lambda done: progress(min(before + done, total), total)
        )
        known.update(zip(map(id, new), found, strict=True))
        return [known[id(r)] for r in records]

    both = once(sides.real), once(sides.synthetic, len(sides.real))
    look = first_look(sides.real, sides.synthetic, seed=seed, measured=both)
    look.save_json(folder / FIRST_LOOK)
    page = look.page()
    if sides.unproven:
        more = unproven_findings(sides.unproven)
        return Measured(page.model_copy(update={"findings": (*page.findings, *more)}))
    said, others = prove(
        sides.training, sides.held_out, sides.synthetic, folder, task=task, seed=seed, workers=workers,
        measured=once,
    )  # fmt: skip
    before = [s for s in page.sections if s.name not in LAST]
    after = [s for s in page.sections if s.name in LAST]
    sections = (*before, *others, *after)
    return Measured(page.model_copy(update={"sections": sections, "findings": (*page.findings, *said)}))
