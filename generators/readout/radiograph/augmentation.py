"""Small changes that leave what a radiograph shows as it is: moved, turned, scaled, exposed otherwise, noisier.

Never mirrored: left and right differ in a chest.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F


class AugmentConfig(BaseModel):
    """The largest of each change; a change is drawn evenly up to it.

    Attributes:
        shift: of the image's edge.
        turn_deg: rotation in degrees, either way.
        scale: log of the factor of each axis; three quarters of it are common to both.
        contrast: log of the factor about the mean.
        brightness: added, of the range.
        gamma: log of the exponent.
        noise: standard deviation, of the range.
        erased: share of the edge of a square that is greyed out in half of the images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shift: float = Field(0.06, ge=0, le=0.5)
    turn_deg: float = Field(8.0, ge=0, le=45)
    scale: float = Field(0.12, ge=0, le=1)
    contrast: float = Field(0.3, ge=0, le=2)
    brightness: float = Field(0.1, ge=0, le=1)
    gamma: float = Field(0.4, ge=0, le=2)
    noise: float = Field(0.03, ge=0, le=1)
    erased: float = Field(0.0, ge=0, le=0.5)


def augmented(
    images: Float[Tensor, "b 1 h w"], rng: np.random.Generator, config: AugmentConfig
) -> Float[Tensor, "b 1 h w"]:
    """Return images in [0, 1], each changed in its own way.

    Args:
        images: in [0, 1].
        rng: where the changes come from.
        config: how large they are at most.
    """
    x = F.grid_sample(images, _grid(images, rng, config), padding_mode="border", align_corners=False)
    x = _erased(_exposed(x, rng, config), rng, config.erased)
    noise = torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))
    return (x + noise * _even(rng, len(x), config.noise).abs()).clamp(0, 1)


def _grid(images: Tensor, rng: np.random.Generator, config: AugmentConfig) -> Tensor:
    b = len(images)
    turn = math.radians(config.turn_deg) * rng.uniform(-1, 1, b)
    common = 0.75 * config.scale * rng.uniform(-1, 1, b)
    sx, sy = (np.exp(common + 0.25 * config.scale * rng.uniform(-1, 1, b)) for _ in range(2))
    tx, ty = (2 * config.shift * rng.uniform(-1, 1, b) for _ in range(2))
    rows = np.stack([sx * np.cos(turn), -sy * np.sin(turn), tx, sx * np.sin(turn), sy * np.cos(turn), ty], axis=1)
    theta = torch.from_numpy(rows.reshape(b, 2, 3).astype(np.float32))
    return F.affine_grid(theta, list(images.shape), align_corners=False)


def _exposed(x: Tensor, rng: np.random.Generator, config: AugmentConfig) -> Tensor:
    gamma, contrast = (_even(rng, len(x), most).exp() for most in (config.gamma, config.contrast))
    x = x.clamp(1e-4, 1) ** gamma
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) * contrast + mean + _even(rng, len(x), config.brightness)


def _erased(x: Tensor, rng: np.random.Generator, most: float) -> Tensor:
    if most == 0:
        return x
    x = x.clone()
    for row in range(len(x)):
        h, w = (int(rng.uniform(0, most) * n) for n in x.shape[2:])
        top, left = int(rng.integers(x.shape[2] - h + 1)), int(rng.integers(x.shape[3] - w + 1))
        if rng.random() < 0.5:
            x[row, :, top : top + h, left : left + w] = x[row].mean()
    return x


def _even(rng: np.random.Generator, b: int, most: float) -> Tensor:
    return torch.from_numpy((most * rng.uniform(-1, 1, (b, 1, 1, 1))).astype(np.float32))
