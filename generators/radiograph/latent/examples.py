"""What the denoiser is trained on: latents of images and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Int
from torch import Tensor

from ....conditioning.radiograph import RadiographCondition
from .autoencoder import config_of, latents_of
from .condition import ConditionConfig, encode, support_of
from .data import DataConfig, Images, images_of


class LatentExamples:
    """A row per image and copy; latents are made once and kept."""

    def __init__(self, images: Images, vae: AutoencoderKL, config: ConditionConfig) -> None:
        """Encode all rows.

        Raises:
            ValueError: a record of the source is no radiograph with a condition; the message names it.
        """
        self.patients: Sequence[str] = images.patients
        self.conditions = tuple(_condition(record.record_id, record.condition) for record in images.records)
        value, said = (np.stack(each) for each in zip(*(encode(c, config) for c in self.conditions), strict=True))
        self._value, self._said = torch.from_numpy(value), torch.from_numpy(said)
        self._image = torch.tensor([image for image, _ in images.row_of])
        self._x = torch.from_numpy(_latents(images, vae))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._x)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, Tensor]:
        """Return `x`, latents (b, c, y, x), and `value` and `said`, (b, attributes)."""
        index = torch.from_numpy(np.asarray(rows))
        image = self._image[index]
        return {"x": self._x[index], "value": self._value[image], "said": self._said[image]}


def _latents(images: Images, vae: AutoencoderKL) -> np.ndarray:
    made, n = [], 256
    for first in range(0, len(images), n):
        grey = [images.grey(row) for row in range(first, min(first + n, len(images)))]
        made.append(latents_of(vae, np.stack(grey)).astype(np.float32))
    return np.concatenate(made)


def _condition(name: str, condition: object) -> RadiographCondition:
    if not isinstance(condition, RadiographCondition):
        kind = type(condition).__name__
        raise ValueError(f"record {name} has a {kind}; training a radiograph model needs a RadiographCondition")
    return condition


@lru_cache(maxsize=1)
def support_in(data: DataConfig, size: int, config: ConditionConfig) -> dict[str, dict[str, int]]:
    """Return how many images of the source have each value of each field."""
    records = images_of(data, size).records
    return support_of((_condition(r.record_id, r.condition) for r in records), config)


def latent_size(vae: AutoencoderKL) -> int:
    """Return the side of the images that an autoencoder takes, in pixels."""
    return config_of(vae).size
