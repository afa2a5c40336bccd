"""How models stand worse inputs: the one function that a caller needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Num

from .conditions import EPS, attack_conditions, clean, image_conditions
from .conditions import signal_conditions as of_signals
from .judging import judged
from .models import Model, Predict, probabilities
from .predicting import judged_rows, known_rows, predicted
from .result import RobustnessResult


def robustness_of(
    arms: Mapping[str, Model | Predict], inputs: Float[np.ndarray, "n ..."], labels: Num[np.ndarray, "rows ..."],
    patients: Sequence[str], *, kind: Literal["images", "signals"] = "images", fs_hz: float | None = None,
    corruptions: Sequence[str] | None = None, severities: Sequence[int] = (1, 2, 3, 4, 5),
    eps: Sequence[float] = EPS, limits: tuple[float, float] = (0.0, 1.0),
    validation: tuple[np.ndarray, np.ndarray] | None = None, most: int = 400, resamples: int = 300, seed: int = 0,
    versions: Mapping[str, str] | None = None, folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RobustnessResult:  # fmt: skip
    """Judge arms on the same inputs as they get worse, and their probabilities.

    Args:
        arms: a function from inputs to probabilities by name, or a `Model` with a gradient, without which there are no
            attacks. The first is the reference of the others. `models.ensemble` makes one of several.
        inputs: images (n, y, x), volumes (n, z, y, x), or signals (n, leads, samples).
        labels: a class's number, (n,), or (n, labels) of 1, 0 and NaN.
        patients: whose each row is.
        kind: what the inputs are.
        fs_hz: samples a second, of signals.
        corruptions: names of those wanted; all of the kind when None, none when empty.
        severities: of 1 to 5.
        eps: sizes of the attacks: of the images' limits, or of the signals' standard deviation.
        limits: least and largest value of an image.
        validation: inputs and labels of other patients, to fit a temperature on.
        most: rows used at most, of whole patients.
        resamples: of the bootstrap over patients.
        seed: of rows, corruptions and resamples.
        versions: what tells each arm's weights from all others; with a folder, probabilities are kept in it.
        folder: of the evaluation.
        progress: told (predictions made, in all).

    Raises:
        ValueError: lengths that differ, no row left, signals without a rate, or an arm that gives no probabilities.
    """
    if kind == "signals" and fs_hz is None:
        raise ValueError("fs_hz is None; signals need the rate that they were sampled at")
    if inputs.ndim not in ((3,) if kind == "signals" else (3, 4)):
        wanted = "(n, leads, samples)" if kind == "signals" else "(n, y, x) or (n, z, y, x)"
        raise ValueError(f"inputs have the shape {inputs.shape}; {wanted} is needed")
    if not limits[1] > limits[0]:
        raise ValueError(f"limits are {limits}; the second must be larger")
    if not arms:
        raise ValueError("no arm was given; one model is needed at least")
    models = {name: arm if isinstance(arm, Model) else Model(arm) for name, arm in arms.items()}
    said: list[str] = []
    test = judged_rows(inputs, labels, patients, most, resamples, seed, said)
    bounds = limits if kind == "images" else None
    scale = limits[1] - limits[0] if kind == "images" else float(test.x.std()) or 1.0
    named = image_conditions(corruptions, severities, limits, seed) if kind == "images" else of_signals(
        corruptions, severities, fs_hz or 1.0, seed)  # fmt: skip
    conditions = [clean(), *named, *attack_conditions(eps, scale, bounds, seed)]
    found = predicted(models, test, conditions, bounds, seed, versions, folder, said, progress)
    return judged(
        {arm: [table] for arm, table in found.items()}, test, conditions, said, seed=seed,
        checked=None if validation is None else _checked(models, validation, test.multilabel),
    )  # fmt: skip


def _checked(
    models: Mapping[str, Model], validation: tuple[np.ndarray, np.ndarray], multilabel: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return labels and every arm's probabilities of validation rows; none where no row is known."""
    x, y = known_rows(np.asarray(validation[0]), np.asarray(validation[1]))
    if not len(x):
        return {}
    given = np.asarray(x, dtype=np.float32)
    return {arm: (y, probabilities(m.predict(given), len(x), multilabel)) for arm, m in models.items()}
