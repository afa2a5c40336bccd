"""The noise levels that a sampler walks down.

Source: Karras et al. 2022, arXiv 2206.00364, equation 5.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Float[np.ndarray, " levels"]:
    """Return the levels from sigma_max down to sigma_min, evenly spaced in sigma^(1/rho), and a final 0.

    Args:
        steps: number of levels above 0, at least 2.
        sigma_min: lowest level above 0.
        sigma_max: highest level.
        rho: how much denser the low levels are; 1 is even spacing.

    Raises:
        ValueError: fewer than 2 steps, levels out of order, or rho not above 0.
    """
    if steps < 2 or not 0 < sigma_min < sigma_max or not rho > 0:
        raise ValueError(
            f"steps = {steps}, sigma_min = {sigma_min:g}, sigma_max = {sigma_max:g}, rho = {rho:g}: "
            "at least 2 steps, 0 < sigma_min < sigma_max and rho > 0 are needed"
        )
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    levels = (high + np.linspace(0, 1, steps) * (low - high)) ** rho
    return np.append(levels, 0.0)
