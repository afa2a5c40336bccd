"""What the network is told beside the noisy target: bands of the inputs, which of them are there, what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...diffusion.haar3d import haar3d, inverse_haar3d
from ...diffusion.tiles import blended
from .settings import ModelConfig

# (x_t (b, 8, ...), time (b,), what it is told) -> bands, (b, 8, ...).
Network = Callable[[Tensor, Tensor, "Asked"], Tensor]


def to_bands(x: Float[Tensor, "b c x y z"], low_scale: float) -> Float[Tensor, "b c8 i j k"]:
    """Return the bands of volumes as the network has them, the low one of each divided."""
    bands = haar3d(x).unflatten(1, (-1, 8))
    return torch.cat([bands[:, :, :1] / low_scale, bands[:, :, 1:]], dim=2).flatten(1, 2)


def from_bands(bands: Float[Tensor, "b c8 i j k"], low_scale: float) -> Float[Tensor, "b c x y z"]:
    """Return volumes from bands as the network has them."""
    parts = bands.unflatten(1, (-1, 8))
    return inverse_haar3d(torch.cat([parts[:, :, :1] * low_scale, parts[:, :, 1:]], dim=2).flatten(1, 2))


@dataclass(frozen=True)
class Asked:
    """Inputs and wish of a batch.

    Attributes:
        source: bands of the sources, (b, 8 n, i, j, k); 0 where one is absent.
        there: which are present, (b, n).
        target: which target is wanted, one-hot (b, m).
        labels: shares of labels in each block and, last, whether there is a segmentation, (b, l + 1, i, j, k); None
            for a model that is not told of labels.
        facts: age and sex, (b, 4); None for a model that is not told of them.
    """

    source: Tensor
    there: Tensor
    target: Tensor
    labels: Tensor | None
    facts: Tensor | None

    def start(self) -> Tensor:
        """Return the mean of the inputs' bands, (b, 8, i, j, k)."""
        number = self.there.sum(1).clamp(min=1).reshape(-1, 1, 1, 1, 1)
        return self.source.unflatten(1, (-1, 8)).sum(1) / number

    def part(self, at: tuple[slice, slice, slice]) -> Asked:
        """Return what the network is told of a part of the volumes."""
        labels = None if self.labels is None else self.labels[(..., *at)]
        return Asked(self.source[(..., *at)], self.there, self.target, labels, self.facts)

    def beside(self, xt: Tensor) -> Tensor:
        """Return the network's channels."""
        sides = xt.shape[2:]
        planes = torch.cat([self.there, self.target], dim=1).reshape(len(xt), -1, 1, 1, 1).expand(-1, -1, *sides)
        parts = [xt, self.source, planes, *([] if self.labels is None else [self.labels])]
        return torch.cat(parts, dim=1)


def asked_of(
    x: Tensor, there: Tensor, target: Tensor, labels: Tensor, labelled: Tensor, facts: Tensor, model: ModelConfig
) -> Asked:
    """Return what the network is told.

    Args:
        x: sources, (b, n, x, y, z); absent ones are silenced here.
        there: which may be looked at, (b, n).
        target: one-hot (b, m).
        labels: of the segmentation, (b, x, y, z).
        labelled: whether it may be looked at, (b,).
        facts: (b, 4).
        model: names and scaling.
    """
    seen = x * there[:, :, None, None, None]
    return Asked(
        to_bands(seen, model.low_scale), there, target,
        _shares(labels, labelled, model.labels) if model.labels else None,
        facts if model.facts else None,
    )  # fmt: skip


def _shares(labels: Tensor, labelled: Tensor, which: tuple[int, ...]) -> Tensor:
    said = labelled.reshape(-1, 1, 1, 1, 1)
    maps = torch.stack([(labels == label).float() for label in which], dim=1)
    shares = nn.functional.avg_pool3d(maps, 2) * said
    return torch.cat([shares, said.expand(-1, 1, *shares.shape[2:])], dim=1)


def as_network(unet: nn.Module) -> Network:
    """Return the U-Net as a function of the target's bands, time, and what is told beside them."""

    def network(xt: Tensor, time: Tensor, asked: Asked) -> Tensor:
        out: Tensor = unet(asked.beside(xt), time, asked.facts)
        return out.float()

    return network


def in_tiles(network: Network, tile: Sequence[int] | None, overlap: float) -> Network:
    """Return the network asked tile by tile.

    Args:
        network: the network.
        tile: largest sides in voxels of the volume, two of which are one of a band; None asks for the whole.
        overlap: share of a tile that the next one covers at least.
    """
    if tile is None:
        return network
    sides = [side // 2 for side in tile]

    def tiled(xt: Tensor, time: Tensor, asked: Asked) -> Tensor:
        return blended(lambda at: network(xt[(..., *at)], time, asked.part(at)), xt, sides, overlap)

    return tiled


def in_precision(network: Network, precision: str, device: str) -> Network:
    """Return the network computing in bf16 or fp16 where that is asked for; what it takes and says is float32."""
    if precision == "no":
        return network
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def lower(xt: Tensor, time: Tensor, asked: Asked) -> Tensor:
        with torch.autocast(device, dtype):
            return network(xt, time, asked)

    return lower
