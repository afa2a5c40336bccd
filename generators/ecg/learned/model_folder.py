"""The learned generator on disk, and its networks before training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ...diffusion import checked_config, read_component, read_index, read_weights, write_component, write_index
from ...readout.supervised import initialise
from .encoder import ConditionEncoder
from .network import EcgUNet
from .settings import ModelConfig, SamplingConfig

_CLASS = "EcgDiffusion"
_COMPONENTS = {
    "denoiser": "EcgUNet",
    "encoder": "ConditionEncoder",
    "scale": "ScaleConfig",
    "sampling": "SamplingConfig",
}


def new_networks(config: ModelConfig, seed: int) -> dict[str, nn.Module]:
    """Return untrained networks; the same seed gives the same weights."""

    def both() -> nn.Module:
        denoiser = EcgUNet(config.network, config.condition.width)
        return nn.ModuleDict({"denoiser": denoiser, "encoder": ConditionEncoder(config.condition)})

    return dict(initialise(both, seed).named_children())


def write_model(folder: Path, networks: Mapping[str, nn.Module], model: ModelConfig, sampling: SamplingConfig) -> None:
    """Write a model into a new or empty folder.

    Raises:
        ValueError: the folder is not empty.
    """
    write_index(folder, _CLASS, _COMPONENTS)
    write_component(folder, "denoiser", model.network.model_dump(mode="json"), networks["denoiser"])
    write_component(folder, "encoder", model.condition.model_dump(mode="json"), networks["encoder"])
    write_component(folder, "scale", model.scale.model_dump(mode="json"))
    write_component(folder, "sampling", sampling.model_dump(mode="json"))


def read_model(folder: Path) -> tuple[dict[str, nn.Module], ModelConfig, SamplingConfig]:
    """Return networks and settings from a folder.

    Raises:
        ValueError: something is missing, damaged, another model's or a pickle; the message names it.
    """
    read_index(folder, _CLASS, _COMPONENTS)
    parts = {"network": "denoiser", "condition": "encoder", "scale": "scale"}
    model = checked_config(ModelConfig, {field: read_component(folder, part) for field, part in parts.items()}, folder)
    sampling = checked_config(SamplingConfig, read_component(folder, "sampling"), folder)
    networks = new_networks(model, 0)
    for name, network in networks.items():
        read_weights(folder, name, network)
    return networks, model, sampling
