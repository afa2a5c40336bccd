"""The downstream task of radiographs: a classifier of findings trained on real, synthetic and both."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...conditioning.record import Record

if TYPE_CHECKING:
    from ...evaluation.downstream import Arm, DownstreamResult
    from ...evaluation.report import Section

_PLACE = "clinsynth.evaluation.radiograph.downstream"
SHOWN = {  # metric -> column title
    "macro AUROC": "macro AUROC",
    "balanced accuracy": "balanced accuracy",
    "underdiagnosis": "sick called healthy",
    "underdiagnosis gap, sex": "its gap between sexes",
    "underdiagnosis gap, age band": "its gap between age bands",
}


@dataclass(frozen=True)
class FindingsSettings:
    """How the task is run.

    Attributes:
        name: of the task.
        steps: training steps on real data, on synthetic or on both.
        first_steps: training steps on synthetic data before real data.
        seeds: of the trainings, three or more.
    """

    name: str = "findings"
    steps: int = 120
    first_steps: int = 120
    seeds: tuple[int, ...] = (0, 1, 2)


def run_findings(
    settings: FindingsSettings, training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record],
    folder: Path, workers: int,
) -> tuple[DownstreamResult, Section]:  # fmt: skip
    """Return the arms' results and their section; finished arms stay in the folder and are not trained again.

    Args:
        settings: how.
        training: real records that were trained on.
        held_out: real records of other patients, for the test.
        synthetic: synthetic records.
        folder: of the evaluation.
        workers: processes.

    Raises:
        ValueError: too few patients, or no finding that enough of them have and have not.
    """
    from ...evaluation.downstream import downstream, standard_arms
    from ...evaluation.downstream.section import arms_section

    examples, tasks = (import_module(f"{_PLACE}.{name}") for name in ("examples", "task"))
    findings = examples.findings_of(training)
    real, made, test = (examples.Radiographs.of(side, findings) for side in (training, synthetic, held_out))
    sources, task = {"real": real, "synthetic": made}, tasks.FindingsTask(findings)
    arms, results = list(standard_arms(settings.steps, settings.first_steps)), folder / "arms"
    if workers > 1:
        _beforehand(task, sources, test, [arms[:4], arms[4:]], settings.seeds, results, workers)
    result = downstream(task, sources, test, arms, settings.seeds, folder=results)
    titles = {name: title for name, title in SHOWN.items() if name in {m["name"] for m in result.metrics}}
    titles |= {f"AUROC {name}": f"AUROC {name.replace('_', ' ')}" for name in findings}
    about = (
        f"A classifier of {len(findings)} findings ({', '.join(f.replace('_', ' ') for f in findings)}) is trained on "
        f"{len(real)} real images, on {len(made)} synthetic ones and on both, and scored on "
        f"{len(test)} images of {result.test_patients} real patients that neither it nor the generator saw. "
        f"{len(settings.seeds)} seeds.",
        "Sick called healthy is the false no-finding rate (underdiagnosis). 'Same compute' trains on real images for "
        "the steps of both stages, so that a gain of synthetic images is not one of longer training.",
    )
    return result, arms_section(result, titles, {}, about)


def _beforehand(
    task: Any, sources: Mapping[str, Any], test: Any, parts: Sequence[Sequence[Arm]], seeds: Sequence[int],
    folder: Path, workers: int,
) -> None:  # fmt: skip
    """Train parts of the arms in processes of their own; their results are read from the folder afterwards."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(parts)), mp_context=context) as pool:
        waiting = [pool.submit(_trained, task, dict(sources), test, list(part), seeds, folder) for part in parts]
        for done in waiting:
            done.result()


def _trained(
    task: Any, sources: dict[str, Any], test: Any, arms: list[Arm], seeds: Sequence[int], folder: Path
) -> None:
    import torch

    from ...evaluation.downstream import run_arms

    torch.set_num_threads(1)
    run_arms(task, sources, test, arms, seeds, folder=folder)
