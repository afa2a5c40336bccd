"""Which attributes come together: as asked for and as labelled, and as read off synthetic and off real images.

Findings that come together in a clinic should be seen together as often as they were asked for together, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ...conditioning.seeds import stream
from ..comparison import Interval, interval
from ..downstream import correlation
from ..realism.resampling import around, patient_weights
from ..result import Result, unknown_result
from .obedience import FEW, Read


class TogetherRow(BaseModel):
    """Two attributes; every number is a correlation, -1 to 1.

    Attributes:
        first: label of one.
        second: label of the other.
        asked: of what was asked of synthetic images.
        labelled: of what held-out real images are labelled with.
        synthetic: of what was read off synthetic images.
        real: of what was read off real ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    first: str
    second: str
    asked: Interval
    labelled: Interval
    synthetic: Interval
    real: Interval


def together(
    synthetic: Read, real: Read, names: Sequence[str], *, seed: int, resamples: int = 200
) -> tuple[TogetherRow, ...]:
    """Return one row for each pair of attributes that both sides say and show in ten images at least.

    Args:
        synthetic: synthetic conditions and readings.
        real: held-out real ones.
        names: attributes.
        seed: of the resamples.
        resamples: of the bootstrap over patients.
    """
    sides = (synthetic, real)
    common = [n for n in names if all(n in s.scores and _varies(s.columns[n].value) for s in sides)]
    weights = [patient_weights([s.patients], resamples, stream(seed, f"together/{k}"))[0] for k, s in enumerate(sides)]
    rows = []
    for a, b in combinations(common, 2):
        said = [_between(s.columns[a].value, s.columns[b].value, w) for s, w in zip(sides, weights, strict=True)]
        read = [_between(s.scores[a], s.scores[b], w) for s, w in zip(sides, weights, strict=True)]
        labels = (synthetic.columns[a].label, synthetic.columns[b].label)
        rows.append(
            TogetherRow(
                first=labels[0], second=labels[1], asked=interval(said[0]), labelled=interval(said[1]),
                synthetic=interval(read[0]), real=interval(read[1]),
            )
        )  # fmt: skip
    return tuple(rows)


def _varies(value: Float[np.ndarray, " n"]) -> bool:
    """Return whether ten values at least stand on either side of the middle between the extremes."""
    known = value[np.isfinite(value)]
    if len(known) < 2 * FEW or np.ptp(known) == 0:
        return False
    high = int((known > (known.min() + known.max()) / 2).sum())
    return FEW <= high <= len(known) - FEW


def _between(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> Result:
    known = np.isfinite(a) & np.isfinite(b)
    n = int(known.sum())
    if n < FEW:
        return unknown_result(n)
    value = correlation(a[known], b[known], np.ones((1, n)))[0]
    return around(float(value), correlation(a[known], b[known], weight[:, known]), n, (-1.0, 1.0))
