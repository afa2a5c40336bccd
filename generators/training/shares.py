"""Tensors of which each process holds a share, and the way to whole ones and back; plain tensors stay as they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def is_share(tensor: Any) -> bool:
    """Return whether this process holds only a share of the tensor."""
    known = sys.modules.get("torch.distributed.tensor")  # slow to import; unless something did, there are no shares
    return known is not None and isinstance(tensor, known.DTensor)


def local(tensor: Any) -> Tensor:
    """Return this process's share, in the same memory; of a plain tensor itself."""
    share: Tensor = tensor.to_local() if is_share(tensor) else tensor
    return share


def whole(tensor: Any) -> Tensor:
    """Return the whole of a tensor, for which every process must ask; of a plain tensor itself."""
    found: Tensor = tensor.full_tensor() if is_share(tensor) else tensor
    return found


def share_of(value: Tensor, like: Any) -> Tensor:
    """Return this process's share of a whole tensor that all processes have, cut as `like` is."""
    if not is_share(like) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    value = value.to(device=like.device, dtype=like.dtype)
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)


def gathered(content: Any, keep: bool) -> Any:
    """Return dictionaries and lists with whole tensors in the place of shares.

    Every process must call it, for they exchange shares one tensor at a time.

    Args:
        content: nested dictionaries and lists.
        keep: whether this process wants the whole tensors, on the CPU; else it gets empty ones.
    """
    if isinstance(content, dict):
        return {key: gathered(value, keep) for key, value in content.items()}
    if isinstance(content, list):
        return [gathered(value, keep) for value in content]
    if not is_share(content):
        return content
    value = whole(content.detach())
    return value.cpu() if keep else value.new_empty(0)


def replace(network: nn.Module, by: Callable[[nn.Parameter], nn.Parameter]) -> None:
    """Put others in the place of a network's parameters; one that stands in two places is asked for once."""
    done: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}
    for module in network.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                if id(parameter) not in done:
                    done[id(parameter)] = parameter, by(parameter)  # the old one is kept, and with it its id
                module._parameters[name] = done[id(parameter)][1]


def take_shares(network: nn.Module, like: nn.Module, device: torch.device) -> None:
    """Cut a copy of a network as the network is cut: moving weights are copied, those held still are the same."""
    shares = {
        id(mine): nn.Parameter(now.detach().clone() if now.requires_grad else now.detach(), requires_grad=False)
        for mine, now in zip(network.parameters(), like.parameters(), strict=True)
    }
    replace(network, lambda parameter: shares[id(parameter)])
    for module in network.modules():
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else buffer.to(device)


@contextmanager
def made_whole(network: nn.Module, keep: bool) -> Iterator[None]:
    """Let a network hold whole weights for a while; every process must enter.

    Args:
        network: a copy that holds shares; it cannot be called outside.
        keep: whether this process calls it; else it only hands over its shares.
    """
    shares: dict[int, nn.Parameter] = {}

    def in_its_place(parameter: nn.Parameter) -> nn.Parameter:
        if not is_share(parameter):
            return parameter
        value = whole(parameter.detach())
        made = nn.Parameter(value if keep else value.new_empty(0), requires_grad=False)
        shares[id(made)] = parameter
        return made

    replace(network, in_its_place)
    try:
        yield
    finally:
        replace(network, lambda parameter: shares.get(id(parameter), parameter))
