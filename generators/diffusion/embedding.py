"""Numbers as waves, so that a network can tell near from far."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Waves(nn.Module):
    """A number as cosines and sines of it at rates from slow to fast.

    Source: Vaswani et al. 2017, arXiv 1706.03762, section 3.5; for real numbers: Tancik et al. 2020, arXiv 2006.10739.
    """

    rates: Tensor

    def __init__(self, features: int, slowest: float, fastest: float) -> None:
        super().__init__()
        step = (fastest / slowest) ** (1 / (features // 2 - 1))
        self.register_buffer("rates", slowest * step ** torch.arange(features // 2), persistent=False)

    def forward(self, t: Tensor) -> Tensor:
        """Map (b,) to (b, features)."""
        angles = t[:, None] * self.rates
        return torch.cat([torch.cos(angles), torch.sin(angles)], dim=1)
