"""Two networks of different make that turn a radiograph into a row of features; GroupNorm, no state, 16 to 512 pixels.

A stage halves the image; there are as many as bring it to 8 x 8. The last map is averaged in a grid of 4 x 4 cells,
which keeps where something is: radiographs stand upright and are centred.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

Architecture = Literal["resnet", "densenet"]
GROUPS = 4
CELLS = 4  # along an edge of the grid in which the last map is averaged


class NetworkConfig(BaseModel):
    """The size of a network.

    Attributes:
        architecture: `resnet` (pre-activation residual blocks) or `densenet` (each layer sees all before it).
        size: pixels along an edge of its input, a power of 2.
        width: channels of the first stage.
        depth: blocks (or dense layers) a stage.
        features: length of the row of features.
        dropout: share of pooled values that are left out in training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "resnet"
    size: int = Field(64, ge=16, le=512)
    width: int = Field(8, ge=4, le=256, multiple_of=GROUPS)
    depth: int = Field(1, ge=1, le=8)
    features: int = Field(64, ge=4, le=1024)
    dropout: float = Field(0.3, ge=0, lt=1)

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"size = {size} is no power of 2 (allowed: 16, 32, 64, 128, 256, 512)")
        return size

    @classmethod
    def of(cls, architecture: Architecture, size: int) -> NetworkConfig:
        """Return the studio's own size of an architecture."""
        return cls(architecture=architecture, size=size)

    @property
    def stages(self) -> int:
        """Return how many times the image is halved."""
        return max(1, int(math.log2(self.size)) - 3)


class RadiographNetwork(nn.Module):
    """(b, 1, size, size), values in [0, 1] -> (b, outputs); `features` gives the row before the last layer."""

    def __init__(self, config: NetworkConfig, outputs: int) -> None:
        super().__init__()
        body, channels = (_resnet if config.architecture == "resnet" else _densenet)(config)
        self.body = nn.Sequential(*body, nn.GroupNorm(GROUPS, channels), nn.SiLU(), nn.AdaptiveAvgPool2d(CELLS))
        self.mix = nn.Linear(channels * CELLS * CELLS, config.features)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(config.features, outputs)

    def features(self, x: Tensor) -> Tensor:
        """Map (b, 1, size, size) to (b, features)."""
        return F.silu(self.mix(self.dropout(self.body(standardised(x)).flatten(1))))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, 1, size, size) to (b, outputs)."""
        outputs: Tensor = self.out(self.dropout(self.features(x)))
        return outputs


def standardised(x: Tensor) -> Tensor:
    """Return images (b, 1, h, w) with mean 0 and standard deviation 1 each; a flat one becomes zeros."""
    centred = x - x.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True) + 1e-6).sqrt()


class Residual(nn.Module):
    """Norm, activation and convolution, twice, with a way around them.

    Source: He et al. 2016, arXiv 1603.05027.
    """

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inner)
        self.conv1 = nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.around = nn.Conv2d(inner, outer, 1, bias=False) if inner != outer else nn.Identity()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, inner, n, n) to (b, outer, n / stride, n / stride)."""
        h = F.silu(self.norm1(x))
        shortcut = self.around(F.avg_pool2d(x, self.stride) if self.stride > 1 else x)
        return shortcut + self.conv2(F.silu(self.norm2(self.conv1(h))))


def _resnet(config: NetworkConfig) -> tuple[list[nn.Module], int]:
    channels = config.width
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 5, stride=2, padding=2, bias=False)]
    for stage in range(config.stages):
        outer = config.width * 2 ** min(stage, 3)
        for block in range(config.depth):
            layers.append(Residual(channels, outer, stride=2 if stage and not block else 1))
            channels = outer
    return layers, channels


class Dense(nn.Module):
    """Norm, activation, convolution; what comes out is put beside what went in.

    Source: Huang et al. 2017, arXiv 1608.06993.
    """

    def __init__(self, inner: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, inner)
        self.conv = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, inner, n, n) to (b, inner + growth, n, n)."""
        return torch.cat([x, self.conv(F.silu(self.norm(x)))], dim=1)


def _densenet(config: NetworkConfig) -> tuple[list[nn.Module], int]:
    growth, channels = config.width, config.width
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False)]
    for stage in range(config.stages):
        if stage:
            halved = max(GROUPS, channels // 2 // GROUPS * GROUPS)
            layers += [nn.GroupNorm(GROUPS, channels), nn.SiLU(), nn.Conv2d(channels, halved, 1, bias=False)]
            layers.append(nn.AvgPool2d(2))
            channels = halved
        for _ in range(2 * config.depth):
            layers.append(Dense(channels, growth))
            channels += growth
    return layers, channels
