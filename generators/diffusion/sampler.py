"""From noise to data: the settings of a sampler and one call that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from .dpm_solver import dpm_solver_2m
from .heun import heun
from .preconditioning import Denoise
from .schedule import karras_sigmas

Method = Literal["heun", "dpm_solver_2m"]
METHODS: dict[str, Callable[[Denoise, Tensor, np.ndarray], Tensor]] = {"heun": heun, "dpm_solver_2m": dpm_solver_2m}


class SamplerConfig(BaseModel):
    """How samples are drawn.

    Attributes:
        method: `dpm_solver_2m` calls the network once a step, `heun` twice.
        steps: noise levels above 0.
        sigma_min: lowest of them.
        sigma_max: highest of them, far above the data's spread.
        rho: how much denser the low levels are.
        guidance: weight of the condition; 1 is plain, above 1 stronger.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Method = "dpm_solver_2m"
    steps: int = Field(24, ge=2, le=1000)
    sigma_min: float = Field(0.002, gt=0)
    sigma_max: float = Field(80.0, gt=0)
    rho: float = Field(7.0, gt=0)
    guidance: float = Field(1.5, ge=0, le=20)

    @model_validator(mode="after")
    def _levels_fall(self) -> SamplerConfig:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min = {self.sigma_min:g} is not below sigma_max = {self.sigma_max:g}")
        return self


@torch.no_grad()
def sample(denoise: Denoise, eps: Tensor, config: SamplerConfig) -> Tensor:
    """Return samples, (b, ...), a function of their noise alone.

    Args:
        denoise: D(x, sigma (b,)), guidance included.
        eps: standard normal noise, (b, ...).
        config: method and noise levels.
    """
    sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho)
    return METHODS[config.method](denoise, float(sigmas[0]) * eps, sigmas)
