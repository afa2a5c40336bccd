"""How models stand worse inputs: the one function that a caller needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Num

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism.resampling import around
from ..result import unknown_result
from .calibration import Claims, bins_of, reliability, temperature, tempered
from .conditions import ATTACKS, EPS, RANDOM, Condition, attack_conditions, clean, image_conditions
from .conditions import signal_conditions as of_signals
from .models import Model, Predict, probabilities
from .predicting import JudgedRows, Key, judged_rows, known_rows, predicted
from .result import CLEAN, MEAN, ArmDifference, BinRow, CalibrationRow, RobustnessResult, ScoreRow
from .scores import ADAPTIVE, BOUNDS, HIGHER_IS_BETTER, MEASURES, NLL, floors, scores

DIAGRAM_BINS = 10
Draws = dict[Key, dict[str, np.ndarray]]  # each measure of all rows first, then of each resample


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
    draws = {arm: {key: _scored(test, p) for key, p in table.items()} for arm, table in found.items()}
    rows = [r for arm in models for r in _score_rows(arm, conditions, found[arm], draws[arm], test, seed)]
    first, *others = models
    checked = None if validation is None else known_rows(np.asarray(validation[0]), np.asarray(validation[1]))
    return RobustnessResult(
        arms=tuple(models), rows=len(test.x), of=test.of, patients=len(set(test.patients)),
        classes=0 if test.multilabel else found[first][CLEAN, 0].shape[1], scores=tuple(rows),
        differences=tuple(d for arm in others for d in _differences(arm, first, draws, len(test.x))),
        calibration=tuple(_calibration(arm, m, test, found[arm], draws[arm], checked) for arm, m in models.items()),
        unknown=tuple(said),
    )  # fmt: skip


def _scored(test: JudgedRows, p: np.ndarray) -> dict[str, np.ndarray]:
    """Return each measure of the rows that have a number, of all rows first and then of each resample."""
    known = np.isfinite(p).all(axis=1)
    if not known.any():
        return {name: np.full(len(test.weight), np.nan) for name in MEASURES}
    return scores(test.y[known], p[known], test.weight[:, known])


def _score_rows(
    arm: str,
    conditions: Sequence[Condition],
    found: Mapping[Key, np.ndarray],
    draws: Draws,
    test: JudgedRows,
    seed: int,
) -> list[ScoreRow]:
    rows = []
    start = draws[CLEAN, 0]
    for c in conditions:
        key = (c.name, c.severity)
        if key not in draws:
            continue
        known = np.isfinite(found[key]).all(axis=1)
        rng = stream(seed, f"robustness.floor/{c.name}/{c.severity}")
        bottom = floors(test.y[known], found[key][known], rng) if known.any() else {}
        rows += [
            _row(arm, key, c.level, name, draws[key][name], start[name], int(known.sum()), bottom.get(name))
            for name in MEASURES
        ]
    means = _meaned(draws)
    if means:
        rows += [_row(arm, (MEAN, 0), "", n, means[n], start[n], len(test.x), None) for n in MEASURES]
    return rows


def _meaned(draws: Draws) -> dict[str, np.ndarray]:
    """Return each measure meaned over corruptions and severities, attacks and their control left out."""
    keys = [k for k in draws if k[0] not in (CLEAN, RANDOM, *ATTACKS)]
    return {name: np.mean([draws[k][name] for k in keys], axis=0) for name in MEASURES} if keys else {}


def _row(
    arm: str, key: Key, level: str, measure: str, value: np.ndarray, start: np.ndarray, n: int, floor: float | None
) -> ScoreRow:
    moved = value - start
    return ScoreRow(
        arm=arm, corruption=key[0], severity=key[1], level=level, measure=measure,
        value=interval(around(float(value[0]), value[1:], n, BOUNDS[measure])),
        change=interval(around(float(moved[0]), moved[1:], n)),
        floor=floor if floor is not None and np.isfinite(floor) else None,
    )  # fmt: skip


def _differences(arm: str, reference: str, draws: Mapping[str, Draws], n: int) -> list[ArmDifference]:
    mine, theirs = draws[arm], draws[reference]
    pairs = {key: (mine[key], theirs[key]) for key in mine if key in theirs}
    if _meaned(mine) and _meaned(theirs):
        pairs[MEAN, 0] = (_meaned(mine), _meaned(theirs))
    rows = []
    for key, (a, b) in pairs.items():
        for name in MEASURES:
            off = a[name] - b[name]
            result = around(float(off[0]), off[1:], n)
            verdict = "open"
            if result.known and (result.low > 0 or result.high < 0):
                verdict = "better" if (result.low > 0) == (name in HIGHER_IS_BETTER) else "worse"
            rows.append(
                ArmDifference(
                    arm=arm, reference=reference, corruption=key[0], severity=key[1], measure=name,
                    difference=interval(result), verdict=verdict,
                )
            )  # fmt: skip
    return rows


def _calibration(
    arm: str, model: Model, test: JudgedRows, found: Mapping[Key, np.ndarray], draws: Draws,
    validation: tuple[np.ndarray, np.ndarray] | None,
) -> CalibrationRow:  # fmt: skip
    claims = _claims(test.y, found[CLEAN, 0])
    bins = reliability(claims, bins_of(claims.claim, DIAGRAM_BINS, adaptive=True))
    nothing = interval(unknown_result(0))
    row = CalibrationRow(
        arm=arm, bins=tuple(BinRow(**vars(b)) for b in bins), temperature=None, validation_rows=0,
        ece_change=nothing, nll_change=nothing, nll_change_corrupted=nothing,
    )  # fmt: skip
    if validation is None or not len(validation[0]):
        return row
    x, y = validation
    p = probabilities(model.predict(np.asarray(x, dtype=np.float32)), len(x), test.multilabel)
    label, chances = _flat(y, p)
    t = temperature(label, chances)
    after = {key: _scored(test, _warm(q, t, test.multilabel)) for key, q in found.items()}
    changes: dict[str, Any] = {}
    once = (after[CLEAN, 0], draws[CLEAN, 0])
    for name, measure, (a, b) in (
        ("ece_change", ADAPTIVE, once), ("nll_change", NLL, once),
        ("nll_change_corrupted", NLL, (_meaned(after), _meaned(draws))),
    ):  # fmt: skip
        if a and b:
            off = a[measure] - b[measure]
            changes[name] = interval(around(float(off[0]), off[1:], len(test.x)))
    return row.model_copy(update={"temperature": t, "validation_rows": len(x)} | changes)


def _flat(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and class probabilities, several labels one under the other."""
    if y.ndim == 1:
        known = np.isfinite(p).all(axis=1)
        return y[known].astype(np.int64), p[known]
    known = np.isfinite(y) & np.isfinite(p)
    return y[known].astype(np.int64), np.column_stack([1 - p[known], p[known]])


def _claims(y: np.ndarray, p: np.ndarray) -> Claims:
    return Claims.of(*_flat(y, p))


def _warm(p: np.ndarray, t: float, multilabel: bool) -> np.ndarray:
    if not multilabel:
        return tempered(p, t)
    return np.column_stack([tempered(np.column_stack([1 - c, c]), t)[:, 1] for c in p.T])
