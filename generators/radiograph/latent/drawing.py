"""From noise to latents: the house's samplers for EDM, diffusers' schedulers for both objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...diffusion import Preconditioning, SamplerConfig, sample
from ...diffusion.guidance import guided_apart
from ...diffusion.preconditioning import Denoise
from .settings import OWN_SAMPLERS, Edm, Objective, SamplingConfig, VPrediction, told_apart

SIGMA_DATA = 1.0  # latents have the spread 1 in every channel
TIME_SCALE = 250.0  # what c_noise is multiplied by, so that the U-Net's embedding of time can tell levels apart

# (latents, time (b,), condition) -> the network's word.
Network = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Told:
    """Encoded conditions, each (b, attributes + 1, width).

    Attributes:
        asked: the condition.
        free: nothing.
        without: by attribute with a guidance of its own, the condition without it.
    """

    asked: Tensor
    free: Tensor
    without: dict[str, Tensor]


def edm_network(network: Network, told: Tensor) -> Denoise:
    """Return the network as EDM's preconditioning calls it."""
    return lambda x, c_noise: network(x, TIME_SCALE * c_noise, told)


def draw(
    network: Network, eps: Tensor, told: Told, objective: Objective, config: SamplingConfig, seeds: Sequence[int]
) -> Tensor:
    """Return latents, (b, c, y, x), each a function of its own noise, condition and seed.

    Args:
        network: the U-Net.
        eps: standard normal noise.
        told: conditions.
        objective: what the network was trained for.
        config: how to draw.
        seeds: one a row, for the noise of stochastic schedulers.
    """
    apart = told_apart(config.guidance, config.guidance_of)
    if isinstance(objective, Edm) and (config.scheduler is None or config.scheduler in OWN_SAMPLERS):
        scaling = Preconditioning(SIGMA_DATA)

        def denoise(x: Tensor, sigma: Tensor, cond: Tensor) -> Tensor:
            return scaling.denoiser(edm_network(network, cond))(x, sigma)

        sampler = SamplerConfig(
            method=config.scheduler or "dpm_solver_2m", steps=config.steps,
            sigma_min=objective.sigma_min, sigma_max=objective.sigma_max,
        )  # fmt: skip
        return sample(_guided(denoise, told, apart, config), eps, sampler)
    return _scheduled(network, eps, told, objective, config, apart, seeds)


def _guided(
    denoise: Callable[[Tensor, Tensor, Tensor], Tensor], told: Told, apart: dict[str, float], config: SamplingConfig
) -> Denoise:
    own = [(told.without[field], weight) for field, weight in apart.items()]
    return guided_apart(denoise, told.asked, told.free, config.guidance, own, config.guidance_rescale)


def _scheduled(
    network: Network, eps: Tensor, told: Told, objective: Objective, config: SamplingConfig,
    apart: dict[str, float], seeds: Sequence[int],
) -> Tensor:  # fmt: skip
    """Walk down with a diffusers scheduler."""
    from ...diffusion.schedulers import scheduler_for, step_arguments, step_sources

    scheduler = scheduler_for(objective_config(objective), config.scheduler, config.options)
    scheduler.set_timesteps(config.steps, device=eps.device)
    speak = _guided(lambda x, t, cond: network(x, t, cond), told, apart, config)
    extra = step_arguments(scheduler, config.eta, step_sources(seeds, "radiograph.steps"))
    x = eps * scheduler.init_noise_sigma
    edm = isinstance(objective, Edm)
    for t in scheduler.timesteps:
        time = torch.as_tensor(t, dtype=torch.float32, device=x.device) * (TIME_SCALE if edm else 1.0)
        said = speak(scheduler.scale_model_input(x, t), time.expand(len(x)))
        x = scheduler.step(said, t, x, **extra).prev_sample
    return x


def objective_config(objective: Objective) -> dict[str, object]:
    """Return an objective as the settings of a diffusers scheduler, which a model's folder keeps as `scheduler`."""
    if isinstance(objective, VPrediction):
        s = objective.schedule
        return {
            "_class_name": "DDIMScheduler", "num_train_timesteps": s.steps, "beta_start": s.beta_start,
            "beta_end": s.beta_end, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
            "rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "clip_sample": False,
            "set_alpha_to_one": True, "steps_offset": 0,
        }  # fmt: skip
    return {
        "_class_name": "EDMDPMSolverMultistepScheduler", "sigma_min": objective.sigma_min,
        "sigma_max": objective.sigma_max, "sigma_data": SIGMA_DATA, "sigma_schedule": "karras", "rho": 7.0,
        "prediction_type": "epsilon",
    }  # fmt: skip
