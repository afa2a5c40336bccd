"""What evaluate does for each modality: one module a condition type, found by the name that a data set bears.

Such a module has:

    NOUN        what a page calls its records
    ARRAY       the array that each of its records has
    TASKS       names of its downstream tasks

    task_settings(name)
                settings of a task by its name, with the attribute `name`
    sides(real, training, synthetic, train, task)
                what the evaluation takes, or a refusal before any work
    measured(sides, reader, folder, task, seed, workers, progress)
                the page, after the results were written into the folder
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..progress import Progress
from .settings import WrongSetting

if TYPE_CHECKING:
    from ...conditioning.dataset import DatasetReader
    from ...conditioning.record import Record
    from ...evaluation.report import Page

# A line here is all that a new modality needs: class name of the condition -> module beside this one.
MODALITIES: dict[str, str] = {
    "EcgCondition": ".ecgs",
    "RadiographCondition": ".radiographs",
}


class Modality(Protocol):
    """What a module of `MODALITIES` has; see above."""

    NOUN: str
    ARRAY: str
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
        self, sides: Any, reader: DatasetReader, folder: Path, *, task: Any, seed: int, workers: int, progress: Progress
    ) -> Page:
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


def check_same(condition: str, array: str, sources: Mapping[str, Iterable[Record]]) -> None:
    """Refuse records of another modality.

    Args:
        condition: class name of the condition type that the synthetic data set bears.
        array: the array that its records have.
        sources: records by the name of their source.

    Raises:
        ValueError: a record has another condition type or lacks the array.
    """
    for source, records in sources.items():
        for record in records:
            kind = condition if record.condition is None else type(record.condition).__name__
            if kind != condition or array not in record.arrays:
                held = kind if kind != condition else f"records without {array!r}"
                said = f"{source} holds {held} and the synthetic data set {condition}"
                raise ValueError(f"{said}; an evaluation compares data of one modality")


def check_task(module: Modality, name: str | None, train: str | None) -> None:
    """Refuse a task that a modality does not have, or that nothing real can be trained for.

    Raises:
        WrongSetting: so it is.
    """
    if name is not None and name not in module.TASKS:
        raise WrongSetting("task", f"must be one of {', '.join(module.TASKS)}; got {name}")
    if name is not None and train is None:
        raise WrongSetting("task", f"{name} trains on real data too; name them by --train")
