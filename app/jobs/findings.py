"""The downstream task of radiographs: classifiers of findings trained on real, synthetic and both, on real patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.downstream import DownstreamResult
    from ...evaluation.finding import Finding
    from ...evaluation.report import Section

_PLACE = "clinsynth.evaluation.radiograph.downstream"


@dataclass(frozen=True)
class FindingsTask:
    """How the task is run beside an evaluation: the small run that fits in minutes.

    Attributes:
        name: of the task.
        shares: parts of the real patients that classifiers are trained on, the largest last.
        steps: of each stage of a training.
        seeds: how many, three or more.
        augment: whether to run the arms with classical augmentation.
        fairness: whether to judge on whom errors fall.
        robustness: whether to put the classifiers through worse images and attacks.
    """

    name: str = "findings"
    shares: tuple[float, ...] = (1.0,)
    steps: int = 80
    seeds: int = 3
    augment: bool = True
    fairness: bool = True
    robustness: bool = True

    def model(self) -> Any:
        """Return the model that checks the values."""
        return import_module(_PLACE).FindingsSettings


def run_findings(
    task: FindingsTask, training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record],
    folder: Path, progress: Progress = silent,
) -> tuple[Any, DownstreamResult, Sequence[Section]]:  # fmt: skip
    """Return all results, those of all real patients on held-out ones, and the sections of the page.

    Finished arms stay in `folder` and are not trained again.

    Args:
        task: how.
        training: real records that the generator was trained on.
        held_out: real records of other patients, for the test.
        synthetic: synthetic records.
        folder: of the evaluation.
        progress: called with (trainings had, trainings).

    Raises:
        ValueError: too few patients, or no finding that enough of them have and have not.
    """
    place = import_module(_PLACE)
    said = {name: value for name, value in vars(task).items() if name != "name"}
    settings = place.FindingsSettings.model_validate(said)
    found = place.findings_task(training, synthetic, held_out, settings, folder=folder / "arms", progress=progress)
    whole = found.at(found.tests[0].name, max(task.shares)).result
    return found, whole, place.findings_sections(found)


def said_of(found: Any) -> tuple[Finding, ...]:
    """Return what the first screen says of groups and of worse images."""
    said: tuple[Finding, ...] = import_module(_PLACE).trust_findings(found)
    return said
