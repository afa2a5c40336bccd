"""The radiograph model on disk: diffusers' layout, a folder per component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ...diffusion import (
    checked_config,
    component_config,
    read_component,
    read_index,
    read_weights,
    write_component,
    write_index,
)
from . import autoencoder
from .condition import ConditionConfig
from .drawing import objective_config
from .networks import ENCODER, UNET, VAE, new_networks
from .settings import ModelConfig, SamplingConfig

_CLASS = "RadiographDiffusion"
_COMPONENTS = {
    UNET: "UNet2DConditionModel",
    VAE: "AutoencoderKL",
    ENCODER: "ConditionEncoder",
    "scheduler": "SchedulerConfig",
    "model": "ModelConfig",
    "sampling": "SamplingConfig",
    "support": "Support",
}
_SCHEDULER_FILE = "scheduler_config.json"


def write_model(
    folder: Path,
    networks: Mapping[str, nn.Module],
    model: ModelConfig,
    sampling: SamplingConfig,
    support: Mapping[str, Mapping[str, int]],
    half: bool = False,
) -> None:
    """Write a model into a new or empty folder, its weights in half precision if asked for.

    Raises:
        ValueError: the folder is not empty.
    """
    write_index(folder, _CLASS, _COMPONENTS)
    unet, vae = networks[UNET], networks[VAE]
    write_component(folder, UNET, component_config(unet), unet, half=half)
    write_component(folder, VAE, component_config(vae), vae, half=half)
    write_component(folder, ENCODER, model.condition.model_dump(mode="json"), networks[ENCODER], half=half)
    write_component(folder, "scheduler", objective_config(model.objective), file=_SCHEDULER_FILE)
    write_component(folder, "model", model.model_dump(mode="json"))
    write_component(folder, "sampling", sampling.model_dump(mode="json"))
    write_component(folder, "support", dict(support))


def read_model(
    folder: Path,
) -> tuple[dict[str, nn.Module], ModelConfig, SamplingConfig, dict[str, dict[str, int]]]:
    """Return networks and settings from a folder.

    Weights that are stored in half precision come back in float32.

    Raises:
        ValueError: something is missing, damaged, another model's or a pickle; the message names it.
    """
    read_index(folder, _CLASS, _COMPONENTS)
    model = checked_config(ModelConfig, read_component(folder, "model"), folder)
    told = checked_config(ConditionConfig, read_component(folder, ENCODER), folder)
    if told != model.condition:
        raise ValueError(f"{folder / ENCODER / 'config.json'} does not fit {folder / 'model' / 'config.json'}")
    sampling = checked_config(SamplingConfig, read_component(folder, "sampling"), folder).checked(model)
    networks = new_networks(model, autoencoder.autoencoder_from(folder), 0)
    for name in (UNET, ENCODER):
        read_weights(folder, name, networks[name])
    return networks, model, sampling, _support(folder, read_component(folder, "support"))


def _support(folder: Path, body: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    try:
        return {str(f): {str(v): int(n) for v, n in counts.items()} for f, counts in body.items()}
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"{folder / 'support'}: a count of training images per field and value is needed") from None
