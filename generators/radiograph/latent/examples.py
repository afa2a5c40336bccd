"""What the denoiser is trained on: latents of images and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Int
from torch import Tensor

from ....conditioning.record import ImageGeometry, Record
from ...diffusion import weights_sha256
from ..table import table_of
from .autoencoder import latents_of
from .condition import ConditionConfig, encode, support_of
from .data import DataConfig, Images, images_of

_TOGETHER = 256  # images in memory while they are encoded


class LatentExamples:
    """A row per image and copy; latents are made once and kept."""

    def __init__(self, images: Images, vae: AutoencoderKL, config: ConditionConfig) -> None:
        """Encode all rows."""
        self.patients: Sequence[str] = images.patients
        told = [encode(condition, config) for condition in images.conditions]
        value, said = (np.stack(each) for each in zip(*told, strict=True))
        self._value, self._said = torch.from_numpy(value), torch.from_numpy(said)
        self._image = torch.tensor([image for image, _ in images.row_of])
        made = images.data.model_dump(mode="json", include={"source", "copies", "augment", "seed"})
        settings = made | {"size": images.size, "vae_sha256": weights_sha256({"vae": vae})}
        self._table = table_of(lambda: _latents(images, vae), settings, images.data.kept("latents"))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.patients)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, Tensor]:
        """Return `x`, latents (b, c, y, x), and `value` and `said`, (b, attributes)."""
        image = self._image[torch.from_numpy(np.asarray(rows))]
        x = torch.from_numpy(np.asarray(self._table.rows[rows], np.float32))
        return {"x": x, "value": self._value[image], "said": self._said[image]}


def _latents(images: Images, vae: AutoencoderKL) -> Iterator[tuple[Record, np.ndarray]]:
    """Yield each row's condition with its latent."""
    for first in range(0, len(images), _TOGETHER):
        rows = range(first, min(first + _TOGETHER, len(images)))
        latents = latents_of(vae, np.stack([images.grey(row) for row in rows]))
        for row, latent in zip(rows, latents, strict=True):
            condition, about = images.conditions[images.row_of[row][0]], {"patient_id": images.patients[row]}
            yield Record(f"row-{row}", {}, condition, ImageGeometry((1.0, 1.0)), about), latent


@lru_cache(maxsize=1)
def support_in(data: DataConfig, size: int, config: ConditionConfig) -> dict[str, dict[str, int]]:
    """Return how many images of the source have each value of each field."""
    return support_of(images_of(data, size).conditions, config)
