"""Heun's second-order sampler of the probability-flow equation dx/dsigma = (x - D(x, sigma)) / sigma.

Source: Karras et al. 2022, arXiv 2206.00364, algorithm 1.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor

from .preconditioning import Denoise


def heun(denoise: Denoise, x: Tensor, sigmas: Float[np.ndarray, " levels"]) -> Tensor:
    """Return x carried from the first noise level to the last; two calls of `denoise` a step, one in a step to 0.

    Args:
        denoise: D(x, sigma (b,)).
        x: (b, ...) at noise level sigmas[0].
        sigmas: falling noise levels; only the last may be 0.
    """
    for now, after in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        slope = _slope(denoise, x, now)
        ahead = x + (after - now) * slope
        if after > 0:
            ahead = x + (after - now) * 0.5 * (slope + _slope(denoise, ahead, after))
        x = ahead
    return x


def _slope(denoise: Denoise, x: Tensor, sigma: float) -> Tensor:
    return (x - denoise(x, x.new_full((len(x),), sigma))) / sigma
