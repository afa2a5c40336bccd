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
from .examples import RHYTHMS, SHORT_BEATS, Change, Examples
from .ladder import Steps, logits, taught
from .task import Trials

REAL, ARTIFICIAL, ARRHYTHMIA = "real", "artificial", "arrhythmia, simulated"


@dataclass(frozen=True)
class AlternansTask:
    """Alternans or none, by a network that compares a record's beats.

    Attributes:
        beats: how many of a test record's beats count.
    """

    beats: int = SHORT_BEATS
    name: str = "alternans"

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return the area under the ROC curve."""
        return [Metric("auroc")]

    def config(self) -> Mapping[str, Any]:
        """Return what changes a result."""
        return {"beats": self.beats, "network": "BeatNetwork/1"}

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
        """Return answer and logit of each record."""
        said = logits(model, test.beats, self.beats)
        return Outcomes(np.column_stack([test.answer, said]), list(test.patient))

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return the area under the ROC curve of weighted records."""
        return {"auroc": auroc(values[:, 0] > 0.5, values[:, 1], weight)}


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
        "real, same compute": (Stage(data=(REAL,), steps=steps.total),),
        "artificial": (artificial,),
    }
    return tuple(Arm(name=name, stages=stages) for name, stages in arms.items())


def of_setting(trial: Trials, length: str, uv: Sequence[float], snr_db: float | None = None) -> Examples:
    """Return a trial's records of one length and noise: each patient without alternans and with each amount."""
    changes = [Change(u) for u in (0.0, *uv)]
    rows = [
        (beats, int(s.change.alternates), name)
        for s, found in trial.beats.items()
        if s.length == length and s.snr_db == snr_db and s.change in changes
        for beats, name in zip(found, trial.patients, strict=True)
    ]
    beats, answer, who = zip(*rows, strict=True)
    return Examples(beats, answer, who)
