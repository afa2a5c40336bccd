"""The prepared sides of a table's task, how arms are run on them, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...downstream import Arm, DownstreamResult, Outcomes, Runs, compare_arms, run_arms
from ...downstream.arms import SYNTHETIC
from .arms import pairs
from .prepared import Prepared
from .settings import TableTaskSettings
from .task import TableTask

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sides:
    """The prepared data and how to run on them.

    Attributes:
        task: what is learnt.
        real: training samples.
        test: held-out samples.
        synthetic: made ones, where there are any.
        settings: how it is run.
        folder: where finished arms are kept.
        workers: processes.
    """

    task: TableTask
    real: Prepared
    test: Prepared
    synthetic: Prepared | None
    settings: TableTaskSettings
    folder: Path | None
    workers: int

    @property
    def steps(self) -> int:
        """Return the steps of a stage."""
        return self.settings.steps_of(self.task.coding.kind)

    def made(self) -> dict[str, Prepared]:
        """Return the synthetic side by its name, where there is one."""
        return {} if self.synthetic is None else {SYNTHETIC: self.synthetic}

    def run(
        self, task: Any, sources: Any, test: Prepared, arms: Sequence[Arm], part: str, progress: Progress,
        looks: Sequence[Any] = (),
    ) -> Runs:  # fmt: skip
        """Return what arms came to; see `run_arms`. `part` names the folder of their results."""
        folder = None if self.folder is None else self.folder / part
        return run_arms(
            task, sources, test, arms, range(self.settings.seeds), folder=folder,
            fewest_train=self.settings.fewest_train, fewest_test=self.settings.fewest_test, progress=progress,
            workers=self.workers, looks=looks,
        )  # fmt: skip


def compared(
    sides: Sides, task: Any, arms: Sequence[Arm], seeds: Sequence[int], outcomes: Mapping[str, Sequence[Outcomes]],
    groups: Mapping[str, np.ndarray] | None = None, wanted: Sequence[tuple[str, str]] | None = None,
) -> DownstreamResult:  # fmt: skip
    """Return the comparison with those differences alone that matter."""
    kept = pairs([arm.name for arm in arms]) if wanted is None else tuple(wanted)
    references = tuple(dict.fromkeys(b for _, b in kept))
    made = compare_arms(
        task,
        arms,
        seeds,
        outcomes,
        references,
        groups=groups,
        resamples=sides.settings.resamples_of(sides.task.coding.kind),
    )
    rows = tuple(d for d in made.differences if (d.arm, d.reference) in kept)
    return made.model_copy(update={"differences": rows})
