"""From noise to a latent: the scheduler's steps, with the prompt strengthened by guidance.

Source: guidance: Ho and Salimans 2022, arXiv 2207.12598, equation 6; its rescaling: Lin et al. 2024, arXiv
2305.08891, equations 15 and 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Walk:
    """How the steps are taken.

    Attributes:
        guidance: weight of the prompt; 1 and 0 call the U-Net once a step, other weights with twice the rows.
        rescale: share by which a guided prediction's spread is drawn back.
        step: what the scheduler's step takes beside prediction, time and latent.
    """

    guidance: float
    rescale: float
    step: dict[str, Any]


def walk(unet: Any, scheduler: Any, eps: Tensor, told: Tensor, free: Tensor, how: Walk) -> Tensor:
    """Return latents, float32 (b, c, h, w), a function of noise and prompts.

    Args:
        unet: diffusers' UNet2DConditionModel.
        scheduler: with its time steps set.
        eps: standard normal noise, float32 (b, c, h, w).
        told: the encoded prompts, (b, tokens, width).
        free: the encoded empty prompt, in the same shape.
        how: guidance and the arguments of a step.
    """
    guided = how.guidance not in (0, 1)
    context = torch.cat([free, told]) if guided else told if how.guidance else free
    xt = eps * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        given = scheduler.scale_model_input(xt, t)
        rows = torch.cat([given, given]) if guided else given
        said = unet(rows.to(context.dtype), t, encoder_hidden_states=context, return_dict=False)[0].float()
        if guided:
            without, with_prompt = said.chunk(2)
            said = _guided(without, with_prompt, how)
        xt = scheduler.step(said, t, xt, **how.step, return_dict=False)[0]
    return xt


def _guided(free: Tensor, told: Tensor, how: Walk) -> Tensor:
    said = free + how.guidance * (told - free)
    if not how.rescale:
        return said
    spread, plain = (x.flatten(1).std(1)[:, None, None, None] for x in (said, told))
    return said * (1 + how.rescale * (plain / spread - 1))
