"""A table's task on the `Task` protocol: one network, and metrics by what is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ....generators.readout.supervised import Schedule
from ....generators.readout.table import CHANGES, TableNetwork, adapted, pretrained, said_of, taught, untrained
from ....generators.readout.table.rows import Kind
from ...downstream import Metric, Outcomes, accuracy, auroc, balanced_accuracy, correlation, f1, mean, r2
from .finding_boxes import MOST, box_measures, box_rows
from .overlap import overlaps
from .prepared import Coding, Prepared

AUROC = "macro AUROC"
MAIN: Mapping[Kind, str] = {
    "classification": AUROC, "multilabel": AUROC, "segmentation": "Dice", "regression": "MAE", "detection": "AP50",
}  # fmt: skip
ADAPTING = 0.3  # of the tuning rate: an adaptation without labels is easily led astray


@dataclass(frozen=True)
class TableModel:
    """A network and how far it was trained.

    Attributes:
        network: its weights.
        taught: whether its head was trained.
        probe: what was fitted on its features, where it is judged by them.
    """

    network: TableNetwork
    taught: bool = False
    probe: Any = None


@dataclass(frozen=True)
class TableTask:
    """One of the five kinds of task.

    Attributes:
        coding: what the numbers mean.
        network: its name.
        standard: see `TableNetwork`.
        batch: samples a step.
        learning_rate: peak of a first training.
        tuning_rate: peak where training goes on.
        judged: classes or labels with enough test patients on both sides to be among macro averages.
        device: where it is trained.
        weights: hash of the network's own weights, where it brings some.
    """

    coding: Coding
    network: str
    standard: Any
    batch: int
    learning_rate: float
    tuning_rate: float
    judged: tuple[int, ...]
    device: str = "cpu"
    weights: str = ""

    @property
    def name(self) -> str:
        """Return the kind."""
        return self.coding.kind

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return what the kind is judged by, the main one first."""
        kind = self.coding.kind
        if kind in ("classification", "multilabel"):
            return [Metric(AUROC), Metric("balanced accuracy"), Metric("accuracy"), Metric("F1")]
        if kind == "segmentation":
            names = self.coding.words if len(self.coding.words) > 1 else ()
            each = [Metric(f"Dice {self.coding.words[k]}") for k in self.judged if names]
            return [Metric("Dice"), Metric("Hausdorff 95 %", "px", higher_is_better=False), *each]
        if kind == "regression":
            errors = [Metric(name, higher_is_better=False) for name in ("MAE", "RMSE")]
            return [*errors, Metric("R2"), Metric("correlation")]
        return [Metric("AP50"), Metric("mAP"), Metric("sensitivity at 1 FP")]

    def config(self) -> Mapping[str, Any]:
        """Return what changes a result."""
        c = self.coding
        return {
            "network": self.network, "version": 1, "weights": self.weights, "standard": self.standard,
            "batch": self.batch, "learning_rate": self.learning_rate, "tuning_rate": self.tuning_rate,
            "words": list(c.words), "shape": list(c.shape), "mean": c.mean, "scale": c.scale,
        }  # fmt: skip

    def initial(self, seed: int) -> TableModel:
        """Return an untrained network; the same seed gives the same one."""
        c = self.coding
        made = untrained(self.network, c.kind, c.channels, c.outputs, c.shape, seed, self.standard)
        return TableModel(made.to(self.device))

    def join(self, first: Prepared, second: Prepared) -> Prepared:
        """Return both, each drawn as often as the other."""
        return first.joined(second)

    def train(self, examples: Prepared, initial: TableModel, seed: int, steps: int, *, augment: bool) -> TableModel:
        """Return a network trained on from `initial`."""
        return self.train_by("classical" if augment else "", examples, initial, seed, steps, augment=augment)

    def train_by(
        self, method: str, examples: Prepared, initial: TableModel, seed: int, steps: int, *, augment: bool
    ) -> TableModel:
        """Return a network trained on with changed samples, without labels, or adapted to samples.

        Raises:
            ValueError: a method that is not known.
        """
        net, rows = initial.network, examples.rows
        if method in CHANGES:
            rate = self.tuning_rate if initial.taught else self.learning_rate
            plan = Schedule(steps, learning_rate=rate)
            made = taught(net, rows, self.coding.outputs, plan, self.batch, seed, method)
            return TableModel(made, taught=True)
        if method in ("contrastive", "masked"):
            plan = Schedule(steps, learning_rate=self.learning_rate)
            return TableModel(pretrained(net, rows, method, plan, self.batch, seed))  # type: ignore[arg-type]
        if method in ("shot", "tent"):
            plan = Schedule(steps, learning_rate=ADAPTING * self.tuning_rate)
            return TableModel(adapted(net, rows, method, plan, 2 * self.batch, seed), taught=True)  # type: ignore[arg-type]
        raise ValueError(f"method {method!r} is not known; give one of {', '.join(filter(None, CHANGES))}")

    def score(self, model: TableModel, test: Prepared) -> Outcomes:
        """Return truth and answer of each sample: labels and chances, overlaps, numbers, or boxes found."""
        c, rows = self.coding, test.rows
        most = 2 * MOST * len(c.words)
        said = said_of(model.network, rows.x, c.outputs, most)
        if c.kind == "segmentation":
            values = overlaps(rows.y, said.astype(np.int64), len(c.words))
        elif c.kind == "detection":
            values = box_rows(rows.boxes, said, len(c.words))
        elif c.kind == "regression":
            values = np.column_stack([rows.y, said]) * c.scale + c.mean
        else:
            values = np.column_stack([rows.y, said])
        return Outcomes(values, list(test.patients))

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return each metric of weighted samples."""
        c = self.coding
        if c.kind == "detection":
            return box_measures(values, weight, len(c.words))
        if c.kind == "segmentation":
            return self._overlap(values, weight)
        if c.kind == "regression":
            truth, said = values.T
            error = mean((truth - said) ** 2, weight)
            return {"MAE": mean(np.abs(truth - said), weight), "RMSE": np.sqrt(error), "R2": r2(truth, said, weight),
                    "correlation": correlation(truth, said, weight)}  # fmt: skip
        return self._labels(values, weight)

    def _labels(self, values: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        label, chance = told(values, self.coding)
        areas = [auroc(label[:, k] > 0.5, chance[:, k], weight) for k in self.judged]
        none = np.full(len(weight), np.nan)
        if self.coding.kind == "classification":
            truth, said = values[:, 0], chance.argmax(axis=1).astype(float)
            found = {"balanced accuracy": balanced_accuracy(truth, said, weight),
                     "accuracy": accuracy(truth, said, weight), "F1": f1(truth, said, weight)}  # fmt: skip
        else:
            said = (chance > 0.5).astype(float)
            each = [(label[:, k], said[:, k]) for k in self.judged]
            found = {
                "balanced accuracy": np.mean([balanced_accuracy(a, b, weight) for a, b in each], axis=0),
                "accuracy": np.mean([accuracy(a, b, weight) for a, b in each], axis=0),
                "F1": np.mean([_f1_of_ones(a, b, weight) for a, b in each], axis=0),
            } if each else dict.fromkeys(("balanced accuracy", "accuracy", "F1"), none)  # fmt: skip
        return {AUROC: np.mean(areas, axis=0) if areas else none} | found

    def _overlap(self, values: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        n = len(self.coding.words)
        each = {k: mean(values[:, k], weight) for k in self.judged}
        far = [mean(values[:, n + k], weight) for k in self.judged]
        none = np.full(len(weight), np.nan)
        return {
            "Dice": np.mean(list(each.values()), axis=0) if each else none,
            "Hausdorff 95 %": np.mean(far, axis=0) if far else none,
            **{f"Dice {self.coding.words[k]}": v for k, v in each.items()},
        }


def told(values: Float[np.ndarray, "n k"], coding: Coding) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and chances, (n, classes) each, of a classification's or multilabel's outcomes."""
    if coding.kind == "multilabel":
        label, chance = np.split(values, 2, axis=1)
        return label, chance
    return (values[:, :1] == np.arange(len(coding.words))).astype(float), values[:, 1:]


