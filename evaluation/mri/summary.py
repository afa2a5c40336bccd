"""Figures of pairs as one: the mean of patients, each of whom counts once, with an interval where one can be given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ...conditioning.mri.contrasts import CONTRASTS, Contrast
from ...conditioning.seeds import stream
from ..result import Result
from ..statistics import bootstrap
from ..tables import DASH, number
from .baselines import WORDS
from .look import CONTROLS, MADE, MriLook, PairLook
from .trust import Trust

FEWEST = 3  # patients behind an interval
METHOD = {MADE: "made", **{name: WORDS[name] for name in CONTROLS}}
Value = Callable[[PairLook], float | None]


def patients(pairs: Iterable[PairLook]) -> list[str]:
    """Return the patients of pairs, each once."""
    return list(dict.fromkeys(p.patient for p in pairs))


def over_patients(pairs: Sequence[PairLook], value: Value) -> Result:
    """Return the mean over patients of each one's mean, with a bootstrap interval from three patients on."""
    by_patient: dict[str, list[float]] = {}
    for pair in pairs:
        found = value(pair)
        if found is not None:
            by_patient.setdefault(pair.patient, []).append(found)
    means = np.array([np.mean(values) for values in by_patient.values()])
    if len(means) < FEWEST:
        mean = float(means.mean()) if len(means) else float("nan")
        return Result(mean, float("nan"), float("nan"), len(means))
    return bootstrap([means], lambda x: x.mean(axis=-1), rng=stream(0, "mri.page"))


def shown(result: Result, digits: int) -> str:
    """Return `24.1 [23.0 to 25.2]`, or the value alone where no interval can be given."""
    if not result.known:
        return DASH
    value = number(result.value, digits)
    return value if np.isnan(result.low) else f"{value} [{number(result.low, digits)} to {number(result.high, digits)}]"


def by_contrast(look: MriLook) -> list[tuple[Contrast, list[PairLook]]]:
    """Return the pairs of each contrast that was made."""
    grouped = [(c, [p for p in look.pairs if p.contrast == c]) for c in CONTRASTS]
    return [(c, pairs) for c, pairs in grouped if pairs]


def score_of(method: str, region: str, name: str) -> Value:
    """Return what tells a score of a pair, behind the factor that brings it nearest."""

    def value(pair: PairLook) -> float | None:
        scores = pair.fitted.get(method, {}).get(region)
        return None if scores is None else float(getattr(scores, name))

    return value


def trust_of(value: Callable[[Trust], float | None]) -> Value:
    """Return what tells a figure of a pair's uncertainty; None for a pair without one."""
    return lambda pair: None if pair.trust is None else value(pair.trust)
