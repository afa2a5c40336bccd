"""The denoising network: a U-Net over time on eight leads at 125 Hz.

Source: U-Net: Ronneberger et al. 2015, arXiv 1505.04597; as a denoiser: Ho et al. 2020, arXiv 2006.11239.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ...diffusion.embedding import Waves
from .beat_times import ROWS
from .blocks import GROUPS, Attention, Residual, still
from .mean_beat import Told

LEADS = 8  # I, II, V1-V6
PATCH = 2  # samples that the first layer puts together; nothing is lost, they become channels


class NetworkConfig(BaseModel):
    """The network's size.

    Attributes:
        widths: channels per scale, fine to coarse, multiples of 8; each scale has half the samples of the one before.
        kernel: samples of a convolution, odd.
        middle: blocks with attention at the coarsest scale.
        heads: attention heads there; they share the last width.
        embedding: width of what the blocks are told of noise and condition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = Field((32, 64, 96, 128), min_length=2, max_length=6)
    kernel: int = Field(5, ge=3, le=15)
    middle: int = Field(2, ge=1, le=8)
    heads: int = Field(4, ge=1)
    embedding: int = Field(128, ge=8)

    @model_validator(mode="after")
    def _divisible(self) -> NetworkConfig:
        if any(width < GROUPS or width % GROUPS for width in self.widths):
            raise ValueError(f"widths = {list(self.widths)}: each must be a multiple of {GROUPS}")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel = {self.kernel} must be odd")
        if self.widths[-1] % (2 * self.heads):
            raise ValueError(f"heads = {self.heads}: the last width, {self.widths[-1]}, must divide by twice as many")
        return self


class EcgUNet(nn.Module):
    """(b, 8, samples), c_noise (b,), condition (b, d), beats -> (b, 8, samples)."""

    def __init__(self, config: NetworkConfig, condition: int) -> None:
        """Make a network that at first says nothing.

        Args:
            config: its size.
            condition: d, width of the embedded condition.
        """
        super().__init__()
        w, k, e = config.widths, config.kernel, config.embedding
        pairs = list(zip(w[:-1], w[1:], strict=True))
        self.stride = PATCH * 2 ** len(pairs)
        self.noise = nn.Sequential(Waves(64, 0.5, 32.0), nn.Linear(64, e))
        self.condition = nn.Linear(condition, e)
        self.told = nn.Sequential(nn.SiLU(), nn.Linear(e, e), nn.SiLU())
        self.entry = nn.Conv1d(PATCH * (2 * LEADS + ROWS), w[0], k, padding=k // 2)
        self.down = nn.ModuleList(Residual(a, a, e, k) for a, _ in pairs)
        self.coarser = nn.ModuleList(nn.Conv1d(a, b, 4, stride=2, padding=1) for a, b in pairs)
        self.middle = nn.ModuleList(Residual(w[-1], w[-1], e, k) for _ in range(config.middle))
        self.look = nn.ModuleList(Attention(w[-1], config.heads) for _ in range(config.middle))
        self.finer = nn.ModuleList(nn.Conv1d(b, a, 3, padding=1) for a, b in reversed(pairs))
        self.up = nn.ModuleList(Residual(2 * a, a, e, k) for a, _ in reversed(pairs))
        self.norm = nn.GroupNorm(GROUPS, w[0])
        self.exit = still(nn.Conv1d(w[0], PATCH * LEADS, k, padding=k // 2))

    def forward(self, x: Tensor, c_noise: Tensor, cond: Tensor, beats: Told) -> Tensor:
        """Return the network's word on scaled, noised leads."""
        n = x.shape[-1]
        x = F.pad(torch.cat([x, beats.under(x), beats.rows], dim=1), (0, -n % self.stride))
        e = self.told(self.noise(c_noise) + self.condition(cond))
        h = self.entry(_patched(x))
        levels = []
        for block, coarser in zip(self.down, self.coarser, strict=True):
            h = block(h, e)
            levels.append(h)
            h = coarser(h)
        for block, look in zip(self.middle, self.look, strict=True):
            h = look(block(h, e))
        for block, finer in zip(self.up, self.finer, strict=True):
            h = finer(F.interpolate(h, scale_factor=2.0, mode="nearest"))
            h = block(torch.cat([h, levels.pop()], dim=1), e)
        return _unpatched(self.exit(F.silu(self.norm(h))))[..., :n]


def _patched(x: Tensor) -> Tensor:
    """Return (b, leads, n) as (b, leads * PATCH, n / PATCH)."""
    b, leads, n = x.shape
    return x.reshape(b, leads, n // PATCH, PATCH).transpose(2, 3).reshape(b, leads * PATCH, n // PATCH)


def _unpatched(x: Tensor) -> Tensor:
    b, channels, n = x.shape
    return x.reshape(b, channels // PATCH, PATCH, n).transpose(2, 3).reshape(b, channels // PATCH, n * PATCH)
