"""How the arms of a downstream task stand worse inputs: asked of each model when it is trained, judged when all are.

An arm has a model a seed: its scores are the mean over them. Beside it stands their ensemble, the mean of their
probabilities; an attack needs the gradient of what it attacks, so attacks are on single models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..downstream import Outcomes
from .conditions import ATTACKS, RANDOM, Condition, attack_conditions, clean, image_conditions
from .conditions import signal_conditions as of_signals
from .judging import Members, judged
from .models import Model
from .predicting import JudgedRows, Key, judged_rows, predicted
from .result import ENSEMBLE, RobustnessResult

NAME = "robustness"
OF_IMAGES = ("gaussian noise", "blur", "resolution", "contrast")
OF_SIGNALS = ("noise", "lead loss", "time scaling")  # those that mean the same at any rate
SEVERITIES, SIZES = (1, 3, 5), (0.01,)
MOST, RESAMPLES = 300, 200
_DIGITS = 6  # of probabilities that are kept


@dataclass(frozen=True)
class WornLook:
    """A `Look` at trained models under corruptions and attacks.

    Attributes:
        arms: names of the arms that are looked at.
        opened: a task's model as probabilities with a gradient.
        given: a test set's inputs, (n, channels, *space) or (n, y, x), labels, (n,) or (n, labels), and patients.
        kind: what the inputs are.
        limits: least and largest value of an image.
        seed: of rows, noise and resamples.
    """

    arms: tuple[str, ...]
    opened: Callable[[Any], Model]
    given: Callable[[Any], tuple[np.ndarray, np.ndarray, Sequence[str]]]
    kind: Literal["images", "signals"] = "images"
    limits: tuple[float, float] = (0.0, 1.0)
    seed: int = 0

    @property
    def name(self) -> str:
        """Return the look's name."""
        return NAME

    def config(self) -> Mapping[str, Any]:
        """Return all that changes what is seen."""
        names = OF_IMAGES if self.kind == "images" else OF_SIGNALS
        return {
            "version": 1, "kind": self.kind, "limits": list(self.limits), "corruptions": list(names),
            "severities": list(SEVERITIES), "eps": list(SIZES), "most": MOST, "seed": self.seed,
        }  # fmt: skip

    def score(self, model: Any, test: Any) -> Outcomes:
        """Return the model's probabilities, those of one condition beside those of the next."""
        rows = self._rows(test, [])
        bounds = self.limits if self.kind == "images" else None
        conditions = self._conditions(rows)
        models = {"": self.opened(model)}
        table = predicted(models, rows, conditions, bounds, self.seed, None, None, [], lambda done, total: None)[""]
        values = np.column_stack([table[c.name, c.severity] for c in conditions])
        return Outcomes(np.round(values, _DIGITS), list(rows.patients))

    def result(self, looked: Mapping[str, Sequence[Outcomes]], test: Any) -> RobustnessResult:
        """Return all arms and their ensembles under all conditions; the first arm is the reference.

        Args:
            looked: what `score` returned, by the arm's name as it is shown, one entry a seed.
            test: the same test set.
        """
        said: list[str] = []
        rows = self._rows(test, said)
        conditions = self._conditions(rows)
        found: dict[str, Members] = {}
        for arm, outcomes in looked.items():
            found[arm] = [_tables(o.values, conditions) for o in outcomes]
        found |= {ensemble_name(arm): [_mean(members)] for arm, members in found.items()}
        return judged(found, rows, conditions, said, seed=self.seed)

    def _rows(self, test: Any, said: list[str]) -> JudgedRows:
        return judged_rows(*self.given(test), MOST, RESAMPLES, self.seed, said)

    def _conditions(self, rows: JudgedRows) -> list[Condition]:
        if self.kind == "signals":
            scale, named = float(rows.x.std()) or 1.0, of_signals(OF_SIGNALS, SEVERITIES, 1.0, self.seed)
            return [clean(), *named, *attack_conditions(SIZES, scale, None, self.seed)]
        named = image_conditions(OF_IMAGES, SEVERITIES, self.limits, self.seed)
        if rows.x.ndim > 3:  # channels are corrupted one by one
            named = [replace(c, make=_over_channels(c.make)) for c in named if c.make is not None]
        scale = self.limits[1] - self.limits[0]
        return [clean(), *named, *attack_conditions(SIZES, scale, self.limits, self.seed)]


def ensemble_name(arm: str) -> str:
    """Return the name of the ensemble of an arm's models."""
    return f"{arm}{ENSEMBLE}"


def limits_of(x: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest value that images have: 0 to 1 where they stay within, else what is there."""
    low, high = float(x.min()), float(x.max())
    if 0 <= low and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def _over_channels(make: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def of_each(x: np.ndarray) -> np.ndarray:
        return make(x.reshape(-1, *x.shape[2:])).reshape(x.shape)

    return of_each


def _tables(values: np.ndarray, conditions: Sequence[Condition]) -> dict[Key, np.ndarray]:
    parts = np.split(values, len(conditions), axis=1)
    return {(c.name, c.severity): part for c, part in zip(conditions, parts, strict=True)}


def _mean(members: Members) -> dict[Key, np.ndarray]:
    """Return the mean of models' probabilities, where all saw the same inputs."""
    kept = [key for key in members[0] if key[0] not in (*ATTACKS, RANDOM)]
    return {key: np.mean([table[key] for table in members], axis=0) for key in kept}
