"""What features are worth: nearest neighbours, a line, and a line on few labels, on bodies that stay as they are.

The full fine-tune is among the task's own arms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ....conditioning.seeds import stream
from ....generators.readout.table import features_of
from ...downstream import Arm, Metric, Outcomes, Stage, auroc, r2
from ...downstream.arms import REAL, SYNTHETIC
from .prepared import Prepared
from .task import TableModel, TableTask, told

UNTRAINED, SUPERVISED = "untrained", "supervised on synthetic"
NEIGHBOURS, SHOTS, EPISODES = 10, 5, 10
PROBE = "probe"


@dataclass(frozen=True)
class Probes:
    """Fitted on the features of training rows.

    Attributes:
        mean: of each feature.
        deviation: of each feature.
        near: nearest neighbours' vote.
        line: a linear model.
        few: a line an episode, on `SHOTS` rows a class; none where rows have no single class.
    """

    mean: np.ndarray
    deviation: np.ndarray
    near: Any
    line: Any
    few: tuple[Any, ...]


@dataclass(frozen=True)
class ProbeTask:
    """A table's task judged by probes of its network's features; takes what tells classes, labels or numbers.

    Attributes:
        base: the task whose bodies are probed.
    """

    base: TableTask

    @property
    def name(self) -> str:
        """Return the kind and that it is probed."""
        return f"{self.base.name}, probes"

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return a figure for each probe."""
        if self.base.coding.kind == "regression":
            return [Metric("kNN R2"), Metric("linear R2")]
        few = [Metric(f"{SHOTS} a class AUROC")] if self.base.coding.kind == "classification" else []
        return [Metric("kNN AUROC"), Metric("linear AUROC"), *few]

    def config(self) -> Mapping[str, Any]:
        """Return what changes a result."""
        return {**self.base.config(), "probes": [NEIGHBOURS, SHOTS, EPISODES], "probes_version": 1}

    def initial(self, seed: int) -> TableModel:
        """Return an untrained network."""
        return self.base.initial(seed)

    def join(self, first: Prepared, second: Prepared) -> Prepared:
        """Return both."""
        return self.base.join(first, second)

    def train(self, examples: Prepared, initial: TableModel, seed: int, steps: int, *, augment: bool) -> TableModel:
        """Return a network trained on."""
        return self.base.train(examples, initial, seed, steps, augment=augment)

    def train_by(
        self, method: str, examples: Prepared, initial: TableModel, seed: int, steps: int, *, augment: bool
    ) -> TableModel:
        """Return a network trained by a method of the task, or with probes fitted on its features."""
        if method != PROBE:
            return self.base.train_by(method, examples, initial, seed, steps, augment=augment)
        features = features_of(initial.network, examples.rows.x)
        return replace(initial, probe=fitted(features, examples.rows.y, self.base.coding.kind, seed))

    def score(self, model: TableModel, test: Prepared) -> Outcomes:
        """Return truth, then what each probe says, side by side."""
        kind, outputs = self.base.coding.kind, len(self.base.coding.words)
        said = said_by(model.probe, features_of(model.network, test.rows.x), kind, outputs)
        return Outcomes(np.column_stack([test.rows.y, *said]), list(test.patients))

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return each probe's figure of weighted rows."""
        coding = self.base.coding
        if coding.kind == "regression":
            return {m.name: r2(values[:, 0], values[:, 1 + k], weight) for k, m in enumerate(self.metrics)}
        width = len(coding.words)
        first = 1 if coding.kind == "classification" else width
        truth = values[:, :first]
        areas = [
            self._area(np.column_stack([truth, values[:, k : k + width]]), weight)
            for k in range(first, values.shape[1], width)
        ]
        found = {"kNN AUROC": areas[0], "linear AUROC": areas[1]}
        return found | (
            {f"{SHOTS} a class AUROC": np.mean(areas[2:], axis=0)} if coding.kind == "classification" else {}
        )

    def _area(self, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        label, chance = told(values, self.base.coding)
        areas = [auroc(label[:, k] > 0.5, chance[:, k], weight) for k in self.base.judged]
        return np.mean(areas, axis=0) if areas else np.full(len(weight), np.nan)


def probe_arms(steps: int, pretraining: Sequence[str], *, synthetic: bool) -> tuple[Arm, ...]:
    """Return the bodies that are probed, all on real training rows: untrained, with labels, and without labels.

    Args:
        steps: of the training before.
        pretraining: ways to learn without labels.
        synthetic: whether there are synthetic data.
    """
    last = Stage(data=(REAL,), steps=1, method=PROBE)
    arms = [Arm(name=UNTRAINED, stages=(last,))]
    if synthetic:
        arms.append(Arm(name=SUPERVISED, stages=(Stage(data=(SYNTHETIC,), steps=steps), last)))
    for way in pretraining:
        for source in (SYNTHETIC, REAL) if synthetic else (REAL,):
            arms.append(Arm(name=f"{way} on {source}", stages=(Stage(data=(source,), steps=steps, method=way), last)))
    return tuple(arms)


def fitted(features: Float[np.ndarray, "n features"], y: np.ndarray, kind: str, seed: int) -> Probes:
    """Return probes of features.

    Args:
        features: of training rows.
        y: class index, labels (n, labels), or numbers.
        kind: `classification`, `multilabel` or `regression`.
        seed: of the few-label episodes.
    """
    from sklearn.neighbors import KNeighborsRegressor

    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    z = (features - mean) / deviation
    votes = np.eye(int(y.max()) + 1)[y] if kind == "classification" else y
    near = KNeighborsRegressor(min(NEIGHBOURS, len(z)), weights="uniform").fit(z, votes)
    if kind == "regression":
        from sklearn.linear_model import Ridge

        return Probes(mean, deviation, near, Ridge(alpha=z.shape[1] / 10).fit(z, y), ())
    if kind == "multilabel":
        return Probes(mean, deviation, near, [_line(z, y[:, k]) for k in range(y.shape[1])], ())
    rng = stream(seed, "table.episodes")
    episodes = [_few(y, rng) for _ in range(EPISODES)]
    return Probes(mean, deviation, near, _line(z, y), tuple(_line(z[rows], y[rows]) for rows in episodes))


def said_by(probe: Probes, features: Float[np.ndarray, "n features"], kind: str, outputs: int) -> list[np.ndarray]:
    """Return what each probe says of rows: kNN, line, then each episode of few labels.

    Args:
        probe: fitted.
        features: of the rows.
        kind: of the task.
        outputs: classes or labels.
    """
    z = (features - probe.mean) / probe.deviation
    near = np.asarray(probe.near.predict(z))
    if kind == "regression":
        return [near, np.asarray(probe.line.predict(z))]
    if kind == "multilabel":
        return [near, np.column_stack([_chances(line, z, 2)[:, 1] for line in probe.line])]
    near = np.pad(near, ((0, 0), (0, outputs - near.shape[1])))
    return [near, *(_chances(line, z, outputs) for line in (probe.line, *probe.few))]


def _line(z: np.ndarray, y: np.ndarray) -> Any:
    """Return a logistic line; the one class itself where there is only one."""
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(y[np.isfinite(y)])
    if len(classes) < 2:
        return int(classes[0])
    known = np.isfinite(y)
    return LogisticRegression(C=0.1, class_weight="balanced", max_iter=300).fit(z[known], y[known].astype(int))


def _chances(line: Any, z: np.ndarray, outputs: int) -> np.ndarray:
    out = np.zeros((len(z), outputs))
    if isinstance(line, int):
        out[:, line] = 1
    else:
        out[:, line.classes_] = line.predict_proba(z)
    return out


def _few(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows = [np.flatnonzero(y == c) for c in np.unique(y)]
    return np.concatenate([rng.choice(r, size=min(SHOTS, len(r)), replace=False) for r in rows])
