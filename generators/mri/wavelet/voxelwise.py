"""What a voxel alone says of the target: a small network on its inputs' values, one voxel at a time.

Contrasts of one tissue go together, so much of a missing contrast follows from the others voxel by voxel. A U-Net on
wavelet bands is slow to learn so simple a thing, for it must pass all bands through few channels and norms; it is left
with what the surroundings add.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Voxelwise(nn.Module):
    """(x (b, n, x, y, z), told (b, d)) -> (b, m, x, y, z); at first it says 0."""

    def __init__(self, sources: int, targets: int, told: int, width: int) -> None:
        """Start untrained.

        Args:
            sources: number of inputs.
            targets: number of what can be made.
            told: length of the vector of who is there and what is wanted.
            width: of the two hidden layers.
        """
        super().__init__()
        self.first, self.second = nn.Linear(sources, width), nn.Linear(width, width)
        self.last, self.mix = nn.Linear(width, targets), nn.Linear(width, targets * sources)
        self.told = nn.Sequential(nn.Linear(told, width), nn.SiLU(), nn.Linear(width, 3 * width))
        for layer in (self.last, self.mix):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Float[Tensor, "b n x y z"], told: Float[Tensor, "b d"]) -> Float[Tensor, "b m x y z"]:
        """Return of each target a mixture of the inputs, whose shares depend on what is told, and a curve of them."""
        values = x.flatten(2).transpose(1, 2)
        one, two, three = self.told(told).chunk(3, dim=1)
        h = torch.nn.functional.silu(self.first(values) + one[:, None])
        h = torch.nn.functional.silu(self.second(h) + two[:, None])
        shares = self.mix(three).unflatten(1, (x.shape[1], -1))
        said: Tensor = (self.last(h) + values @ shares).transpose(1, 2).unflatten(2, x.shape[2:])
        return said
