"""What needs no learning: zeros, and the mean of the contrasts that are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32

from ..case import Case, Missing

Volume = Float32[np.ndarray, "x y z"]


def zero_filled(training: Sequence[Case], asked: Missing, seed: int) -> Callable[[Case], Volume]:
    """Return zeros."""
    return lambda case: np.zeros(case.brain.shape, np.float32)


def mean_of_inputs(training: Sequence[Case], asked: Missing, seed: int) -> Callable[[Case], Volume]:
    """Return the mean of the inputs, each from 0 to 1."""
    return lambda case: np.asarray(np.mean([case.volumes[c] for c in asked.inputs], axis=0), dtype=np.float32)
