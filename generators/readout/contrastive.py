"""An encoder of any images, volumes or signals, without labels: two views of one lie together, those of others apart.

Half of what it is shown is blurred or made noisy, both views alike, and how much is asked of the features as well: an
encoder that overlooked it would take a fake for real. It learns on the user's own real records in a minute or so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Num
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..diffusion.pretrained import weights_sha256
from .radiograph.encoder import contrast
from .supervised import Schedule, initialise, train

GROUPS = 4
EDGES = {1: 512, 2: 64, 3: 32}  # longest edge that is seen, by the number of axes of space
_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_SMALLER = {1: "linear", 2: "bilinear", 3: "trilinear"}


class ContrastiveConfig(BaseModel):
    """What an encoder is and how it is taught.

    Attributes:
        width: channels of the first stage; doubled up to three times.
        features: length of a row of features.
        batch: records a step, each seen twice.
        steps: of the training.
        temperature: of the contrast.
        quality: weight of reading blur and noise, beside 1 for the contrast.
        shift: largest shift, of an edge.
        gain: largest log factor of the values.
        noise: most of it, in standard deviations of the training records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(16, ge=GROUPS, multiple_of=GROUPS)
    features: int = Field(32, ge=4)
    batch: int = Field(24, ge=2)
    steps: int = Field(300, ge=0)
    temperature: float = Field(0.2, gt=0)
    quality: float = Field(1.0, ge=0)
    shift: float = Field(0.08, ge=0, le=0.5)
    gain: float = Field(0.2, ge=0)
    noise: float = Field(0.5, ge=0)


