"""Small changes of training examples, drawn anew at every step."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ...training import Draws


class AugmentConfig(BaseModel):
    """How far training examples are changed.

    Attributes:
        flip: whether left and right change places in half of them.
        gamma: standard deviation of ln(gamma), by which an input's values are raised to a power, each input for
            itself; the target keeps its values.
        gain: standard deviation of the logarithm of a factor on an input's values, each input for itself.
        noise: largest standard deviation of noise on an input's values, inside the foreground.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    flip: bool = True
    gamma: float = Field(0.0, ge=0, le=1)
    gain: float = Field(0.0, ge=0, le=1)
    noise: float = Field(0.0, ge=0, le=1)


def flipped(x: Tensor, uniform: Tensor) -> Tensor:
    """Return volumes, (b, ..., x, y, z), half of them mirrored along x."""
    which = (uniform < 0.5).reshape(-1, *(1,) * (x.ndim - 1))
    return torch.where(which, x.flip(-3), x)


def changed(x: Tensor, inside: Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """Return inputs, (b, n, x, y, z), with other tones and some noise.

    Args:
        x: values in about [0, 1].
        inside: the foreground, (b, 1, x, y, z).
        config: how far.
        draws: random numbers.
    """
    n = x.shape[1]
    if config.gamma:
        x = x.clamp(min=0) ** torch.exp(config.gamma * draws.normal("gamma", (n, 1, 1, 1)))
    if config.gain:
        x = x * torch.exp(config.gain * draws.normal("gain", (n, 1, 1, 1)))
    if config.noise:
        sigma = config.noise * draws.uniform("noise_level", (n, 1, 1, 1))
        x = x + sigma * draws.normal("noise", tuple(x.shape[1:])) * inside
    return x
