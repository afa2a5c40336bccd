"""The autoencoder between images and latents: diffusers' `AutoencoderKL` for one channel.

Source: Kingma and Welling 2014, arXiv 1312.6114; in front of a diffusion model: Rombach et al. 2022, arXiv 2112.10752.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from ...diffusion import component_config, read_component, read_index, read_weights, write_component, write_index
from ...readout.supervised import initialise
from .images import to_grey, to_network

COMPONENT = "vae"
_INDEX = "RadiographAutoencoder"
_PASS = 16  # images that go through together, always as many, so that a latent does not depend on those beside it


class AutoencoderConfig(BaseModel):
    """The autoencoder's size.

    Attributes:
        size: side of the images in pixels.
        widths: channels per scale, fine to coarse, multiples of 8; each scale has half the side of the one before.
        layers: residual blocks per scale.
        latent_channels: channels of a latent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(64, ge=16, le=1024)
    widths: tuple[int, ...] = Field((16, 32, 64), min_length=1, max_length=6)
    layers: int = Field(1, ge=1, le=4)
    latent_channels: int = Field(8, ge=1, le=64)

    @model_validator(mode="after")
    def _fits(self) -> AutoencoderConfig:
        if any(width < 8 or width % 8 for width in self.widths):
            raise ValueError(f"widths = {list(self.widths)}: each must be a multiple of 8")
        if self.size % self.factor:
            raise ValueError(f"size = {self.size} must be a multiple of {self.factor}, by which latents are smaller")
        return self

    @property
    def factor(self) -> int:
        """Return how many pixels a side of a latent's pixel spans."""
        return int(2 ** (len(self.widths) - 1))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of a latent: channels, rows, columns."""
        return self.latent_channels, self.size // self.factor, self.size // self.factor


def new_autoencoder(config: AutoencoderConfig, seed: int) -> AutoencoderKL:
    """Return an untrained autoencoder; the same seed gives the same weights."""
    n = len(config.widths)
    network = initialise(
        lambda: AutoencoderKL(
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D",) * n,
            up_block_types=("UpDecoderBlock2D",) * n,
            block_out_channels=config.widths,
            layers_per_block=config.layers,
            latent_channels=config.latent_channels,
            norm_num_groups=8,
            sample_size=config.size,
            scaling_factor=1.0,
        ),
        seed,
    )
    assert isinstance(network, AutoencoderKL)
    return network


def config_of(network: AutoencoderKL) -> AutoencoderConfig:
    """Return the size of an autoencoder."""
    c = network.config
    return AutoencoderConfig(
        size=c.sample_size, widths=tuple(c.block_out_channels), layers=c.layers_per_block,
        latent_channels=c.latent_channels,
    )  # fmt: skip


def write_autoencoder(folder: Path, network: AutoencoderKL) -> None:
    """Write an autoencoder into a new or empty folder, as diffusers does.

    Raises:
        ValueError: the folder is not empty.
    """
    write_index(folder, _INDEX, {COMPONENT: "AutoencoderKL"})
    write_component(folder, COMPONENT, component_config(network), network)


def read_autoencoder(folder: Path) -> AutoencoderKL:
    """Return the autoencoder in the folder of one, or of a run that trained one.

    Raises:
        ValueError: something is missing, damaged or a pickle; the message names it.
    """
    folder = folder / "model" if (folder / "model").is_dir() else folder
    read_index(folder, _INDEX, {COMPONENT: "AutoencoderKL"})
    return autoencoder_from(folder)


def autoencoder_from(folder: Path) -> AutoencoderKL:
    """Return the autoencoder in the folder's component `vae`.

    Raises:
        ValueError: it is missing, damaged, or not one of a single channel.
    """
    body = read_component(folder, COMPONENT)
    try:
        network = AutoencoderKL.from_config(body)
        config_of(network)
    except (TypeError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{folder / COMPONENT}: its config.json does not describe an autoencoder: {said}") from error
    if network.config.in_channels != 1:
        raise ValueError(f"{folder / COMPONENT} is for {network.config.in_channels} channels; radiographs have one")
    read_weights(folder, COMPONENT, network)
    return network


@torch.inference_mode()
def latents_of(network: AutoencoderKL, images: Float[np.ndarray, "b h w"]) -> Float[np.ndarray, "b c y x"]:
    """Return the latents' means, each channel with the mean 0 and the spread 1 that the network's config knows."""
    made = []
    shift, scale = _normal(network)
    for first in range(0, len(images), _PASS):
        some = images[first : first + _PASS]
        full = np.concatenate([some, np.repeat(some[-1:], _PASS - len(some), axis=0)])
        mean = network.encode(torch.from_numpy(to_network(full)).to(network.device)).latent_dist.mode()
        made.append(((mean - shift) / scale)[: len(some)].cpu().numpy())
    return np.concatenate(made)


@torch.inference_mode()
def images_from(network: AutoencoderKL, z: Tensor) -> Float[np.ndarray, "b h w"]:
    """Return the images of latents, (b, c, y, x), as grey values in [0, 1]."""
    shift, scale = _normal(network)
    return to_grey(network.decode(z * scale + shift).sample.float().cpu().numpy())


def _normal(network: AutoencoderKL) -> tuple[Tensor, Tensor]:
    """Return mean and spread of each channel of the latents, (1, c, 1, 1)."""
    c = network.config
    shift = c.latents_mean or [0.0] * c.latent_channels
    scale = c.latents_std or [1.0] * c.latent_channels
    both = torch.tensor([shift, scale], dtype=torch.float32, device=network.device)
    return both[0][None, :, None, None], both[1][None, :, None, None]


def normalised(network: AutoencoderKL, images: Float[np.ndarray, "b h w"]) -> AutoencoderKL:
    """Return the autoencoder with the mean and spread of its latents' channels over these images in its config."""
    network.register_to_config(latents_mean=None, latents_std=None)
    z = latents_of(network, images)
    mean, std = z.mean(axis=(0, 2, 3), dtype=np.float64), z.std(axis=(0, 2, 3), dtype=np.float64)
    network.register_to_config(
        latents_mean=[round(float(m), 5) for m in mean], latents_std=[round(float(max(s, 1e-3)), 5) for s in std]
    )
    return network
