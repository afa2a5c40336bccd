"""Which attention code the U-Net runs; it changes speed and memory, and results within rounding."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal

import torch

Attention = Literal["auto", "xformers", "sdpa"]


def backend(asked: Attention, device: torch.device) -> str:
    """Return `xformers` or `sdpa`, PyTorch's scaled dot product attention.

    Raises:
        ValueError: xformers is asked for by name and cannot run.
    """
    able = device.type == "cuda" and find_spec("xformers") is not None
    if asked == "xformers" and not able:
        raise ValueError(f"attention = xformers needs a CUDA device (this is {device.type}) and pip install xformers")
    return "xformers" if able and asked != "sdpa" else "sdpa"


def use(unet: Any, name: str) -> None:
    """Let a U-Net run an attention backend; PyTorch's is what it starts with."""
    if name == "xformers":
        unet.enable_xformers_memory_efficient_attention()
