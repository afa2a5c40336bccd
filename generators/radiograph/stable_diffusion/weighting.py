"""What the U-Net is trained to say at each noise level, and how much each level counts.

Source: v-prediction: Salimans and Ho 2022, arXiv 2202.00512, section 4; min-SNR weighting: Hang et al. 2023, arXiv
2303.09556, section 3.4; noise levels that end at no signal: Lin et al. 2024, arXiv 2305.08891, algorithm 1.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...diffusion.schedulers import prediction_type
from .settings import LossConfig


def trained_scheduler(config: Mapping[str, Any], loss: LossConfig) -> dict[str, Any]:
    """Return a folder's scheduler settings as training leaves them.

    Args:
        config: content of the folder's `scheduler_config.json`.
        loss: what training changes.

    Raises:
        ValueError: the last step is to be pure noise and epsilon to be predicted, of which noise says nothing, or the
            folder's own prediction is one that is not trained.
    """
    predicts = loss.prediction_type or prediction_type(config)
    zero = config.get("rescale_betas_zero_snr") if loss.rescale_betas_zero_snr is None else loss.rescale_betas_zero_snr
    if predicts not in ("epsilon", "v_prediction"):
        raise ValueError(f"prediction_type = {predicts}: training knows epsilon and v_prediction")
    if zero and predicts == "epsilon":
        raise ValueError("rescale_betas_zero_snr = true needs prediction_type: v_prediction")
    spacing = {"timestep_spacing": "trailing"} if zero else {}
    return dict(config) | {"prediction_type": predicts, "rescale_betas_zero_snr": bool(zero)} | spacing


def alphas_cumprod(config: Mapping[str, Any]) -> Float[Tensor, " steps"]:
    """Return the share of the signal's power that each step keeps, falling, float32."""
    from diffusers import DDPMScheduler

    takes = inspect.signature(DDPMScheduler.__init__).parameters
    scheduler = DDPMScheduler(**{key: value for key, value in config.items() if key in takes and value is not None})
    alphas: Tensor = scheduler.alphas_cumprod.float()
    return alphas


def weight(snr: Float[Tensor, " b"], predicts: str, loss: LossConfig) -> Float[Tensor, " b"]:
    """Return how much each example's mean squared error counts, (b,).

    The weight of an error of x0, min(snr, gamma), is turned into one of the error of what is predicted. No step weighs
    less than one whose signal-to-noise ratio is the floor: else v-prediction would not learn the last step at all.
    """
    if loss.min_snr_gamma is None:
        return torch.ones_like(snr)
    held = snr.clamp(min=loss.snr_floor)
    counted = held.clamp(max=loss.min_snr_gamma)
    return counted / held if predicts == "epsilon" else counted / (held + 1)


def noised(
    x0: Float[Tensor, "b c h w"], eps: Float[Tensor, "b c h w"], alphas: Float[Tensor, " b"], predicts: str
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
    """Return the noised latent and what the U-Net should say of it.

    Args:
        x0: clean latents.
        eps: standard normal noise.
        alphas: share of the signal's power, 0 to 1, per example.
        predicts: epsilon or v_prediction.
    """
    signal, noise = alphas.sqrt()[:, None, None, None], (1 - alphas).sqrt()[:, None, None, None]
    target = eps if predicts == "epsilon" else signal * eps - noise * x0
    return signal * x0 + noise * eps, target


def steps_of(uniform: Float[Tensor, " b"], steps: int) -> Int[Tensor, " b"]:
    """Return time steps, each equally likely, from numbers in [0, 1)."""
    return (uniform * steps).long().clamp(max=steps - 1)
