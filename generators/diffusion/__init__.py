"""What every diffusion generator shares: preconditioning, loss, schedule, samplers, guidance, its folder on disk."""

from .dpm_solver import dpm_solver_2m
from .guidance import guided
from .heun import heun
from .loss import denoising_loss
from .noise_levels import LogNormal
from .preconditioning import Denoise, Preconditioning
from .pretrained import (
    checked_config,
    component_config,
    halved,
    read_component,
    read_index,
    read_weights,
    weights_sha256,
    write_component,
    write_index,
)
from .sampler import SamplerConfig, sample
from .schedule import karras_sigmas

__all__ = [
    "Denoise",
    "LogNormal",
    "Preconditioning",
    "SamplerConfig",
    "checked_config",
    "component_config",
    "denoising_loss",
    "dpm_solver_2m",
    "guided",
    "halved",
    "heun",
    "karras_sigmas",
    "read_component",
    "read_index",
    "read_weights",
    "sample",
    "weights_sha256",
    "write_component",
    "write_index",
]
