"""evaluate, for radiographs: realism, obedience, copies, and what the data is worth to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from .modalities import Measured
from .sources import Side

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.downstream import DownstreamResult
    from ...evaluation.finding import Finding
    from ...evaluation.radiograph.eyes import Eyes
    from ...evaluation.report import Section

NOUN, ARRAYS = "radiographs", ("image",)
TASKS: tuple[str, ...] = ("findings",)
LOOK, DOWNSTREAM = "radiographs.json", "downstream.json"


def task_settings(name: str) -> Any:
    """Return the settings of a downstream task."""
    from .findings import FindingsTask

    return FindingsTask(name)


def eyes() -> Eyes:
    """Return who looks at the images; a test puts small ones in its place."""
    from ...evaluation.radiograph.eyes import studio_eyes

    return studio_eyes()


@dataclass(frozen=True)
class Compared:
    """What is compared: images at one size, and the records behind them for a downstream task."""

    images: Any
    training: Sequence[Record]
    held_out: Sequence[Record]
    synthetic: Sequence[Record]


def sides(
    real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None, task: Any
) -> Compared:
    """Return what is compared; real patients that were trained on are left out.

    Raises:
        ValueError: a record that is no radiograph, or too few of them on a side.
    """
    from ...evaluation.radiograph.images import patient_of
    from ...evaluation.radiograph.look import FEWEST_PATIENTS, sides_of

    known = {patient_of(record) for record in training}
    held_out = [record for record in real if patient_of(record) not in known]
    left = len({patient_of(record) for record in held_out})
    if train is not None and left < FEWEST_PATIENTS:
        said = f"{left} real patients are held-out ones when {train} is trained on"
        raise ValueError(f"{said}; {FEWEST_PATIENTS} or more are needed")
    return Compared(sides_of(training, held_out, synthetic), training, held_out, synthetic)


def measured(
    sides: Compared, made: Side, folder: Path, *, task: Any, seed: int, workers: int, progress: Progress
) -> Measured:
    """Return the page; parts that are done stay in the folder, so a stopped evaluation goes on where it stood."""
    from ...evaluation.radiograph.look import radiograph_look
    from ...evaluation.radiograph.making import making_section
    from ...evaluation.radiograph.page import page

    look = radiograph_look(
        sides.images, made.n, eyes=eyes(), seed=seed, folder=folder, workers=workers, progress=progress
    )  # fmt: skip
    (folder / LOOK).write_text(look.model_dump_json(indent=1) + "\n", encoding="utf-8")
    whole: DownstreamResult | None = None
    more: list[Section] = []
    said: Sequence[Finding] = ()
    if task is not None:
        from .findings import run_findings, said_of

        found, whole, sections = run_findings(
            task, sides.training, sides.held_out, sides.synthetic, folder, progress
        )  # fmt: skip
        (folder / DOWNSTREAM).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
        more += sections
        said = said_of(found)
    more.append(making_section(sides.synthetic, made.quarantined))
    return Measured(page(look, sides.images, whole, more), tuple(said))
