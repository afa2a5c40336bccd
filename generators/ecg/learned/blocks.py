"""The parts of the U-Net: residual blocks told of noise and condition, attention over time, embeddings of numbers.

GroupNorm and no state that changes in passing, so that gradients per example exist.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 8
_FARTHEST = 1000.0  # positions that still differ in angle


class Residual(nn.Module):
    """Two convolutions with a way around them; the embedding scales and shifts the features between.

    Source: He et al. 2015, arXiv 1512.03385; FiLM: Perez et al. 2017, arXiv 1709.07871.
    """

    def __init__(self, inner: int, outer: int, embedding: int, kernel: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inner)
        self.conv1 = nn.Conv1d(inner, outer, kernel, padding=kernel // 2)
        self.film = nn.Linear(embedding, 2 * outer)
        self.norm2 = nn.GroupNorm(GROUPS, outer)
        self.conv2 = still(nn.Conv1d(outer, outer, kernel, padding=kernel // 2))
        self.around = nn.Conv1d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """Map (b, inner, n) and (b, embedding) to (b, outer, n)."""
        scale, shift = self.film(e)[:, :, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = F.silu(self.norm2(h) * (1 + scale) + shift)
        return self.around(x) + self.conv2(h)


class Attention(nn.Module):
    """Every position looks at all others; how far apart they are is told by turning queries and keys.

    Source: Vaswani et al. 2017, arXiv 1706.03762; turning (RoPE): Su et al. 2021, arXiv 2104.09864.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(GROUPS, width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.out = still(nn.Conv1d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, width, n) to the same shape."""
        b, width, n = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, self.heads, width // self.heads, n).transpose(3, 4).unbind(1)
        cos, sin = _turns(n, width // self.heads, x)
        h = F.scaled_dot_product_attention(_turned(q, cos, sin), _turned(k, cos, sin), v)
        return x + self.out(h.transpose(2, 3).reshape(b, width, n))


def _turns(n: int, d: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cos and sin of (n, d/2) angles: position times rates from 1 down, the same for records of any length."""
    rates = torch.pow(_FARTHEST, -torch.arange(d // 2, device=like.device, dtype=torch.float32) / (d // 2))
    angles = torch.arange(n, device=like.device, dtype=torch.float32)[:, None] * rates
    return torch.cos(angles).to(like.dtype), torch.sin(angles).to(like.dtype)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def still(layer: nn.Conv1d) -> nn.Conv1d:
    """Return a layer that starts out saying nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
