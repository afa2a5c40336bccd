"""A small network that compares the beats of a record with each other."""

from __future__ import annotations

import copy

import torch
from torch import nn

from .beats import SAMPLES
from .stack import CHANNELS

_LEADS = 8
_GAIN = 5.0  # alternans is tens of microvolts where waves are hundreds


class _Between(nn.Module):
    """A convolution over beats with a way around it; each beat is normalised by itself, so padding has no say."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.mix = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation)

    def forward(self, z: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        b, n, c = z.shape
        y = nn.functional.silu(self.norm(z.reshape(b * n, c))).view(b, n, c) * mask[..., None]
        return z + self.mix(y.transpose(1, 2)).transpose(1, 2)


class BeatNetwork(nn.Module):
    """(batch, beats, 9, samples) and a mask (batch, beats) -> (batch, classes) logits, for any number of beats.

    Every beat goes through the same convolutions, once as it is and once as its difference from the
    record's mean beat; convolutions over the beats follow, then mean and max over those that are there.
    """

    def __init__(self, classes: int = 1, width: int = 64) -> None:
        super().__init__()
        sizes = (CHANNELS + _LEADS, 24, 32, 40)
        layers: list[nn.Module] = []
        for inner, outer in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Conv1d(inner, outer, 5, stride=2, padding=2), nn.GroupNorm(4, outer), nn.SiLU()]
        self.within = nn.Sequential(*layers, nn.Flatten(), nn.Linear(sizes[-1] * -(-SAMPLES // 8), width))
        self.between = nn.ModuleList(_Between(width, dilation) for dilation in (1, 2, 4))
        self.norm = nn.GroupNorm(8, width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        b, n = mask.shape
        there = mask.to(x.dtype)
        mean = (x * there[..., None, None]).sum(1, keepdim=True) / there.sum(1).clamp(min=1)[:, None, None, None]
        beats = torch.cat([x, _GAIN * (x - mean)[:, :, :_LEADS]], dim=2)
        z = self.within(beats.flatten(0, 1)).view(b, n, -1)
        for block in self.between:
            z = block(z, there)
        z = nn.functional.silu(self.norm(z.flatten(0, 1))).view(b, n, -1)
        average = (z * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)
        largest = z.masked_fill(~mask[..., None], float("-inf")).amax(1)
        return self.head(torch.cat([average, largest], dim=1))

    def with_head(self, classes: int) -> BeatNetwork:
        """Return a copy with the same body and a new head of `classes` logits, which starts at zero."""
        other = copy.deepcopy(self)
        other.head = nn.Linear(self.head.in_features, classes)
        nn.init.zeros_(other.head.weight)
        nn.init.zeros_(other.head.bias)
        return other
