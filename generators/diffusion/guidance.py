"""Classifier-free guidance: away from what would come unasked, towards what was asked.

Source: Ho and Salimans 2022, arXiv 2207.12598, equation 6, for denoisers: D = D_free + w (D_cond - D_free).
With a weight of its own for an attribute a, the direction of a alone, D_cond - D_(cond without a), is weighed apart;
composition of conditions as in Liu et al. 2022, arXiv 2206.01714.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .preconditioning import Denoise, alongside


def guided(denoise: Callable[[Tensor, Tensor, Tensor], Tensor], cond: Tensor, free: Tensor, weight: float) -> Denoise:
    """Return a denoiser whose condition is strengthened.

    Args:
        denoise: D(x, sigma (b,), cond (b, d)).
        cond: what is asked for, (b, d).
        free: the same with nothing said, (b, d).
        weight: w; 1 is the plain condition, 0 none, above 1 stronger. Other weights denoise twice the rows.
    """
    return guided_apart(denoise, cond, free, weight, ())


def guided_apart(
    denoise: Callable[[Tensor, Tensor, Tensor], Tensor],
    cond: Tensor,
    free: Tensor,
    weight: float,
    apart: Sequence[tuple[Tensor, float]],
    rescale: float = 0.0,
) -> Denoise:
    """Return a denoiser whose condition is strengthened, some of its attributes with weights of their own.

    D = D_free + w (D_cond - D_free) + sum over a of (w_a - w) (D_cond - D_without_a).

    Args:
        denoise: D(x, sigma (b,), cond (b, ...)).
        cond: what is asked for.
        free: the same with nothing said.
        weight: w, of all attributes that have none of their own.
        apart: for each attribute with its own weight, the condition without it and w_a.
        rescale: share, 0 to 1, by which the spread of each example is drawn back to that of D_cond
            (Lin et al. 2023, arXiv 2305.08891, section 3.4).
    """
    if weight in (0, 1) and not apart:
        only = cond if weight == 1 else free
        return lambda x, sigma: denoise(x, sigma, only)
    told = torch.cat([cond, free, *(without for without, _ in apart)])
    n = 2 + len(apart)

    def denoise_all(x: Tensor, sigma: Tensor) -> Tensor:
        full, none, *without = denoise(torch.cat([x] * n), torch.cat([sigma] * n), told).chunk(n)
        made = none + weight * (full - none)
        for less, (_, own) in zip(without, apart, strict=True):
            made = made + (own - weight) * (full - less)
        return _rescaled(made, full, rescale)

    return denoise_all


def _rescaled(made: Tensor, plain: Tensor, share: float) -> Tensor:
    if share == 0:
        return made
    spread = plain.flatten(1).std(1) / made.flatten(1).std(1).clamp(min=1e-8)
    return made * alongside(share * spread + (1 - share), made)
