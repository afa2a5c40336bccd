"""Tensors of which each process holds a share, and the way to whole ones and back; plain tensors stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


def local(tensor: Tensor) -> Tensor:
    """Return this process's share, in the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def share_of(value: Tensor, like: Tensor) -> Tensor:
    """Return this process's share of a whole tensor that all processes have, cut as `like` is."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
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
    if not isinstance(content, DTensor):
        return content
    whole = content.detach().full_tensor()
    return whole.cpu() if keep else whole.new_empty(0)


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

    def whole(parameter: nn.Parameter) -> nn.Parameter:
        if not isinstance(parameter, DTensor):
            return parameter
        value = parameter.detach().full_tensor()
        made = nn.Parameter(value if keep else value.new_empty(0), requires_grad=False)
        shares[id(made)] = parameter
        return made

    replace(network, whole)
    try:
        yield
    finally:
        replace(network, lambda parameter: shares.get(id(parameter), parameter))
