"""An encoder of radiographs for realism: it knows an image from others, how sharp and clean it is, and whose it is.

Two views of one image lie together, those of others apart. Half of the images are blurred or made noisy, both views
alike, and how much is asked of the features as well: an encoder that overlooked it would take a fake for real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from ....conditioning.record import Record
from ...diffusion.pretrained import (
    CONFIG,
    read_component,
    read_index,
    read_weights,
    weights_sha256,
    write_component,
    write_index,
)
from ..metric import contrast
from ..supervised import Schedule, initialise, train
from .attributes import Attributes, learnable, patient_of, said
from .augmentation import AugmentConfig, augmented
from .degrading import blurred, noisy
from .folder import checked
from .folds import patient_weights
from .images import images_of, sized
from .losses import balance, loss, targets
from .networks import NetworkConfig, RadiographNetwork

STEPS = 300
CLASS, COMPONENT = "RadiographEncoder", "encoder"


class EncoderConfig(BaseModel):
    """What an encoder is and how it is taught.

    Attributes:
        network: kind and size.
        batch: images a step, each seen twice.
        temperature: of the contrast.
        attributes: weight of reading attributes, beside 1 for the contrast.
        quality: weight of reading blur and noise.
        blur: most of it, as a standard deviation over the image's edge.
        noise: most of it, as a standard deviation over the range.
        views: how two views of an image differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkConfig = NetworkConfig(width=8, features=32, dropout=0.0)
    batch: int = Field(24, ge=2)
    temperature: float = Field(0.2, gt=0)
    attributes: float = Field(0.3, ge=0)
    quality: float = Field(1.0, ge=0)
    blur: float = Field(0.03, ge=0, le=0.2)
    noise: float = Field(0.1, ge=0, le=1)
    views: AugmentConfig = AugmentConfig(noise=0.0)


class EncoderNetwork(nn.Module):
    """(b, 1, size, size) -> (b, features), and what training asks of them."""

    def __init__(self, config: NetworkConfig, outputs: int) -> None:
        super().__init__()
        self.body = RadiographNetwork(config, outputs + 2)
        self.projection = nn.Sequential(nn.SiLU(), nn.Linear(config.features, config.features))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        return self.body.features(x)


@dataclass(frozen=True)
class RadiographEncoder:
    """A trained encoder.

    Attributes:
        network: its weights.
        config: its size and how it was taught.
        attributes: that it was taught.
    """

    network: EncoderNetwork
    config: EncoderConfig
    attributes: Attributes

    @classmethod
    def trained(
        cls, records: Sequence[Record], *, seed: int = 0, steps: int = STEPS, config: EncoderConfig | None = None,
        on_step: Callable[[int, float], None] | None = None,
    ) -> RadiographEncoder:  # fmt: skip
        """Return an encoder trained on real radiographs.

        Args:
            records: with `image` in [0, 1]; what their conditions say is used where it can be learned.
            seed: of weights and batches.
            steps: of the training.
            config: size and teaching in full.
            on_step: told each step and its loss.

        Raises:
            ValueError: fewer than ten records, or an image is none.

        Source: Chen et al. 2020, arXiv 2002.05709 (NT-Xent).
        """
        if len(records) < 10:
            raise ValueError(f"{len(records)} real records cannot train an encoder; ten are needed at least")
        config = config or EncoderConfig()
        attributes = learnable(records)
        network = initialise(lambda: EncoderNetwork(config.network, attributes.outputs), seed)
        task = _Task(records, config, attributes)
        taught = train(network, task.batch, task.loss, Schedule(steps, learning_rate=2e-3), seed, on_step=on_step)
        assert isinstance(taught, EncoderNetwork)
        return cls(taught, config, attributes)

    def features(
        self, images: Float[np.ndarray, "b h w"] | Sequence[Record], *, batch: int = 64
    ) -> Float[np.ndarray, "b features"]:
        """Return the features of images in [0, 1], or of records with `image`, as float64.

        Raises:
            ValueError: a value is NaN, infinite or outside [0, 1], or a record has no image.
        """
        size = self.config.network.size
        x = sized(images, size) if isinstance(images, np.ndarray) else images_of(images, size)
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            rows = [self.network(x[k : k + batch].to(device)).double().cpu() for k in range(0, len(x), batch)]
        return torch.cat(rows).numpy() if rows else np.empty((0, self.config.network.features))

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return weights_sha256({COMPONENT: self.network})

    def to(self, device: str | torch.device) -> RadiographEncoder:
        """Compute on a device from now on."""
        self.network.to(device)
        return self

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `model_index.json` and the encoder's folder into a new or empty folder.

        Raises:
            ValueError: the folder is not empty.
        """
        write_index(Path(folder), CLASS, {COMPONENT: "EncoderNetwork"})
        body = {"config": self.config.model_dump(mode="json"), "attributes": self.attributes.model_dump(mode="json")}
        write_component(Path(folder), COMPONENT, body, self.network)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> RadiographEncoder:
        """Return the encoder that `save_pretrained` wrote.

        Raises:
            ValueError: something in the folder is missing, damaged, another model's or a pickle; the message names it.
        """
        where = Path(folder)
        read_index(where, CLASS, {COMPONENT: "EncoderNetwork"})
        path, body = where / COMPONENT / CONFIG, read_component(where, COMPONENT)
        config = checked(EncoderConfig, body.get("config", {}), path)
        attributes = checked(Attributes, body.get("attributes", {}), path)
        network = EncoderNetwork(config.network, attributes.outputs).eval()
        read_weights(where, COMPONENT, network)
        return cls(network, config, attributes)


class _Task:
    """What the encoder is asked in training."""

    def __init__(self, records: Sequence[Record], config: EncoderConfig, attributes: Attributes) -> None:
        self.images, self.config, self.attributes = images_of(records, config.network.size), config, attributes
        known, weight = said(records, attributes), patient_weights([patient_of(record) for record in records])
        self.aims, self.balance, self.chance = targets(known), balance(known, attributes), weight / weight.sum()

    def batch(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Return two views of each of some images, and what is known of them."""
        n = min(self.config.batch, len(self.images))
        rows = rng.choice(len(self.images), size=n, replace=False, p=self.chance)
        levels = torch.from_numpy(_levels(rng, n))
        views = [self._seen(rows, levels, rng) for _ in range(2)]
        aims = {name: torch.cat([aim[rows]] * 2) for name, aim in self.aims.items()}
        return aims | {"x": torch.cat(views), "levels": torch.cat([levels] * 2)}

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Return contrast, attributes and quality, weighted."""
        features = network(batch["x"])
        outputs = network.body.out(features)
        total = contrast(network.projection(features), self.config.temperature)
        total = total + self.config.quality * F.smooth_l1_loss(outputs[:, -2:], batch["levels"], beta=0.1) * 10
        return total + self.config.attributes * loss(outputs[:, :-2], batch, self.balance, self.attributes)

    def _seen(self, rows: np.ndarray, levels: Tensor, rng: np.random.Generator) -> Tensor:
        x = augmented(self.images[rows], rng, self.config.views)
        blur, noise = levels.unbind(1)
        return noisy(blurred(x, blur * self.config.blur * x.shape[-1]), noise * self.config.noise, rng)


def _levels(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n 2"]:
    """Return blur and noise of n images, 0 to 1 of their most: a half has none of it."""
    return (rng.uniform(0, 1, (n, 2)) * (rng.random((n, 2)) < 0.5)).astype(np.float32)
