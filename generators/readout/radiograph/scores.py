"""How well a readout reads: AUROC of states and values, error and correlation of age, with intervals over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from ....conditioning.seeds import stream
from .attributes import Said
from .readings import Readings

LEVEL = 0.95


class Score(BaseModel):
    """One figure.

    Attributes:
        name: attribute or value that was read.
        measure: `auroc`, `mae_years` or `correlation`.
        value: the figure; NaN when it has none.
        low: lower end of the interval of 95 %.
        high: upper end.
        images: that it rests on.
        positives: of those, with the value (all for age).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    name: str
    measure: str
    value: float
    low: float
    high: float
    images: int
    positives: int


def scores(read: Readings, known: Said, patients: Sequence[str], seed: int, resamples: int) -> tuple[Score, ...]:
    """Return a figure for each attribute and value that was learned.

    Args:
        read: what was read off n images.
        known: what is known of them.
        patients: whose each is; the intervals draw patients.
        seed: of the draws.
        resamples: how many.
    """
    counts = _drawn(patients, resamples, stream(seed, "readout.scores"))
    found: list[Score] = []
    for name, state, chance in _states(read, known):
        there = ~np.isnan(state)
        positive, shown = state[there] > 0.5, chance[there]
        found.append(_score(name, "auroc", partial(auroc, positive, shown), counts[:, there], positive))
    if read.attributes.age:
        there = ~np.isnan(known.age_years)
        a, b, every = read.age_years[there], known.age_years[there], np.ones(there.sum(), bool)
        found.append(_score("age_years", "mae_years", lambda w: w @ np.abs(a - b) / w.sum(1), counts[:, there], every))
        found.append(_score("age_years", "correlation", lambda w: correlation(a, b, w), counts[:, there], every))
    return tuple(found)


def auroc(
    positive: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"], weight: Float[np.ndarray, "draws n"]
) -> Float[np.ndarray, " draws"]:
    """Return the chance that a positive row scores above a negative one, for each weighting; NaN where a class lacks.

    Source: Mann and Whitney 1947; ties count half.
    """
    above, below = score[positive], score[~positive]
    order = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    up, down = weight[:, positive], weight[:, ~positive]
    pairs = up.sum(1) * down.sum(1)
    return np.divide(((up @ order) * down).sum(1), pairs, out=np.full(len(weight), np.nan), where=pairs > 0)


def correlation(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], weight: Float[np.ndarray, "draws n"]
) -> Float[np.ndarray, " draws"]:
    """Return Pearson's correlation for each weighting; NaN where one of the two does not vary."""
    w = weight / weight.sum(1, keepdims=True)
    ma, mb = w @ a, w @ b
    cov, va, vb = w @ (a * b) - ma * mb, w @ a**2 - ma**2, w @ b**2 - mb**2
    spread = np.sqrt(np.maximum(va, 0) * np.maximum(vb, 0))
    return np.divide(cov, spread, out=np.full(len(w), np.nan), where=spread > 1e-12)


def _states(read: Readings, known: Said) -> list[tuple[str, np.ndarray, np.ndarray]]:
    rows = [("sex", known.male, read.male)] if read.attributes.sex else []
    for values, index, chance in (
        (read.attributes.races, known.race, read.race),
        (read.attributes.views, known.view, read.view),
    ):
        for k, value in enumerate(values):
            rows.append((str(value), np.where(index < 0, np.nan, index == k), chance[:, k]))
    for k, finding in enumerate(read.attributes.findings):
        rows.append((str(finding), known.findings[:, k], read.findings[:, k]))
    return rows


def _score(
    name: str, measure: str, figure: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, positive: np.ndarray
) -> Score:
    value = float("nan") if not len(positive) else float(figure(np.ones((1, len(positive))))[0])
    draws = figure(counts[counts.sum(1) > 0]) if len(positive) else np.empty(0)
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(draws) else (np.nan, np.nan)
    return Score(
        name=name, measure=measure, value=value, low=float(low), high=float(high),
        images=len(positive), positives=int(positive.sum()),
    )  # fmt: skip


def _drawn(patients: Sequence[str], resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each row counts when patients are drawn with replacement, (resamples, n)."""
    names, index = np.unique(np.asarray(patients), return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return counts[:, index].astype(float)
