"""One pass of the trained networks: from noise and what is said of each record to leads."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...diffusion import Preconditioning, guided, sample
from .encoder import unasked
from .mean_beat import Told
from .settings import ModelConfig, SamplingConfig


@torch.inference_mode()
def denoised(
    networks: Mapping[str, nn.Module], model: ModelConfig, sampling: SamplingConfig,
    eps: Float[Tensor, "b 8 1250"], value: Float[Tensor, "b k"], said: Float[Tensor, "b k"], beats: Told,
) -> Float[Tensor, "b 8 1250"]:  # fmt: skip
    """Return the leads that noise becomes, scaled as the networks know them, on their device.

    Args:
        networks: `denoiser` and `encoder`.
        model: their settings.
        sampling: how to draw.
        eps: noise of standard deviation 1.
        value: what each condition field is.
        said: whether it is said.
        beats: what is told of the beats.
    """
    network, encoder = networks["denoiser"], networks["encoder"]
    device = next(network.parameters()).device
    eps, value, said = eps.to(device), value.to(device), said.to(device)
    beats = Told(*(each.to(device) for each in (beats.rows, beats.weights, beats.place)))
    scaling = Preconditioning(model.scale.sigma_data)

    def denoise(x: Tensor, sigma: Tensor, cond: Tensor) -> Tensor:
        # Guidance takes two passes side by side, one of which is told the beats alone.
        told = beats.repeated(len(x) // len(eps))
        return scaling.denoiser(lambda scaled, c_noise: network(scaled, c_noise, cond, told))(x, sigma)

    cond, free = encoder(value, said), encoder(value, unasked(said))
    return sample(guided(denoise, cond, free, sampling.sampler.guidance), eps, sampling.sampler)
