"""What a downstream task of an evaluation is made of, and its arms trained in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.downstream import Arm, DownstreamResult

SEEDS = (0, 1, 2)
FEWEST_PATIENTS = 5


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


@dataclass(frozen=True)
class Worth:
    """What a task came to.

    Attributes:
        result: all arms.
        beside: metrics of methods that are not trained, by name.
        shown: metrics that the page shows.
        about: what was done, in sentences.
    """

    result: DownstreamResult
    beside: Mapping[str, Mapping[str, float]]
    shown: tuple[str, ...]
    about: tuple[str, ...]


@dataclass(frozen=True)
class ProofTask:
    """A task that `evaluate` knows.

    Attributes:
        settings: how it is run when nothing else is said.
        check: refuses sides (training, held-out, synthetic) that it cannot be run on, before the work.
        run: takes settings, the three sides, the folder of finished arms and a number of processes.
    """

    settings: TaskSettings
    check: Callable[[Mapping[str, Sequence[Record]]], None]
    run: Callable[[TaskSettings, Mapping[str, Sequence[Record]], Path, int], Worth]


def compared(
    task: Any, sources: Mapping[str, Any], test: Any, parts: Sequence[Sequence[Arm]], folder: Path, workers: int,
    references: Sequence[str],
) -> DownstreamResult:  # fmt: skip
    """Return all arms' results; finished ones are read from the folder.

    Args:
        task: the `Task`.
        sources: training data by name.
        test: test data.
        parts: the arms, in groups that can be trained apart.
        folder: of finished arms.
        workers: processes; more than one trains the parts beforehand.
        references: arms that the others are compared with.
    """
    from ...evaluation.downstream import downstream

    if workers > 1:
        _beforehand(task, sources, test, parts, folder, workers)
    return downstream(
        task, sources, test, [arm for part in parts for arm in part], SEEDS,
        folder=folder, references=references, fewest_train=FEWEST_PATIENTS,
    )  # fmt: skip


def _beforehand(
    task: Any, sources: Mapping[str, Any], test: Any, parts: Sequence[Sequence[Arm]], folder: Path, workers: int
) -> None:
    """Train parts of the arms in processes of their own; their results are read from the folder afterwards."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=context) as pool:
        for done in [pool.submit(_trained, task, dict(sources), test, list(part), folder) for part in parts]:
            done.result()


def _trained(task: Any, sources: dict[str, Any], test: Any, arms: list[Arm], folder: Path) -> None:
    import torch

    from ...evaluation.downstream import run_arms

    torch.set_num_threads(1)
    run_arms(task, sources, test, arms, SEEDS, folder=folder, fewest_train=FEWEST_PATIENTS)
