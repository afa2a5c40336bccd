"""How well a radiograph model fits single images, for membership attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.record import Record
from ...diffusion import Preconditioning, denoising_loss
from ...diffusion.preconditioning import alongside
from ...diffusion.record_loss import LEVELS, averaged_loss
from ...diffusion.zero_snr import v_loss
from .autoencoder import config_of, latents_of
from .condition import encode
from .drawing import SIGMA_DATA, edm_network
from .images import squared
from .networks import ENCODER, UNET, VAE, as_network, encoded
from .settings import Edm


def radiograph_loss(
    generator: Any, *, levels: Sequence[float] = LEVELS, draws: int = 2, seed: int = 0
) -> Callable[[Sequence[Record]], Float[np.ndarray, " n"]]:
    """Return a function that gives the denoising loss of records, lower where the model fits them better.

    Args:
        generator: a `RadiographDiffusion`, or whatever has its `networks` and `model`.
        levels: noise over the latents' spread.
        draws: noises a level.
        seed: of the noise; the same for models that are compared.
    """
    networks, model = generator.networks, generator.model

    def loss(records: Sequence[Record]) -> Float[np.ndarray, " n"]:
        if not records:
            return np.empty(0)
        size = config_of(networks[VAE]).size
        x0 = latents_of(networks[VAE], np.stack([squared(record, size) for record in records]))
        told = [encode(_condition(record), model.condition) for record in records]
        value, said = (torch.from_numpy(np.stack(each)) for each in zip(*told, strict=True))
        device = next(networks[UNET].parameters()).device

        def at(rows: Sequence[int], x: Tensor, level: float, eps: Tensor) -> Tensor:
            mine = slice(rows[0], rows[-1] + 1)
            told = encoded(networks[ENCODER], value[mine].to(device), said[mine].to(device))
            return _loss_at(as_network(networks[UNET]), model.objective, told, x, level, eps)

        names = [record.record_id for record in records]
        return averaged_loss(at, x0, names, levels=levels, draws=draws, seed=seed, device=device)

    return loss


def _loss_at(network: Any, objective: Any, told: Tensor, x0: Tensor, level: float, eps: Tensor) -> Tensor:
    """Return the unweighted loss at one level; a model of v is asked at the step whose noise is nearest to it."""
    if isinstance(objective, Edm):
        sigma = torch.full((len(x0),), level * SIGMA_DATA, device=x0.device)
        return denoising_loss(edm_network(network, told), x0, sigma, eps, Preconditioning(SIGMA_DATA))
    alpha, sigma = (each.float().to(x0.device) for each in objective.schedule.alpha_sigma())
    t = (torch.log(sigma / alpha.clamp(min=1e-12)) - float(np.log(level))).abs().argmin().expand(len(x0))
    xt = alongside(alpha[t], x0) * x0 + alongside(sigma[t], x0) * eps
    return v_loss(network(xt, t, told), x0, eps, alpha[t], sigma[t], torch.ones(len(x0), device=x0.device))


def _condition(record: Record) -> RadiographCondition:
    return record.condition if isinstance(record.condition, RadiographCondition) else RadiographCondition()
