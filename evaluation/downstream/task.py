"""What a downstream task is, and which data it can be run on honestly."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, Num

from ...conditioning.dataset.schema import canonical


@runtime_checkable
class Examples(Protocol):
    """Rows to train or to test on."""

    @property
    def patients(self) -> Sequence[str]:
        """Return whose each row is."""
        ...

    @property
    def labels(self) -> Sequence[Hashable] | None:
        """Return the class of each row; None where the task has no classes."""
        ...

    def fingerprint(self) -> str:
        """Return a hash of the content; `content_sha256` makes one."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...


@dataclass(frozen=True)
class Metric:
    """A number that a task is judged by.

    Attributes:
        name: such as `auroc` or `P onset sd`.
        unit: physical unit; empty where there is none.
        higher_is_better: which way is up.
    """

    name: str
    unit: str = ""
    higher_is_better: bool = True


@dataclass(frozen=True)
class Outcomes:
    """What a model came to on the test set, before any averaging.

    Attributes:
        values: (n, k): a row per test row or per patient, such as label and score, or hits, misses and errors' sums.
        patients: whose each row is, n names.
    """

    values: Num[np.ndarray, "n k"]
    patients: Sequence[str]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: not (n, k), not one patient a row, or an infinite value; NaN is a value that is not there.
        """
        values = np.asarray(self.values, dtype=np.float64)
        if np.isinf(values).any():
            raise ValueError(f"{int(np.isinf(values).sum())} outcomes are infinite; a missing one is NaN")
        if values.ndim != 2 or len(values) != len(self.patients):
            raise ValueError(f"outcomes have the shape {values.shape} for {len(self.patients)} patients; give (n, k)")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "patients", tuple(str(name) for name in self.patients))


E = TypeVar("E", bound=Examples)
M = TypeVar("M")
E_in = TypeVar("E_in", bound=Examples, contravariant=True)
M_in = TypeVar("M_in", contravariant=True)


@runtime_checkable
class Task(Protocol[E, M]):
    """A model to train and to judge. Every method is a pure function of its arguments.

    Attributes:
        name: of the task.
        metrics: what `measure` returns, in its order.
    """

    @property
    def name(self) -> str:
        """Return the task's name."""
        ...

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return the metrics that `measure` gives."""
        ...

    def config(self) -> Mapping[str, Any]:
        """Return all settings that change a result, as JSON values."""
        ...

    def initial(self, seed: int) -> M:
        """Return an untrained model; the same seed gives the same one."""
        ...

    def join(self, first: E, second: E) -> E:
        """Return the rows of both."""
        ...

    def train(self, examples: E, initial: M, seed: int, steps: int, *, augment: bool) -> M:
        """Return a model trained on from `initial`, which is left as it was.

        Args:
            examples: what to train on.
            initial: where training starts.
            seed: of batches and augmentation.
            steps: how much to train; twice the steps are twice the compute, whatever the examples.
            augment: whether to use the task's classical augmentation.
        """
        ...

    def score(self, model: M, test: E) -> Outcomes:
        """Return what the model comes to on the test set; its rows do not depend on the model."""
        ...

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return each metric of rows that count as often as weighted; NaN where there is none."""
        ...


@runtime_checkable
class ManyWays(Protocol):
    """A task that knows more ways to train than one, such as without labels; stages name them."""

    def train_by(self, method: str, examples: Any, initial: Any, seed: int, steps: int, *, augment: bool) -> Any:
        """Return a model trained on from `initial` by the named method; otherwise as `Task.train`."""
        ...


@runtime_checkable
class Look(Protocol[E_in, M_in]):
    """What else is asked of trained models than their task's scores, such as how they stand worse inputs.

    Attributes:
        name: of the look; not empty.
        arms: names of the arms that are looked at.
    """

    @property
    def name(self) -> str:
        """Return the look's name."""
        ...

    @property
    def arms(self) -> Sequence[str]:
        """Return the names of the arms that are looked at."""
        ...

    def config(self) -> Mapping[str, Any]:
        """Return all settings that change what is seen, as JSON values."""
        ...

    def score(self, model: M_in, test: E_in) -> Outcomes:
        """Return what is seen; its rows do not depend on the model."""
        ...


def content_sha256(*parts: np.ndarray | Sequence[str]) -> str:
    """Return a hash of arrays and lists of names: values, shapes and types."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.hasobject:
                raise ValueError("an array of Python objects has no content hash; give numbers or a list of names")
            digest.update(canonical([str(part.dtype), list(part.shape)]).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(canonical([str(name) for name in part]).encode())
    return digest.hexdigest()


def check_data(sources: Mapping[str, Examples], test: Examples, fewest_train: int, fewest_test: int) -> None:
    """Refuse data whose result would mean nothing.

    Args:
        sources: what is trained on, by name.
        test: what is tested on.
        fewest_train: fewest patients of a source.
        fewest_test: fewest patients of the test set.

    Raises:
        ValueError: too few patients, a row without its patient or label, one class only, or a test patient trained on.
    """
    everything = [(f"training data {name!r}", examples, fewest_train) for name, examples in sources.items()]
    for name, examples, fewest in [*everything, ("test data", test, fewest_test)]:
        if len(examples.patients) != len(examples):
            raise ValueError(f"the {name} name {len(examples.patients)} patients for {len(examples)} rows")
        patients = len(set(examples.patients))
        if patients < fewest:
            said = f"the {name} have {patients} patients ({len(examples)} rows); at least {fewest} are needed"
            raise ValueError(said)
        if examples.labels is not None:
            _check_labels(name, examples.labels, len(examples))
    tested = set(test.patients)
    for name, examples in sources.items():
        both = sorted(tested & set(examples.patients))
        if both:
            said = f"{len(both)} patients are both in the test data and in the training data {name!r}"
            raise ValueError(f"{said} ({both[0]!r} is one); split by patient")


def _check_labels(name: str, labels: Sequence[Hashable], rows: int) -> None:
    if len(labels) != rows:
        raise ValueError(f"the {name} have {len(labels)} labels for {rows} rows")
    classes = set(labels)
    if len(classes) < 2:
        raise ValueError(f"the {name} are of one class only ({next(iter(classes))!r}); at least two are needed")