def judged_of(test: Prepared, coding: Coding, fewest: int = 2) -> tuple[int, ...]:
    """Return the classes with so many test patients on each side; for masks, those that so many patients have."""
    who = np.asarray(test.patients, dtype=str)
    found = []
    for k in range(len(coding.words)):
        if coding.kind == "segmentation":
            there = (test.rows.y == k + 1).reshape(len(test), -1).any(axis=1)
            sides = [there]
        elif coding.kind in ("classification", "multilabel"):
            there = test.rows.y == k if coding.kind == "classification" else test.rows.y[:, k] == 1
            sides = [there, ~there]
        else:
            sides = [np.ones(len(test), bool)]
        if all(len(np.unique(who[side])) >= fewest for side in sides):
            found.append(k)
    return tuple(found)


def weights_hash(network: str) -> str:
    """Return a hash of the weights that a network brings; empty where it brings none."""
    prefix, _, rest = network.partition(":")
    if prefix != "transformers" or not Path(rest).is_dir():
        return ""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted([*Path(rest).glob("*.safetensors"), Path(rest) / "config.json"]):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _f1_of_ones(label: np.ndarray, said: np.ndarray, weight: np.ndarray) -> np.ndarray:
    hit, wrong = weight @ (label * said), weight @ (label != said).astype(float)
    return np.divide(2 * hit, 2 * hit + wrong, out=np.full(len(weight), np.nan), where=2 * hit + wrong > 0)
