"""Classifier-free guidance: away from what would come unasked, towards what was asked.

Source: Ho and Salimans 2022, arXiv 2207.12598, equation 6, for denoisers: D = D_free + w (D_cond - D_free).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .preconditioning import Denoise


def guided(denoise: Callable[[Tensor, Tensor, Tensor], Tensor], cond: Tensor, free: Tensor, weight: float) -> Denoise:
    """Return a denoiser whose condition is strengthened.

    Args:
        denoise: D(x, sigma (b,), cond (b, d)).
        cond: what is asked for, (b, d).
        free: the same with nothing said, (b, d).
        weight: w; 1 is the plain condition, 0 none, above 1 stronger. Other weights denoise twice the rows.
    """
    if weight in (0, 1):
        only = cond if weight == 1 else free
        return lambda x, sigma: denoise(x, sigma, only)
    both = torch.cat([cond, free])

    def denoise_twice(x: Tensor, sigma: Tensor) -> Tensor:
        with_cond, without = denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), both).chunk(2)
        return without + weight * (with_cond - without)

    return denoise_twice
