"""How a Stable Diffusion folder is walked: its own noise levels, and what the sampling settings change of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...diffusion.schedulers import refusal, scheduler_for
from .settings import SamplingConfig


def scheduler_of(config: Mapping[str, Any], sampling: SamplingConfig) -> Any:
    """Return a new diffusers scheduler with the folder's noise levels, ready for `set_timesteps`.

    Args:
        config: content of the folder's `scheduler_config.json`.
        sampling: which one, and how it is to walk.

    Raises:
        ValueError: the scheduler cannot honour what is asked; the message lists those that can.
    """
    return scheduler_for(_wanted(config, sampling), sampling.scheduler, sampling.options)


def able_name(config: Mapping[str, Any], sampling: SamplingConfig) -> str:
    """Return the scheduler to write into a trained folder: the one that draws, or DDIM where that one cannot."""
    name = sampling.scheduler or str(config.get("_class_name"))
    return "DDIMScheduler" if refusal(name, _wanted(config, sampling)) else name


def _wanted(config: Mapping[str, Any], sampling: SamplingConfig) -> dict[str, Any]:
    """Return the folder's settings with what the sampling settings say otherwise."""
    asked = {
        "rescale_betas_zero_snr": sampling.rescale_betas_zero_snr,
        "timestep_spacing": sampling.timestep_spacing,
    }
    return dict(config) | {key: value for key, value in asked.items() if value is not None}
