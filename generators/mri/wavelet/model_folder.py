"""The volume translator on disk: diffusers' layout, a folder per component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ...diffusion import checked_config, read_component, read_index, read_weights, write_component, write_index
from ...diffusion.unet3d import UNet3d
from ...readout.supervised import initialise
from .asked import UNET, VOXELWISE
from .intensity import Scales
from .settings import Bridge, ModelConfig, SamplingConfig
from .voxelwise import Voxelwise

CLASS = "MriDiffusion"
_COMPONENTS = {
    UNET: "UNet3d",
    VOXELWISE: "Voxelwise",
    "scheduler": "SchedulerConfig",
    "model": "ModelConfig",
    "sampling": "SamplingConfig",
    "scales": "Scales",
}
_SCHEDULER_FILE = "scheduler_config.json"


def new_networks(model: ModelConfig, seed: int) -> dict[str, nn.Module]:
    """Return untrained networks; the same seed, the same weights."""

    def made() -> nn.Module:
        networks: dict[str, nn.Module] = {
            UNET: UNet3d(model.denoiser, model.in_channels, model.out_channels, model.told)
        }
        if model.voxelwise:
            networks[VOXELWISE] = Voxelwise(len(model.sources), len(model.targets), model.told, model.voxelwise)
        return nn.ModuleDict(networks)

    return dict(initialise(made, seed).named_children())


def write_model(
    folder: Path, networks: Mapping[str, nn.Module], model: ModelConfig, sampling: SamplingConfig, scales: Scales,
    half: bool = False,
) -> None:  # fmt: skip
    """Write a model into a new or empty folder, its weights in half precision if asked for.

    Raises:
        ValueError: the folder is not empty.
    """
    write_index(folder, CLASS, _COMPONENTS)
    network = {"in_channels": model.in_channels, "out_channels": model.out_channels} | model.denoiser.model_dump(
        mode="json"
    )
    write_component(folder, UNET, {"_class_name": "UNet3d"} | network, networks[UNET], half=half)
    beside = {"_class_name": "Voxelwise", "width": model.voxelwise}
    write_component(folder, VOXELWISE, beside, networks.get(VOXELWISE), half=half)
    write_component(folder, "scheduler", scheduler_config(model), file=_SCHEDULER_FILE)
    for name, config in (("model", model), ("sampling", sampling), ("scales", scales)):
        write_component(folder, name, config.model_dump(mode="json"))


def read_model(folder: Path) -> tuple[dict[str, nn.Module], ModelConfig, SamplingConfig, Scales]:
    """Return networks and settings from a folder; weights in half precision come back in float32.

    Raises:
        ValueError: something is missing, damaged, another model's or a pickle; the message names it.
    """
    read_index(folder, CLASS, _COMPONENTS)
    model = checked_config(ModelConfig, read_component(folder, "model"), folder)
    sampling = checked_config(SamplingConfig, read_component(folder, "sampling"), folder).checked(model)
    scales = checked_config(Scales, read_component(folder, "scales"), folder)
    networks = new_networks(model, 0)
    for name, network in networks.items():
        read_weights(folder, name, network)
    return networks, model, sampling, scales


def scheduler_config(model: ModelConfig) -> dict[str, Any]:
    """Return the objective as settings of a scheduler."""
    if isinstance(model.objective, Bridge):
        bridge = model.objective.bridge
        return {"_class_name": "BridgeConfig", "prediction_type": "sample"} | bridge.model_dump(mode="json")
    schedule = model.objective.schedule
    return {
        "_class_name": "DDPMScheduler", "num_train_timesteps": schedule.steps, "prediction_type": "sample",
        "beta_schedule": "linear", "beta_start": schedule.beta_start, "beta_end": schedule.beta_end,
        "few": schedule.few, "clip_sample": False,
    }  # fmt: skip
