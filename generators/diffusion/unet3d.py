"""A U-Net on volumes: what it is told beside them is the time and, if wanted, a vector.

Residual blocks of two 3 x 3 x 3 convolutions, each behind a group norm; blocks of their own halve and double the
volume; what comes down meets what goes up side by side. With 32 channels in, 8 out and the sizes of
`UNet3dConfig.cwdm` it has the 81.5 million parameters of the published conditional wavelet diffusion model.

Source: Dhariwal and Nichol 2021, arXiv 2105.05233 (the blocks); Friedrich et al. 2024, arXiv 2411.17203 (in 3D).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .embedding import Waves


class UNet3dConfig(BaseModel):
    """The network's size.

    Attributes:
        base: channels of the finest scale; the embedding of time has four times as many.
        multiples: channels of each scale, fine to coarse, as multiples of `base`; each scale has half the sides.
        blocks: residual blocks a scale on the way down, one more on the way up.
        groups: of the group norms.
        scale_shift: let time and what is told scale and shift each block's normed values. Added before the norm, as in
            the published model, what is the same in all voxels is mostly taken away again by it.
        dropout: share of activations left out in training.
        gradient_checkpointing: compute activations again in the backward pass, for a third of the speed and a
            fraction of the memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base: int = Field(16, ge=4, le=512)
    multiples: tuple[int, ...] = Field((1, 2, 4), min_length=1, max_length=6)
    blocks: int = Field(1, ge=1, le=4)
    groups: int = Field(8, ge=1)
    scale_shift: bool = True
    dropout: float = Field(0.0, ge=0, lt=1)
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _divisible(self) -> UNet3dConfig:
        if self.base % self.groups:
            raise ValueError(f"base = {self.base}: must be a multiple of groups = {self.groups}")
        return self

    @classmethod
    def cwdm(cls) -> UNet3dConfig:
        """Return the size of the published model."""
        return cls(base=64, multiples=(1, 2, 2, 4, 4), blocks=2, groups=32, scale_shift=False)

    @property
    def multiple(self) -> int:
        """Return what the sides of a volume must be multiples of."""
        return 2 ** (len(self.multiples) - 1)


class UNet3d(nn.Module):
    """(x (b, in, x, y, z), t (b,), told (b, told) or None) -> (b, out, x, y, z)."""

    def __init__(self, config: UNet3dConfig, in_channels: int, out_channels: int, told: int = 0) -> None:
        """Start untrained; the last convolution is 0, and so is what the network says.

        Args:
            config: its size.
            in_channels: of what comes in.
            out_channels: of what comes out.
            told: length of a vector that it is told; 0 is none.
        """
        super().__init__()
        self.config = config
        width = 4 * config.base
        self.waves = Waves(config.base, 1e-4, 1.0)
        self.time = nn.Sequential(nn.Linear(config.base, width), nn.SiLU(), nn.Linear(width, width))
        self.told = nn.Linear(told, width) if told else None
        self.first = nn.Conv3d(in_channels, config.base, 3, padding=1)
        down, self.middle, up, channels = _scales(config, width)
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.last = nn.Sequential(
            nn.GroupNorm(config.groups, channels), nn.SiLU(), _silent(nn.Conv3d(channels, out_channels, 3, padding=1))
        )

    def forward(
        self, x: Float[Tensor, "b c x y z"], t: Float[Tensor, " b"], told: Float[Tensor, "b d"] | None = None
    ) -> Float[Tensor, "b o x y z"]:
        """Return what the network says.

        Args:
            x: volumes whose sides are multiples of `config.multiple`.
            t: time, 0 to about 1000.
            told: the vector, where the network takes one.
        """
        emb = self.time(self.waves(t))
        if self.told is not None:
            emb = emb + self.told(told)
        h = self.first(x)
        met = [h]
        for block in self.down:
            h = self._through(block, h, emb)
            met.append(h)
        for block in self.middle:
            h = self._through(block, h, emb)
        for block in self.up:
            if not block.doubles:
                h = torch.cat([h, met.pop()], dim=1)
            h = self._through(block, h, emb)
        out: Tensor = self.last(h)
        return out

    def _through(self, block: nn.Module, h: Tensor, emb: Tensor) -> Tensor:
        if self.config.gradient_checkpointing and torch.is_grad_enabled():
            again: Tensor = checkpoint(block, h, emb, use_reentrant=False)
            return again
        out: Tensor = block(h, emb)
        return out


