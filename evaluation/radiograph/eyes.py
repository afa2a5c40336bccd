"""Who looks at the radiographs: an encoder and a judge, both trained on the user's own real training images.

The judge has another architecture and another seed than the readout that quality control uses, so a generator that
learnt to please that one does not please this one for free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.record import Record
from .attributes import AGE, SEX

JUDGE = "densenet"  # quality control reads by a resnet
JUDGE_SEED = 7919  # added to the evaluation's seed: quality control's readout counts from its own
_READOUT = "clinsynth.generators.readout.radiograph"

Features = Callable[[np.ndarray], np.ndarray]
Reader = Callable[[np.ndarray], Mapping[str, np.ndarray]]
TrainEncoder = Callable[[Sequence[Record], int], Features]
TrainJudge = Callable[[Sequence[Record], int], Reader]


@dataclass(frozen=True)
class Eyes:
    """How encoder and judge come to be; tests put small ones in.

    Attributes:
        encoder: takes training records and a seed, and returns a function of images (b, h, w) that gives (b, d).
        judge: takes the same, and returns a function of images that gives scores by attribute (`sex` is male,
            `view=pa`, `race=black`, `age_years`, findings by their words); NaN where it does not read.
        about: what they are, in words, for the page and for the key of kept results.
    """

    encoder: TrainEncoder
    judge: TrainJudge
    about: str


def studio_eyes() -> Eyes:
    """Return the studio's own encoder and the judge that quality control does not use."""
    about = (
        f"the studio's encoder, and a {JUDGE} with its own seed as judge (quality control reads by a resnet), both at "
        "64 x 64 pixels"
    )
    return Eyes(_encoder, _judge, about)


def _encoder(records: Sequence[Record], seed: int) -> Features:
    encoder = import_module(_READOUT).RadiographEncoder.trained(records, seed=seed)
    return lambda x: np.asarray(encoder.features(x), dtype=np.float64)


def _judge(records: Sequence[Record], seed: int) -> Reader:
    readout = import_module(_READOUT).RadiographReadout.trained(records, architecture=JUDGE, seed=seed + JUDGE_SEED)
    return lambda x: scores_of(readout.read(x))


def scores_of(readings: Any) -> dict[str, Float[np.ndarray, " b"]]:
    """Return readings as scores by attribute; what was not learned is left out.

    Args:
        readings: of `RadiographReadout.read`: `male`, `age_years`, `race`, `view`, `findings` and the names of the
            columns in `attributes`.
    """
    scores = {SEX: readings.male, AGE: readings.age_years}
    for prefix, names, values in (
        ("race=", readings.attributes.races, readings.race),
        ("view=", readings.attributes.views, readings.view),
        ("", readings.attributes.findings, readings.findings),
    ):
        scores |= {f"{prefix}{name}": values[:, k] for k, name in enumerate(names)}
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in scores.items()}
    return {name: value for name, value in arrays.items() if np.isfinite(value).any()}
