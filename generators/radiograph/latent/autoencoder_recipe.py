"""Training of the autoencoder: one file of settings, what it learns from, and its loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from ...recipe_file import RecipeFile
from ...training import Draws, Examples, Phase, Subset, TrainingConfig, split_by_patient
from .autoencoder import AutoencoderConfig, images_from, latents_of, new_autoencoder, normalised, write_autoencoder
from .data import DataConfig, Images, images_of
from .images import contact_sheet, to_network

_GRID = 12
_MEASURED = 512  # images over which the latents' spread is measured


class AutoencoderLoss(BaseModel):
    """What the autoencoder minimises.

    Attributes:
        edges: weight of the difference of the images' gradients, at three scales; keeps edges sharp.
        kl: weight of the divergence of the latents from a standard normal, per pixel of the image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    edges: float = Field(1.0, ge=0)
    kl: float = Field(1e-5, ge=0)


class Autoencoding(nn.Module):
    """There and back in one call, as training in several processes needs it."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the reconstruction of a noised latent, and the latent's mean and log variance."""
        posterior = self.vae.encode(x).latent_dist
        made = self.vae.decode(posterior.mean + posterior.std * eps).sample
        return made.float(), posterior.mean.float(), posterior.logvar.float()


class RadiographAutoencoderTrainee:
    """Network, loss, a sheet of reconstructions and export."""

    def __init__(self, config: AutoencoderConfig, loss: AutoencoderLoss, images: Images, seed: int) -> None:
        """Start untrained."""
        self.networks: dict[str, nn.Module] = {"autoencoding": Autoencoding(new_autoencoder(config, seed))}
        self.phases = (Phase("reconstruct", ("autoencoding",), self.loss),)
        self._config, self._loss, self._images = config, loss, images

    def loss(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor], draws: Draws) -> Tensor:
        """Return each example's loss, (b,): absolute error, that of gradients, and the latents' divergence."""
        x = batch["x"]
        made, mean, logvar = networks["autoencoding"](x, draws.normal("eps", self._config.shape))
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1) / x[0].numel()
        error = (made - x).abs().flatten(1).mean(1)
        return error + self._loss.edges * edge_error(made, x) + self._loss.kl * divergence

    def sample_grid(self, networks: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Write images above their reconstructions as `folder/step-NNNNNN.png`."""
        from PIL import Image

        network = cast(Autoencoding, networks["autoencoding"]).vae
        rows = np.linspace(0, len(self._images) - 1, _GRID).astype(int)
        real = np.stack([self._images.grey(int(row)) for row in rows])
        back = images_from(network, torch.from_numpy(latents_of(network, real)).to(network.device))
        sheet = contact_sheet([*real, *back], columns=_GRID, scale=max(1, 128 // self._config.size))
        Image.fromarray(sheet).save(folder / f"step-{step:06d}.png")

    def save_pretrained(self, folder: Path, networks: Mapping[str, nn.Module]) -> None:
        """Write the autoencoder, with the spread of its latents over the images, into a new folder."""
        rows = np.linspace(0, len(self._images) - 1, min(_MEASURED, len(self._images))).astype(int)
        seen = np.stack([self._images.grey(int(row)) for row in rows])
        write_autoencoder(folder, normalised(cast(Autoencoding, networks["autoencoding"]).vae, seen))


def edge_error(made: Tensor, x: Tensor) -> Tensor:
    """Return the absolute error of the gradients of each image, (b,), summed over sides 1, 1/2 and 1/4 as large."""
    total = made.new_zeros(len(made))
    for _ in range(3):
        for axis in (2, 3):
            total = total + (made.diff(dim=axis) - x.diff(dim=axis)).abs().flatten(1).mean(1)
        made, x = F.avg_pool2d(made, 2), F.avg_pool2d(x, 2)
    return total


class ImageExamples:
    """Rows of images in the network's values."""

    def __init__(self, images: Images) -> None:
        """Take the rows of `images`."""
        self._images = images
        self.patients: Sequence[str] = images.patients

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._images)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, Tensor]:
        """Return `x`, (b, 1, size, size) in [-1, 1]."""
        return {"x": torch.from_numpy(to_network(np.stack([self._images.grey(int(row)) for row in rows])))}


class RadiographAutoencoderRecipe(RecipeFile):
    """Everything that decides the autoencoder.

    Attributes:
        generator: names the kind of recipe.
        training: steps, batches, optimiser.
        model: the network.
        loss: what it minimises.
        data: what it is trained on.
    """

    generator: Literal["radiograph-autoencoder"] = "radiograph-autoencoder"
    training: TrainingConfig
    model: AutoencoderConfig = AutoencoderConfig()
    loss: AutoencoderLoss = AutoencoderLoss()
    data: DataConfig = DataConfig()

    def trainee(self) -> RadiographAutoencoderTrainee:
        """Return the untrained autoencoder."""
        images = images_of(self.data, self.model.size)
        return RadiographAutoencoderTrainee(self.model, self.loss, images, self.training.seed)

    def examples(self) -> tuple[Examples, Examples]:
        """Return what to train on and what to validate on; no patient is on both sides."""
        rows = ImageExamples(images_of(self.data, self.model.size))
        train, validation = split_by_patient(rows.patients, self.data.validation_share, self.data.seed)
        return Subset(rows, train), Subset(rows, validation)

    def model_config_json(self) -> dict[str, Any]:
        """Return all but the training settings, as `fit` records them."""
        return self.model_dump(mode="json", exclude={"training": True, "data": {"cache"}})
