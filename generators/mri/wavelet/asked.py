"""What the network is told beside the noisy target: bands of the inputs, which of them are there, what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...diffusion.haar3d import haar3d, inverse_haar3d
from ...diffusion.tiles import blended
from .settings import ModelConfig

UNET, VOXELWISE = "unet", "voxelwise"
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
        seen: the sources, (b, n, x, y, z); 0 where one is absent.
        source: bands of the sources, (b, 8 n, i, j, k); 0 where one is absent.
        there: which are present, (b, n).
        target: which target is wanted, one-hot (b, m).
        labels: shares of labels in each block and, last, whether there is a segmentation, (b, l + 1, i, j, k); None
            for a model that is not told of labels.
        facts: age and sex, (b, 4); None for a model that is not told of them.
    """

    seen: Tensor
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
        """Return what the network is told of a part of the volumes, `at` in blocks of two voxels."""
        labels = None if self.labels is None else self.labels[(..., *at)]
        fine = tuple(slice(2 * s.start, 2 * s.stop) for s in at)
        return Asked(self.seen[(..., *fine)], self.source[(..., *at)], self.there, self.target, labels, self.facts)

    def beside(self, xt: Tensor) -> Tensor:
        """Return the network's channels."""
        sides = xt.shape[2:]
        planes = torch.cat([self.there, self.target], dim=1).reshape(len(xt), -1, 1, 1, 1).expand(-1, -1, *sides)
        parts = [xt, self.source, planes, *([] if self.labels is None else [self.labels])]
        return torch.cat(parts, dim=1)

    def told(self) -> Tensor:
        """Return who is there, what is wanted, and facts, as one vector, (b, d)."""
        return torch.cat([self.there, self.target, *([] if self.facts is None else [self.facts])], dim=1)


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
        seen, to_bands(seen, model.low_scale), there, target,
        _shares(labels, labelled, model.labels) if model.labels else None,
        facts if model.facts else None,
    )  # fmt: skip


def _shares(labels: Tensor, labelled: Tensor, which: tuple[int, ...]) -> Tensor:
    said = labelled.reshape(-1, 1, 1, 1, 1)
    maps = torch.stack([(labels == label).float() for label in which], dim=1)
    shares = nn.functional.avg_pool3d(maps, 2) * said
    return torch.cat([shares, said.expand(-1, 1, *shares.shape[2:])], dim=1)


def all_targets(networks: Mapping[str, nn.Module], model: ModelConfig) -> Network:
    """Return the networks as one function whose word has the bands of every target, (b, m, 8, i, j, k)."""
    unet, voxelwise = networks[UNET], networks.get(VOXELWISE)

    def network(xt: Tensor, time: Tensor, asked: Asked) -> Tensor:
        told = asked.told()
        out: Tensor = unet(asked.beside(xt), time, told).float()
        if voxelwise is not None:
            out = out + to_bands(voxelwise(asked.seen, told).float(), model.low_scale)
        return out.unflatten(1, (-1, 8))

    return network


def as_network(networks: Mapping[str, nn.Module], model: ModelConfig) -> Network:
    """Return the networks as one function of the target's bands, time, and what is told beside them."""
    whole = all_targets(networks, model)

    def network(xt: Tensor, time: Tensor, asked: Asked) -> Tensor:
        return (whole(xt, time, asked) * asked.target[:, :, None, None, None, None]).sum(1)

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
