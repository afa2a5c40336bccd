"""Probabilities under every condition as scores, differences and calibration, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism.resampling import around
from ..result import unknown_result
from .calibration import Claims, bins_of, reliability, temperature, tempered
from .conditions import ATTACKS, RANDOM, Condition
from .predicting import JudgedRows, Key
from .result import CLEAN, MEAN, ArmDifference, BinRow, CalibrationRow, RobustnessResult, ScoreRow
from .scores import ADAPTIVE, BOUNDS, HIGHER_IS_BETTER, MEASURES, NLL, floors, scores

DIAGRAM_BINS = 10
Draws = dict[Key, dict[str, np.ndarray]]  # each measure of all rows first, then of each resample
Members = Sequence[Mapping[Key, np.ndarray]]  # what each model of an arm gives under each condition, (n, k)


def judged(
    found: Mapping[str, Members], test: JudgedRows, conditions: Sequence[Condition], said: Sequence[str], *, seed: int,
    checked: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> RobustnessResult:  # fmt: skip
    """Judge what models gave; an arm of several has the mean of its models' scores, which is no ensemble's score.

    Args:
        found: by arm, one table a model: probabilities of each condition. The first arm is the reference.
        test: the rows that they were given.
        conditions: in the order in which they are shown.
        said: what could not be told so far.
        seed: of what chance gives.
        checked: labels and probabilities of other patients' rows by arm, to fit a temperature on; arms of one model.
    """
    draws = {arm: _drawn(test, members) for arm, members in found.items()}
    rows = [r for arm in found for r in _score_rows(arm, conditions, found[arm], draws[arm], test, seed)]
    first, *others = found
    return RobustnessResult(
        arms=tuple(found), rows=len(test.x), of=test.of, patients=len(set(test.patients)),
        classes=0 if test.multilabel else found[first][0][CLEAN, 0].shape[1], scores=tuple(rows),
        differences=tuple(d for arm in others for d in _differences(arm, first, draws, len(test.x))),
        calibration=tuple(
            _calibration(arm, test, members, draws[arm], (checked or {}).get(arm)) for arm, members in found.items()
        ),
        unknown=tuple(dict.fromkeys(said)),
    )  # fmt: skip


def _drawn(test: JudgedRows, members: Members) -> Draws:
    """Return each measure of each condition, meaned over models."""
    each = [{key: _scored(test, p) for key, p in table.items()} for table in members]
    return {key: {name: np.mean([one[key][name] for one in each], axis=0) for name in MEASURES} for key in each[0]}


def _scored(test: JudgedRows, p: np.ndarray) -> dict[str, np.ndarray]:
    """Return each measure of the rows that have a number, of all rows first and then of each resample."""
    known = np.isfinite(p).all(axis=1)
    if not known.any():
        return {name: np.full(len(test.weight), np.nan) for name in MEASURES}
    return scores(test.y[known], p[known], test.weight[:, known])


def _score_rows(
    arm: str,
    conditions: Sequence[Condition],
    members: Members,
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
        known = np.all([np.isfinite(table[key]).all(axis=1) for table in members], axis=0)
        bottom = _floors(test, [table[key] for table in members], known, seed, f"{c.name}/{c.severity}")
        rows += [
            _row(arm, key, c.level, name, draws[key][name], start[name], int(known.sum()), bottom.get(name))
            for name in MEASURES
        ]
    means = _meaned(draws)
    if means:
        rows += [_row(arm, (MEAN, 0), "", n, means[n], start[n], len(test.x), None) for n in MEASURES]
    return rows


def _floors(test: JudgedRows, given: Sequence[np.ndarray], known: np.ndarray, seed: int, name: str) -> dict[str, float]:
    """Return what chance gives, meaned over models; nothing where no row has a number."""
    if not known.any():
        return {}
    rng = stream(seed, f"robustness.floor/{name}")
    each = [floors(test.y[known], p[known], rng) for p in given]
    return {key: float(np.mean([one[key] for one in each])) for key in each[0]}


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
    arm: str, test: JudgedRows, members: Members, draws: Draws, checked: tuple[np.ndarray, np.ndarray] | None
) -> CalibrationRow:
    """Return the reliability of all models' claims together, and what a temperature of one model changes."""
    flat = [_flat(test.y, table[CLEAN, 0]) for table in members]
    claims = Claims.of(np.concatenate([y for y, _ in flat]), np.concatenate([p for _, p in flat]))
    bins = reliability(claims, bins_of(claims.claim, DIAGRAM_BINS, adaptive=True))
    nothing = interval(unknown_result(0))
    row = CalibrationRow(
        arm=arm, bins=tuple(BinRow(**vars(b)) for b in bins), temperature=None, validation_rows=0,
        ece_change=nothing, nll_change=nothing, nll_change_corrupted=nothing,
    )  # fmt: skip
    if checked is None or len(members) != 1:
        return row
    (found,), t = members, temperature(*_flat(*checked))
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
    return row.model_copy(update={"temperature": t, "validation_rows": len(checked[0])} | changes)


def _flat(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and class probabilities, several labels one under the other."""
    if y.ndim == 1:
        known = np.isfinite(p).all(axis=1)
        return y[known].astype(np.int64), p[known]
    known = np.isfinite(y) & np.isfinite(p)
    return y[known].astype(np.int64), np.column_stack([1 - p[known], p[known]])


def _warm(p: np.ndarray, t: float, multilabel: bool) -> np.ndarray:
    if not multilabel:
        return tempered(p, t)
    return np.column_stack([tempered(np.column_stack([1 - c, c]), t)[:, 1] for c in p.T])
