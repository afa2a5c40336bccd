"""Findings as a downstream task: a classifier of radiographs, judged by what it finds and by whom it misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ...downstream import Metric, Outcomes, auroc, balanced_accuracy, mean
from .classifier import BATCH, FOLDS, Classifier
from .examples import Radiographs
from .fairness import AXES, FEWEST_SICK, axis_name, compared, gap, underdiagnosis
from .network import GAMMA, ROTATION_DEG, SHIFT, WIDTHS, ZOOM

MACRO = "macro AUROC"
ACCURACY, BALANCED = "accuracy", "balanced accuracy"
UNDER, OVER = "underdiagnosis", "overdiagnosis"


@dataclass(frozen=True)
class Told:
    """The columns of outcomes.

    Attributes:
        label: (n, findings): 1 present, 0 absent, NaN not said.
        score: (n, findings): logits.
        healthy: which rows are called healthy.
        attribute: (n, 3): sex, age band and view.
        patient: a number for each patient.
    """

    label: Float[np.ndarray, "n findings"]
    score: Float[np.ndarray, "n findings"]
    healthy: Bool[np.ndarray, " n"]
    attribute: np.ndarray
    patient: np.ndarray

    @classmethod
    def of(cls, values: Float[np.ndarray, "n k"], findings: int) -> Told:
        """Return the columns of an `Outcomes.values`."""
        label, score, rest = np.split(values, [findings, 2 * findings], axis=1)
        return cls(label, score, rest[:, 0] > 0.5, rest[:, 1:4].astype(np.int64), rest[:, 4].astype(np.int64))

    def values(self) -> Float[np.ndarray, "n k"]:
        """Return all columns side by side."""
        return np.column_stack([self.label, self.score, self.healthy, self.attribute, self.patient])

    @property
    def sick(self) -> Bool[np.ndarray, " n"]:
        """Return which rows show a disease."""
        return np.asarray(self.label[:, 0] == 0)


@dataclass(frozen=True)
class FindingsTask:
    """Which findings a radiograph shows, and whether it shows none.

    Attributes:
        findings: from `findings_of`; the first is `no_finding`.
        learning_rate: peak rate of a first training.
        tuning_rate: peak rate where training goes on from trained weights.
        folds: of the threshold's cross-validation.
        fewest_sick: sick patients that a cell needs to be compared with others.
        name: of the task.
    """

    findings: tuple[str, ...]
    learning_rate: float = 3e-3
    tuning_rate: float = 1e-3
    folds: int = FOLDS
    fewest_sick: int = FEWEST_SICK
    name: str = "findings"

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return AUROC of each finding and of all, accuracy at the threshold, missed sick ones and their gaps.

        Accuracies and underdiagnosis are of sick or healthy.
        """
        return [
            Metric(MACRO), *(Metric(f"AUROC {name}") for name in self.findings), Metric(ACCURACY), Metric(BALANCED),
            Metric(UNDER, higher_is_better=False), Metric(OVER, higher_is_better=False),
            *(Metric(gap_name(axis), higher_is_better=False) for axis in AXES),
        ]  # fmt: skip

    def config(self) -> Mapping[str, Any]:
        """Return what changes a result."""
        return {
            "findings": list(self.findings), "learning_rate": self.learning_rate, "tuning_rate": self.tuning_rate,
            "folds": self.folds, "batch": BATCH, "network": "FindingsNetwork/1", "widths": list(WIDTHS),
            "augmentation": [ROTATION_DEG, SHIFT, ZOOM, GAMMA],
        }  # fmt: skip

    def initial(self, seed: int) -> Classifier:
        """Return an untrained classifier."""
        return Classifier.initial(self.findings, seed, self.folds)

    def join(self, first: Radiographs, second: Radiographs) -> Radiographs:
        """Return both, each drawn as often as the other."""
        return first.halved_with(second)

    def train(self, examples: Radiographs, initial: Classifier, seed: int, steps: int, *, augment: bool) -> Classifier:
        """Return a classifier trained on from `initial`, its threshold from rows that its networks had not seen."""
        rate = self.tuning_rate if initial.steps else self.learning_rate
        return initial.trained(examples, steps, seed, learning_rate=rate, augment=augment)

    def score(self, model: Classifier, test: Radiographs) -> Outcomes:
        """Return labels, logits, whether the row is called healthy, who it is of, a row an image."""
        logits = model.logits(test)
        patient = np.unique(np.array(test.patient, dtype=str), return_inverse=True)[1]
        told = Told(test.label, logits, logits[:, 0] > model.threshold, test.attribute, patient)
        return Outcomes(told.values(), list(test.patient))

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return each metric of weighted rows."""
        told = Told.of(values, len(self.findings))
        found = {f"AUROC {name}": finding_auroc(told, k, weight) for k, name in enumerate(self.findings)}
        called = (~told.healthy).astype(float)
        sick = told.sick.astype(float)
        return {
            MACRO: np.mean(list(found.values()), axis=0),
            **found,
            ACCURACY: mean((sick == called).astype(float), weight),
            BALANCED: balanced_accuracy(sick, called, weight),
            UNDER: underdiagnosis(told.sick, told.healthy, weight),
            OVER: mean(np.where(told.sick, np.nan, called), weight),
            **{gap_name(axis): self._gap(axis, told, weight) for axis in AXES},
        }

    def _gap(self, axis: Sequence[str], told: Told, weight: np.ndarray) -> np.ndarray:
        cell = compared(axis, told.attribute, told.sick, told.patient, self.fewest_sick)
        return gap(cell, told.sick, told.healthy, weight)


def gap_name(axis: Sequence[str]) -> str:
    """Return the metric's name of the underdiagnosis gap over an axis."""
    return f"{UNDER} gap, {axis_name(axis)}"


def finding_auroc(told: Told, k: int, weight: Float[np.ndarray, "resamples n"]) -> Float[np.ndarray, " resamples"]:
    """Return the AUROC of a finding over the rows of which something is said; NaN where it has one class."""
    known = np.isfinite(told.label[:, k])
    return auroc(told.label[known, k] > 0.5, told.score[known, k], weight[:, known])