class Residual(nn.Module):
    """(h (b, c, x, y, z), emb (b, d)) -> (b, out, ...), of the same sides, halved or doubled ones."""

    def __init__(
        self, channels: int, out: int, emb: int, config: UNet3dConfig, *, halves: bool = False, doubles: bool = False
    ) -> None:
        super().__init__()
        self.halves, self.doubles = halves, doubles
        self.before = nn.GroupNorm(config.groups, channels)
        self.first = nn.Conv3d(channels, out, 3, padding=1)
        self.scale_shift = config.scale_shift
        self.emb = nn.Linear(emb, 2 * out if config.scale_shift else out)
        self.between = nn.GroupNorm(config.groups, out)
        self.dropout = nn.Dropout(config.dropout)
        self.second = _silent(nn.Conv3d(out, out, 3, padding=1))
        self.past = nn.Identity() if channels == out else nn.Conv3d(channels, out, 1)

    def forward(self, h: Tensor, emb: Tensor) -> Tensor:
        """Return the block's word added to what came in."""
        inside = self.first(self._resized(nn.functional.silu(self.before(h))))
        told = self.emb(nn.functional.silu(emb))[:, :, None, None, None]
        if self.scale_shift:
            scale, shift = told.chunk(2, dim=1)
            inside = self.between(inside) * (1 + scale) + shift
        else:
            inside = self.between(inside + told)
        inside = self.second(self.dropout(nn.functional.silu(inside)))
        out: Tensor = self.past(self._resized(h)) + inside
        return out

    def _resized(self, h: Tensor) -> Tensor:
        if self.halves:
            return nn.functional.avg_pool3d(h, 2)
        if self.doubles:
            return nn.functional.interpolate(h, scale_factor=2.0, mode="nearest")
        return h


def _scales(config: UNet3dConfig, emb: int) -> tuple[list[Residual], nn.ModuleList, list[Residual], int]:
    """Return the blocks down, in the middle and up, and the channels that come out."""
    widths = [config.base * multiple for multiple in config.multiples]
    channels, met, down, up = config.base, [config.base], list[Residual](), list[Residual]()
    for scale, width in enumerate(widths):
        for _ in range(config.blocks):
            down.append(Residual(channels, width, emb, config))
            channels = width
            met.append(channels)
        if scale < len(widths) - 1:
            down.append(Residual(channels, channels, emb, config, halves=True))
            met.append(channels)
    middle = nn.ModuleList(Residual(channels, channels, emb, config) for _ in range(2))
    for scale in reversed(range(len(widths))):
        for _ in range(config.blocks + 1):
            up.append(Residual(channels + met.pop(), widths[scale], emb, config))
            channels = widths[scale]
        if scale:
            up.append(Residual(channels, channels, emb, config, doubles=True))
    return down, middle, up, channels


def _silent(layer: nn.Conv3d) -> nn.Conv3d:
    """Return a layer that says 0 until it is trained."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def padded_side(side: int, multiple: int) -> int:
    """Return the smallest multiple that holds a side."""
    return math.ceil(side / multiple) * multiple


def padding(sides: Sequence[int], multiple: int) -> tuple[tuple[int, int], ...]:
    """Return by how much each side is padded before and behind to reach a multiple."""
    whole = [padded_side(side, multiple) - side for side in sides]
    return tuple((more // 2, more - more // 2) for more in whole)
