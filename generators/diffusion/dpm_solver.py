"""DPM-Solver++(2M): a second-order multistep sampler, one call of the denoiser a step.

Source: Lu et al. 2022, arXiv 2211.01095, algorithm 2, written for x = x0 + sigma eps (alpha = 1).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from torch import Tensor

from .preconditioning import Denoise


def dpm_solver_2m(denoise: Denoise, x: Tensor, sigmas: Float[np.ndarray, " levels"]) -> Tensor:
    """Return x carried from the first noise level to the last.

    With lambda = -ln(sigma) and h its step, x' = (sigma'/sigma) x - (e^-h - 1) d, where d extrapolates the last two
    estimates of x0 to the middle of the step. The first step has but one, and a step to 0 takes the estimate itself.

    Args:
        denoise: D(x, sigma (b,)).
        x: (b, ...) at noise level sigmas[0].
        sigmas: falling noise levels; only the last may be 0.
    """
    before: Tensor | None = None
    h_before = 1.0
    for now, after in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        x0 = denoise(x, x.new_full((len(x),), now))
        if after == 0:
            return x0
        h = math.log(now / after)
        d = x0 if before is None else x0 + (h / h_before) / 2 * (x0 - before)
        x = (after / now) * x - math.expm1(-h) * d
        before, h_before = x0, h
    return x
