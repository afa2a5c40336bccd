"""The alternans task on the `Task` protocol, and the paper's ladder as arms of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ....generators.readout.alternans import BeatNetwork
from ....generators.readout.supervised import initialise
from ...downstream import Arm, Metric, Outcomes, Stage, auroc
from .baselines import scores
from .examples import RHYTHMS, SHORT_BEATS, Change, Examples
from .ladder import ARTIFICIAL, REAL, Steps, logits, taught
from .task import Trials

ARRHYTHMIA = "arrhythmia, simulated"


ALL = "AUROC"
METHODS = {
    "mma_uv": "modified moving average", "mean_difference_uv": "mean difference",
    "spectral_k": "spectral method, K", "spectral_v_uv": "spectral method, V",
}  # fmt: skip


@dataclass(frozen=True)
class AlternansTask:
    """Alternans or none, by a network that compares a record's beats.

    Attributes:
        beats: how many of a test record's beats count.
        uv: amounts to score apart too, where the test's records state theirs.
    """

    beats: int = SHORT_BEATS
    uv: tuple[float, ...] = ()
    name: str = "T-wave alternans"

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return the area under the ROC curve, of all amounts and of each alone."""
        return [Metric(ALL), *(Metric(_at(u)) for u in self.uv)]

    def config(self) -> Mapping[str, Any]:
        """Return what changes a result."""
        return {"beats": self.beats, "uv": list(self.uv), "network": "BeatNetwork/1"}

    def initial(self, seed: int) -> BeatNetwork:
        """Return an untrained network."""
        out = initialise(BeatNetwork, seed)
        assert isinstance(out, BeatNetwork)
        return out

    def join(self, first: Examples, second: Examples) -> Examples:
        """Return the rows of both, the smaller one repeated until it has half of them at least."""
        small, large = sorted((first, second), key=len)
        repeated = small
        for _ in range(len(large) // len(small) - 1):
            repeated = repeated + small
        return large + repeated

    def train(self, examples: Examples, initial: BeatNetwork, seed: int, steps: int, *, augment: bool) -> BeatNetwork:
        """Return a network trained on; for rhythms with a head of their own, which is taken off again."""
        if not examples.rhythms:
            return taught(initial, examples, steps, seed, augment=augment)
        return taught(initial.with_head(len(RHYTHMS)), examples, steps, seed, augment=augment).with_head(1)

    def score(self, model: BeatNetwork, test: Examples) -> Outcomes:
        """Return answer, logit and amount of each record."""
        return outcomes(test, logits(model, test.beats, self.beats))

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return each area under the ROC curve of weighted records."""
        answer, said, uv = values[:, 0] > 0.5, values[:, 1], values[:, 2]
        parts = {ALL: np.ones(len(values), bool)} | {_at(u): ~answer | (uv == u) for u in self.uv}
        return {name: auroc(answer[part], said[part], weight[:, part]) for name, part in parts.items()}


def _at(uv: float) -> str:
    return f"{ALL} at {uv:g} uV"


def outcomes(test: Examples, score: Float[np.ndarray, " n"]) -> Outcomes:
    """Return the rows that the task measures: answer, score and amount (NaN where not stated) of each record."""
    uv = np.array(test.twa_uv) if test.twa_uv else np.full(len(test), np.nan)
    return Outcomes(np.column_stack([test.answer, score, uv]), list(test.patient))


def by_methods(task: AlternansTask, test: Examples) -> dict[str, dict[str, float]]:
    """Return the metrics of the field's methods that a test's beats are enough for, by the method's name."""
    found = [scores(beats.part(0, task.beats)) for beats in test.beats]
    one = np.ones((1, len(test)))
    out = {}
    for method, name in METHODS.items():
        if all(method in f for f in found):
            values = outcomes(test, np.array([f[method] for f in found])).values
            out[name] = {metric: float(v[0]) for metric, v in task.measure(values, one).items()}
    return out


def ladder_arms(steps: Steps) -> tuple[Arm, ...]:
    """Return the paper's ladder, with real records at the same compute and artificial ones alone beside it."""
    real = Stage(data=(REAL,), steps=steps.real)
    artificial = Stage(data=(ARTIFICIAL,), steps=steps.artificial)
    rhythms = Stage(data=(ARRHYTHMIA,), steps=steps.arrhythmia)
    arms = {
        "real": (real,),
        "real + arrhythmia": (rhythms, real),
        "real + artificial": (artificial, real),
        "all": (rhythms, artificial, real),
        "real, same compute": (Stage(data=(REAL,), steps=steps.artificial), real),
        "artificial": (artificial,),
    }
    return tuple(Arm(name=name, stages=stages) for name, stages in arms.items())


def of_setting(trial: Trials, length: str, uv: Sequence[float], snr_db: float | None = None) -> Examples:
    """Return a trial's records of one length and noise: each patient without alternans and with each amount."""
    changes = [Change(u) for u in (0.0, *uv)]
    rows = [
        (beats, int(s.change.alternates), name, s.change.twa_uv)
        for s, found in trial.beats.items()
        if s.length == length and s.snr_db == snr_db and s.change in changes
        for beats, name in zip(found, trial.patients, strict=True)
    ]
    beats, answer, who, amount = zip(*rows, strict=True)
    return Examples(beats, answer, who, twa_uv=amount)
