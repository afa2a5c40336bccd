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

__all__ = ["ARRAYS", "NOUN", "TASKS", "Sides", "measured", "sides", "task_settings"]

NOUN, ARRAYS = "ECGs", ("signal",)
FIRST_LOOK = "first_look.json"
LAST = ("sheets", "failures", "numbers", "limits")  # sections that the proof comes before


def task_settings(name: str) -> TaskSettings:
    """Return how a task is run when nothing else is said."""
    return TASKS[name].settings


@dataclass(frozen=True)
class Sides:
    """What is compared; `held_out` are the real records of patients that were not trained on."""

    real: Sequence[Record]
    training: Sequence[Record]
    held_out: Sequence[Record]
    synthetic: Sequence[Record]
    proof: bool


def sides(
    real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None,
    task: TaskSettings | None,
) -> Sides:  # fmt: skip
    """Return what is compared.

    Raises:
        ValueError: too few real records on a side, or no labels for the task.
    """
    if train is None:
        return Sides(real, (), (), synthetic, proof=False)
    held_out = split_sides(real, training, train)
    if task is not None:
        check_labels(task.name, {"training": training, "held-out": held_out, "synthetic": synthetic})
    return Sides(real, training, held_out, synthetic, proof=True)


def measured(
    sides: Sides, made: Side, folder: Path, *, task: TaskSettings | None, seed: int, workers: int,
    progress: Progress,
) -> Measured:  # fmt: skip
    """Return the page of a first look, with the proof in it where there are training data."""
    from ...evaluation.ecg.first_look import first_look
    from ...evaluation.ecg.verdict import unproven_findings

    total = len(sides.real) + len(sides.synthetic)
    progress(0, total)
    look = first_look(sides.real, sides.synthetic, seed=seed, workers=workers)
    progress(total, total)
    look.save_json(folder / FIRST_LOOK)
    page = look.page()
    if not sides.proof:
        return Measured(page.model_copy(update={"findings": (*page.findings, *unproven_findings())}))
    said, others = prove(
        sides.training, sides.held_out, sides.synthetic, folder, task=task, seed=seed, workers=workers
    )  # fmt: skip
    before = [s for s in page.sections if s.name not in LAST]
    after = [s for s in page.sections if s.name in LAST]
    sections = (*before, *others, *after)
    return Measured(page.model_copy(update={"sections": sections, "findings": (*page.findings, *said)}))
