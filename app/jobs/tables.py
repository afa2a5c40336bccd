"""evaluate, for anybody's tables: images, volumes and signals, part by part.

A part is a line in `PARTS`: a function that takes what is compared and returns sections and findings. The gate came
before; what is compared has one shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from . import table_parts
from .modalities import Measured
from .sources import Side

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.finding import Finding
    from ...evaluation.report import Section
    from ...evaluation.table import Compared
    from .encoders import Named
    from .parts import Seen

__all__ = [
    "ARRAYS", "ENCODERS", "NOUN", "PARTS", "TASKS", "Part", "Run", "as_table", "measured", "seen", "sides",
    "task_settings",
]  # fmt: skip

NOUN, ARRAYS = "records of a table", ("image", "volume", "signal")
ENCODERS = True
TASKS: tuple[str, ...] = ("table",)
LOOK = "table.json"


@dataclass(frozen=True)
class Run:
    """What every part is given.

    Attributes:
        sides: real, synthetic and training records in one shape (`evaluation.table.Compared`).
        records: the records behind them by `real`, `synthetic` and `training`, in their own shapes, in the same order.
        made: the synthetic side, with what could not be read of it.
        folder: of the evaluation; parts keep there what is done.
        task: settings of the downstream task, or None.
        seed: of halves and resamples.
        workers: processes.
        progress: called with (done, all).
        encoder: that was named; the studio's own when None.
    """

    sides: Compared
    records: dict[str, Sequence[Record]]
    made: Side
    folder: Path
    task: Any
    seed: int
    workers: int
    progress: Progress
    encoder: Named | None = None

    @cached_property
    def seen(self) -> Seen | None:
        """Return all sides in an encoder; None where there are too few records for one to learn on."""
        return table_parts.seen(self)


@dataclass(frozen=True)
class TableTask:
    """How the task is run beside an evaluation: the small run that fits in minutes.

    Attributes:
        name: of the task.
        settings: of `TableTaskSettings`, as JSON values.
    """

    name: str = "table"
    settings: dict[str, Any] = field(default_factory=lambda: {"shares": [0.25, 1.0], "pretraining": []})

    def model(self) -> Any:
        """Return the model that checks the settings."""
        from ...evaluation.table.downstream import TableTaskSettings

        return TableTaskSettings


Part = Callable[[Run], tuple["Sequence[Section]", "Sequence[Finding]"]]

# A line here is all that a part needs: its sections follow those of realism in this order.
PARTS: tuple[Part, ...] = table_parts.PARTS


@dataclass(frozen=True)
class Sides:
    """What is compared, and the records behind it."""

    arrays: Compared
    records: dict[str, Sequence[Record]]


def task_settings(name: str) -> Any:
    """Return the settings of a downstream task: classes, labels, numbers, masks or boxes, whichever the rows have."""
    return TableTask(name)


def sides(
    real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None, task: Any
) -> Sides:
    """Return what is compared; real patients and records that were trained on are left out.

    Raises:
        ValueError: too little on a side, or nothing that both have.
    """
    from ...evaluation.table import compared
    from ...evaluation.validity import exact_sha256, main_array

    patients = {p for p in (_patient(r) for r in training) if p is not None}
    taught = {exact_sha256(main_array(r)[1]) for r in training}
    held_out = [r for r in real if _patient(r) not in patients and exact_sha256(main_array(r)[1]) not in taught]
    if not held_out:
        raise ValueError(f"0 of {len(real)} real records are held-out ones when {train} is trained on")
    if task is not None:
        table_parts.check_task(training, train)
    records = {"real": held_out, "synthetic": synthetic, "training": training}
    return Sides(compared(held_out, synthetic, training), records)


def _patient(record: Record) -> str | None:
    return getattr(record.condition, "patient_id", None)


def measured(
    sides: Sides, made: Side, folder: Path, *, task: Any, seed: int, workers: int, progress: Progress,
    encoder: Named | None = None,
) -> Measured:  # fmt: skip
    """Return the page; parts that are done stay in the folder."""
    from ...evaluation.table import table_findings, table_look, table_page

    look = table_look(sides.arrays, made.n, seed=seed, folder=folder, progress=progress)
    (folder / LOOK).write_text(look.model_dump_json(indent=1) + "\n", encoding="utf-8")
    run = Run(sides.arrays, sides.records, made, folder, task, seed, workers, progress, encoder)
    sections: list[Section] = []
    findings: list[Finding] = [*table_findings(look)]
    for part in PARTS:
        more, found = part(run)
        sections += more
        findings += found
    return Measured(table_page(look, sides.arrays, sections), tuple(findings))


def seen(record: Record) -> list[Record]:
    """Return a record as records of a table: a brain as its volumes, any other as itself."""
    from ...conditioning.mri.contrasts import CONTRASTS

    if any(contrast in record.arrays for contrast in CONTRASTS):
        from ...evaluation.mri.volumes import volumes_of

        return volumes_of(record)
    return [as_table(record)]


def as_table(record: Record) -> Record:
    """Return a record of any modality as one of a table: its findings become labels.

    Raises:
        ValueError: a condition that has no such form.
    """
    from ...conditioning.table import TableCondition

    c = record.condition
    if isinstance(c, TableCondition):
        return record
    if c is None:
        return replace(record, condition=TableCondition())
    said = {name: getattr(c, name, None) for name in ("sex", "age_years", "race", "patient_id")}
    rhythm, findings = getattr(c, "rhythm", None), getattr(c, "findings", None)
    labels = [str(word) for word in (*((rhythm,) if rhythm else ()), *(findings or ()))]
    facts = {name: value if name == "age_years" else str(value) for name, value in said.items() if value is not None}
    return replace(record, condition=TableCondition(**facts, labels=tuple(labels) if labels else None))
