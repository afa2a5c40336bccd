"""A network computed in half precision while it draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

_Told = TypeVar("_Told")


def in_precision(
    network: Callable[[Tensor, Tensor, _Told], Tensor], precision: str, device: str
) -> Callable[[Tensor, Tensor, _Told], Tensor]:
    """Return the network computing in bf16 or fp16 where that is asked for; what it takes and says is float32.

    Args:
        network: of x_t, time, and what it is told beside them.
        precision: `no`, `bf16` or `fp16`.
        device: type of the device.
    """
    if precision == "no":
        return network
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def lower(xt: Tensor, time: Tensor, told: _Told) -> Tensor:
        with torch.autocast(device, dtype):
            return network(xt, time, told).float()

    return lower