class ContrastiveNetwork(nn.Module):
    """(b, channels, *space) with mean 0 and spread 1 -> (b, features): mean and spread of the last map, mixed."""

    def __init__(self, axes: int, channels: int, edge: int, config: ContrastiveConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inner, stage = channels, 0
        while edge > 4 and stage < 5 or not stage:
            outer = config.width * 2 ** min(stage, 2)
            conv = _CONV[axes](inner, outer, 5 if axes == 1 else 3, stride=2, padding=2 if axes == 1 else 1)
            layers += [conv, nn.GroupNorm(GROUPS, outer), nn.SiLU()]
            inner, stage, edge = outer, stage + 1, (edge + 1) // 2
        self.body = nn.Sequential(*layers)
        self.mix = nn.Linear(2 * inner, config.features)
        self.projection = nn.Sequential(nn.SiLU(), nn.Linear(config.features, config.features))
        self.quality = nn.Linear(config.features, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        y = self.body(x).flatten(2)
        spread = (y - y.mean(2, keepdim=True)).square().mean(2).add(1e-6).sqrt()
        out: Tensor = self.mix(torch.cat([y.mean(2), spread], dim=1))
        return out


@dataclass(frozen=True)
class ContrastiveEncoder:
    """A trained encoder.

    Attributes:
        network: its weights.
        config: its size and how it was taught.
        axes: of space, 1 to 3.
        channels: of a record.
        mean: of the training records' values.
        sd: their standard deviation.
    """

    network: ContrastiveNetwork
    config: ContrastiveConfig
    axes: int
    channels: int
    mean: float
    sd: float

    @classmethod
    def trained(
        cls, x: Num[np.ndarray, "n ..."], *, channels_first: bool = False, seed: int = 0,
        config: ContrastiveConfig | None = None, on_step: Callable[[int, float], None] | None = None,
    ) -> ContrastiveEncoder:  # fmt: skip
        """Return an encoder trained on real records.

        Args:
            x: signals (n, leads, samples), images (n, y, x) or volumes (n, z, y, x), finite.
            channels_first: whether the second axis is one of channels, as a signal's leads are.
            seed: of weights and batches.
            config: size and teaching in full.
            on_step: told each step and its loss.

        Raises:
            ValueError: fewer than ten records, records that are all one value, or a value that is not finite.

        Source: Chen et al. 2020, arXiv 2002.05709 (NT-Xent).
        """
        if len(x) < 10:
            raise ValueError(f"{len(x)} real records cannot train an encoder; ten are needed at least")
        config = config or ContrastiveConfig()
        seen = _seen(x, channels_first)
        mean, sd = float(seen.mean()), float(seen.std())
        if not sd > 1e-12 * max(1.0, abs(mean)):
            raise ValueError(f"all values of the {len(x)} real records are {mean:g}; nothing can be learnt from them")
        seen = (seen - mean) / sd
        axes, channels = seen.ndim - 2, seen.shape[1]
        edge = max(seen.shape[2:])
        network = initialise(lambda: ContrastiveNetwork(axes, channels, edge, config), seed)
        schedule = Schedule(config.steps, learning_rate=2e-3)
        taught = train(network, _Views(seen, config).batch, _loss(config), schedule, seed, on_step=on_step)
        assert isinstance(taught, ContrastiveNetwork)
        return cls(taught, config, axes, channels, mean, sd)

    def features(self, x: Num[np.ndarray, "n ..."], *, batch: int = 64) -> Float[np.ndarray, "n features"]:
        """Return the features of records like the training ones, as float32.

        Raises:
            ValueError: records with other axes or channels, or a value that is not finite.
        """
        seen = _seen(x, x.ndim == self.axes + 2)
        if seen.ndim != self.axes + 2 or seen.shape[1] != self.channels:
            said = f"records have the shape {x.shape[1:]}"
            raise ValueError(f"{said}; the encoder learnt {self.axes} axes of space and {self.channels} channels")
        seen = (seen - self.mean) / self.sd
        with torch.inference_mode():
            rows = [self.network(seen[k : k + batch]) for k in range(0, len(seen), batch)]
        return torch.cat(rows).numpy() if rows else np.empty((0, self.config.features), np.float32)

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return weights_sha256({"encoder": self.network})


def _seen(x: np.ndarray, channels_first: bool) -> Tensor:
    """Return records as (n, channels, *space) in float32, no edge longer than is looked at."""
    if x.ndim < (3 if channels_first else 2) or x.ndim - (2 if channels_first else 1) > 3:
        raise ValueError(f"records have the shape {x.shape[1:]}; one to three axes of space are needed")
    if not np.isfinite(x).all():
        raise ValueError(f"{int((~np.isfinite(x)).sum())} values of the records are not finite")
    y = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
    y = y if channels_first else y[:, None]
    axes, longest = y.ndim - 2, max(y.shape[2:])
    if longest <= EDGES[axes]:
        return y
    size = [max(1, round(n * EDGES[axes] / longest)) for n in y.shape[2:]]
    return F.interpolate(y, size=size, mode="area")


class _Views:
    """Two views of records: shifted and of another gain; blurred and noisy alike."""

    def __init__(self, x: Tensor, config: ContrastiveConfig) -> None:
        self.x, self.config = x, config
        coarse = F.avg_pool1d if x.ndim == 3 else F.avg_pool2d if x.ndim == 4 else F.avg_pool3d
        half = coarse(x, 2, ceil_mode=True) if min(x.shape[2:]) >= 2 else x
        self.blurred = F.interpolate(half, size=x.shape[2:], mode=_SMALLER[x.ndim - 2], align_corners=False)

    def batch(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Return two views of each of some records, and how blurred and noisy both are."""
        n = min(self.config.batch, len(self.x))
        rows = rng.choice(len(self.x), size=n, replace=False)
        levels = torch.from_numpy((rng.uniform(0, 1, (n, 2)) * (rng.random((n, 2)) < 0.5)).astype(np.float32))
        views = [self._view(rows, levels, rng) for _ in range(2)]
        return {"x": torch.cat(views), "levels": torch.cat([levels] * 2)}

    def _view(self, rows: np.ndarray, levels: Tensor, rng: np.random.Generator) -> Tensor:
        wide = (len(rows), *[1] * (self.x.ndim - 1))
        blur, noise = (level.reshape(wide) for level in levels.unbind(1))
        y = (1 - blur) * self.x[rows] + blur * self.blurred[rows]
        shifts = [[int(rng.integers(-m, m + 1)) for m in self._most()] for _ in rows]
        y = torch.stack([_shifted(one, shift) for one, shift in zip(y, shifts, strict=True)])
        y = y * torch.from_numpy(np.exp(self.config.gain * rng.uniform(-1, 1, wide)).astype(np.float32))
        grain = torch.from_numpy(rng.standard_normal(tuple(y.shape), dtype=np.float32))
        return y + noise * self.config.noise * grain

    def _most(self) -> list[int]:
        return [int(self.config.shift * n) for n in self.x.shape[2:]]


def _shifted(one: Tensor, shift: list[int]) -> Tensor:
    """Return (channels, *space) moved by whole pixels; what comes in is the edge's value."""
    for axis, by in enumerate(shift, start=1):
        at = (torch.arange(one.shape[axis]) - by).clamp(0, one.shape[axis] - 1)
        one = one.index_select(axis, at)
    return one


def _loss(config: ContrastiveConfig) -> Callable[[nn.Module, Mapping[str, Tensor]], Tensor]:
    def loss(network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        features = network(batch["x"])
        read = F.smooth_l1_loss(network.quality(features), batch["levels"], beta=0.1) * 10
        return contrast(network.projection(features), config.temperature) + config.quality * read

    return loss
