"""What FSDP cuts up: the launcher's settings as Accelerate reads them, and the units in which weights are gathered."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin, str_to_bool
from torch import nn

if TYPE_CHECKING:  # these take a second to import, and most runs do not need them
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.fsdp import MixedPrecisionPolicy

_WHOLE_INSIDE = (nn.MultiheadAttention,)  # it reads the weights of its parts without calling them
_LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Sharding:
    """How networks are cut up over the processes.

    Attributes:
        mesh: all processes, in one line.
        precision: of the gathered weights and of the exchange of gradients.
        by: `whole` makes one unit of a network, `class` one of each module of some classes, `size` one of each part
            that is large enough.
        classes: names of those classes; None takes those that a network names itself (`_no_split_modules`).
        smallest: a unit by size has more parameters than this.
        frees: whether a unit's whole weights are dropped between its forward and backward pass.
    """

    mesh: DeviceMesh
    precision: MixedPrecisionPolicy
    by: str
    classes: frozenset[str] | None
    smallest: int
    frees: bool


def fsdp_asked() -> bool:
    """Return whether the launcher asks for FSDP, as `accelerate launch --use_fsdp` does."""
    return bool(str_to_bool(os.environ.get("ACCELERATE_USE_FSDP", "false").lower()))


def sharding_of(accelerator: Accelerator) -> Sharding | None:
    """Return how the launcher wants weights cut up, None if it does not; one process has nobody to share with.

    Raises:
        ValueError: a setting that is not supported; the message names it and what would be right.
    """
    if not fsdp_asked() or accelerator.num_processes == 1:
        return None
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy
    from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy, transformer_auto_wrap_policy

    plugin = FullyShardedDataParallelPlugin()
    _refuse(plugin)
    low = _LOW.get(accelerator.mixed_precision)
    # Inputs stay as they are (a time step of 999 would be 1000 in bf16); gradients are averaged in float32.
    precision = MixedPrecisionPolicy(param_dtype=low, reduce_dtype=low and torch.float32, cast_forward_inputs=False)
    wanted = getattr(plugin.auto_wrap_policy, "func", plugin.auto_wrap_policy)
    by = {size_based_auto_wrap_policy: "size", transformer_auto_wrap_policy: "class"}.get(wanted, "whole")
    named = plugin.transformer_cls_names_to_wrap
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    classes = frozenset(named) if named else None
    return Sharding(mesh, precision, by, classes, plugin.min_num_params or 0, plugin.reshard_after_forward)


def _refuse(plugin: FullyShardedDataParallelPlugin) -> None:
    from torch.distributed.fsdp import CPUOffloadPolicy

    if plugin.fsdp_version != 2:
        raise ValueError(f"fsdp_version is {plugin.fsdp_version}; set it to 2 (accelerate launch --fsdp_version 2)")
    if isinstance(plugin.cpu_offload, CPUOffloadPolicy):
        raise ValueError("fsdp_offload_params is not supported; set it to false")
    if plugin.activation_checkpointing:
        raise ValueError("fsdp_activation_checkpointing is not supported; the model's own settings checkpoint it")
    if plugin.ignored_modules is not None:
        raise ValueError("fsdp_ignored_modules is not supported; weights that do not move are left out by themselves")


def check_shardable(networks: Mapping[str, nn.Module], sharding: Sharding) -> None:
    """Refuse networks that cannot be cut up.

    Raises:
        ValueError: two networks share a parameter, a parameter has no dimension, or no network has a class named.
    """
    owner: dict[int, str] = {}
    for name, network in networks.items():
        for key, value in network.named_parameters():
            if value.ndim == 0:
                raise ValueError(f"{name}.{key} is a scalar, which FSDP cannot cut; give it the shape (1,), or use DDP")
            if (other := owner.setdefault(id(value), name)) != name:
                raise ValueError(f"{other!r} and {name!r} share {key}, which FSDP cannot cut twice; use DDP")
    if sharding.by == "class" and sharding.classes:
        have = {type(module).__name__ for network in networks.values() for module in network.modules()}
        if missing := sharding.classes - have:
            raise ValueError(f"fsdp_transformer_layer_cls_to_wrap: no network has a {min(missing)}")


def cut_up(network: nn.Module, sharding: Sharding, phases: int) -> None:
    """Leave this process its share of each parameter (about an equal part along the first dimension), in place.

    Where several phases take turns a network is called more than once a step and its gradient may be differentiated
    again (as a gradient penalty is), so its weights stay whole until `put_away`.

    Args:
        network: on any device; it lands on the mesh's.
        sharding: how.
        phases: number of the trainee's phases.
    """
    from torch.distributed.fsdp import fully_shard

    frees = sharding.frees and phases == 1
    for unit in units(network, sharding):
        fully_shard(unit, mesh=sharding.mesh, mp_policy=sharding.precision, reshard_after_forward=frees)
    fully_shard(network, mesh=sharding.mesh, mp_policy=sharding.precision, reshard_after_forward=False)
    if not frees:  # the rest of the network, used first and last, stays in any case until its gradient is taken
        network.set_reshard_after_backward(False)


def units(network: nn.Module, sharding: Sharding) -> list[nn.Module]:
    """Return the parts of a network whose weights are gathered and dropped together, inner ones first."""
    tied = len(list(network.named_parameters(remove_duplicate=False))) > len(list(network.parameters()))
    if sharding.by == "whole" or tied:  # a parameter with two places must not fall into two units
        return []
    if sharding.by == "size":
        return [unit for unit in _by_size(network, sharding.smallest)[0] if unit is not network]
    names = sharding.classes or frozenset(getattr(network, "_no_split_modules", None) or ())
    inside = [module for module in network.modules() if module is not network]
    return [module for module in reversed(inside) if type(module).__name__ in names]


def _by_size(module: nn.Module, smallest: int) -> tuple[list[nn.Module], int]:
    """Return the units in a module, itself perhaps the last, and the number of parameters that are in none."""
    found: list[nn.Module] = []
    left = sum(p.numel() for p in module.parameters(recurse=isinstance(module, _WHOLE_INSIDE)))
    if not isinstance(module, _WHOLE_INSIDE):
        for child in module.children():
            inner, more = _by_size(child, smallest)
            found, left = found + inner, left + more
    called = type(module).forward is not nn.Module.forward  # a list of modules is never called
    return ([*found, module], 0) if called and left > smallest else (found, left)


def put_away(networks: Iterable[nn.Module]) -> None:
    """Drop gathered weights, so that the next pass gathers what the optimiser made of the shares."""
    from torch.distributed.fsdp import FSDPModule

    for network in networks:
        for module in network.modules():
            if isinstance(module, FSDPModule):
                module.reshard()
