"""A one-dimensional U-Net that says of every sample whether it is P, QRS, T or none."""

from __future__ import annotations

import torch
from torch import nn

CLASSES = ("none", "P", "QRS", "T")


class _Block(nn.Module):
    """Two convolutions with GroupNorm and a way around them."""

    def __init__(self, inner: int, outer: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inner, outer, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(outer, outer, kernel, padding=kernel // 2)
        self.norm1, self.norm2 = nn.GroupNorm(4, outer), nn.GroupNorm(4, outer)
        self.around = nn.Conv1d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.silu(self.norm1(self.first(x)))
        return nn.functional.silu(self.norm2(self.second(y)) + self.around(x))


class DelineationUNet(nn.Module):
    """(batch, channels, samples) at 250 Hz -> (batch, 4, samples) logits.

    The first convolution halves the rate; `len(widths) - 1` further halvings follow, so the samples
    are a multiple of `stride`. At six widths the deepest features see about 5 s.

    Source: Ronneberger et al. 2015, arXiv 1505.04597; for ECGs Moskalenko et al. 2019, arXiv 1908.05537.
    """

    def __init__(self, channels: int = 2, widths: tuple[int, ...] = (16, 24, 32, 48, 64, 64), kernel: int = 9) -> None:
        super().__init__()
        self.stride = 2 ** len(widths)
        self.stem = nn.Conv1d(channels, widths[0], kernel, stride=2, padding=kernel // 2)
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.entry = _Block(widths[0], widths[0], kernel)
        self.down = nn.ModuleList(_Block(a, b, kernel) for a, b in pairs)
        self.up = nn.ModuleList(_Block(b + a, a, kernel) for a, b in reversed(pairs))
        self.head = nn.Conv1d(widths[0], len(CLASSES), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(self.stem(x))
        levels = []
        for block in self.down:
            levels.append(x)
            x = block(nn.functional.avg_pool1d(x, 2))
        for block in self.up:
            wider = nn.functional.interpolate(x, scale_factor=2.0, mode="linear", align_corners=False)
            x = block(torch.cat([wider, levels.pop()], dim=1))
        return nn.functional.interpolate(self.head(x), scale_factor=2.0, mode="linear", align_corners=False)
