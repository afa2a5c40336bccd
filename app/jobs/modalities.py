"""What evaluate does for each modality: one module a condition type, found by the name that a data set bears.

Such a module has:

    NOUN        what a page calls its records
    ARRAYS      the arrays of which each of its records has one, the same on all sides
    TASKS       names of its downstream tasks
    ENCODERS    True where `measured` takes an encoder that was named; may be left out

    task_settings(name)
                settings of a task by its name, with the attribute `name`
    sides(real, training, synthetic, train, task)
                what the evaluation takes, or a refusal before any work
    measured(sides, made, folder, task, seed, workers, progress)
                the page with what it found, after the results were written into the folder; `made` is the
                synthetic side (`sources.Side`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..progress import Progress
from .settings import WrongSetting
from .sources import Side

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.finding import Finding
    from ...evaluation.report import Page

# A line here is all that a new modality needs: class name of the condition -> module beside this one.
MODALITIES: dict[str, str] = {
    "EcgCondition": ".ecgs",
    "RadiographCondition": ".radiographs",
    "TableCondition": ".tables",
    "MriCondition": ".mris",
    "BrainPhantomCondition": ".mris",
}
TABLE = "TableCondition"  # what records of any modality can be seen as
# Modalities whose records are seen as records of a table, one or several each: by their module's function `seen`.
SEEN = ("TableCondition", "MriCondition", "BrainPhantomCondition")


@dataclass(frozen=True)
class Measured:
    """What a modality found: its page, and the findings that the first screen is made of."""

    page: Page
    findings: tuple[Finding, ...] = ()


class Modality(Protocol):
    """What a module of `MODALITIES` has; see above."""

    NOUN: str
    ARRAYS: Sequence[str]
    TASKS: Sequence[str]

    def task_settings(self, name: str) -> Any:
        """Return a task's settings."""
        ...

    def sides(
        self, real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None,
        task: Any,
    ) -> Any:  # fmt: skip
        """Return what is compared.

        Raises:
            ValueError: it cannot be.
        """
        ...

    def measured(
        self, sides: Any, made: Side, folder: Path, *, task: Any, seed: int, workers: int, progress: Progress
    ) -> Measured:
        """Return the page."""
        ...


def modality(condition: str) -> Modality:
    """Return the module of a condition type's name.

    Raises:
        ValueError: there is none.
    """
    if condition not in MODALITIES:
        raise ValueError(f"data of {condition} cannot be evaluated; those of {', '.join(MODALITIES)} can")
    return cast(Modality, import_module(MODALITIES[condition], __package__))


def check_same(condition: str, module: Modality, sides: Mapping[str, Side]) -> None:
    """Refuse records of another modality.

    Args:
        condition: class name of the condition type that is evaluated.
        module: its module.
        sides: what is compared, by the side's name.

    Raises:
        ValueError: a record has another condition type, or another array than the first synthetic one.
    """
    array = _array_of(sides["synthetic"].records[0], module)
    for side in sides.values():
        for record in side.records:
            kind = condition if record.condition is None else type(record.condition).__name__
            if kind != condition:
                said = f"{side.source} holds {kind} and {sides['synthetic'].source} {condition}"
                raise ValueError(f"{said}; an evaluation compares data of one modality")
            held = _array_of(record, module)
            if held != array:
                said = f"{side.source} holds {_records(held)} and {sides['synthetic'].source} {_records(array)}"
                raise ValueError(f"{said}; an evaluation compares data of one modality")


def _array_of(record: Record, module: Modality) -> str | None:
    return next((name for name in module.ARRAYS if name in record.arrays), None)


def _records(array: str | None) -> str:
    return "records without image, volume or signal" if array is None else f"{array}s"


def check_task(module: Modality, name: str | None, train: str | None) -> None:
    """Refuse a task that a modality does not have, or that nothing real can be trained for.

    Raises:
        WrongSetting: so it is.
    """
    if name is not None and name not in module.TASKS:
        known = ", ".join(module.TASKS)
        said = (
            f"must be one of {known}; got {name}" if known else f"must be left out, {module.NOUN} have none; got {name}"
        )
        raise WrongSetting("task", said)
    if name is not None and train is None:
        raise WrongSetting("task", f"{name} trains on real data too; name them by --train")
