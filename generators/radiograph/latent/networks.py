"""The three networks of the radiograph model, and how the U-Net is called."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from ...readout.supervised import initialise
from .autoencoder import config_of
from .drawing import Network
from .encoder import ConditionEncoder
from .settings import ModelConfig

VAE, UNET, ENCODER = "vae", "unet", "condition_encoder"


def new_networks(model: ModelConfig, vae: AutoencoderKL, seed: int) -> dict[str, nn.Module]:
    """Return an untrained U-Net and condition encoder beside a trained autoencoder; the same seed, the same weights."""
    latent = config_of(vae).shape

    def both() -> nn.Module:
        unet = model.denoiser.network(latent, model.condition.width)
        nn.init.zeros_(unet.conv_out.weight)
        nn.init.zeros_(unet.conv_out.bias)
        return nn.ModuleDict({UNET: unet, ENCODER: ConditionEncoder(model.condition)})

    made: dict[str, nn.Module] = dict(initialise(both, seed).named_children())
    return made | {VAE: vae}


def encoded(encoder: nn.Module, value: Tensor, said: Tensor) -> Tensor:
    """Return a condition's tokens and, as the last one, their mixture: (b, attributes + 1, width)."""
    tokens, mixture = encoder(value, said)
    return torch.cat([tokens, mixture[:, None]], dim=1)


def as_network(unet: nn.Module) -> Network:
    """Return the U-Net as a function of latents, time and encoded condition."""

    def network(x: Tensor, time: Tensor, told: Tensor) -> Tensor:
        out: Tensor = unet(x, time, told[:, :-1], class_labels=told[:, -1], return_dict=False)[0]
        return out.float()

    return network
