"""LoRA: small matrices beside linear layers, trained by peft, then added to the weights or kept in a folder.

The folder `lora` holds them under the names that diffusers' `load_lora_weights` reads, with alpha / rank already in
the second matrix of each pair, so that it needs no further setting.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...readout.supervised import initialise
from .settings import LoraConfig

WEIGHTS = "pytorch_lora_weights.safetensors"
Pairs = Mapping[str, tuple[Tensor, Tensor]]  # layer name -> (A, B): the layer's weight is to grow by B A
_A, _B = ".lora_A.weight", ".lora_B.weight"


def with_pairs(network: nn.Module, targets: tuple[str, ...], config: LoraConfig, seed: int) -> nn.Module:
    """Return the network with a pair at each target; it computes the same, and the pairs alone are trained.

    Args:
        network: changed in place.
        targets: ends of the names of its layers.
        config: rank and scale.
        seed: of the first matrices; the second ones start at zero.

    Raises:
        ValueError: peft is not installed, or a target is no linear layer of the network.
    """
    try:
        from peft import LoraConfig as Settings
        from peft import inject_adapter_in_model
    except ImportError:
        raise ValueError("lora needs peft: pip install 'clinsynth[lora]'") from None
    _check(network, targets)
    settings = Settings(r=config.rank, lora_alpha=config.scale * config.rank, target_modules=list(targets))
    network.requires_grad_(False)
    return initialise(lambda: inject_adapter_in_model(settings, network), seed)


def _check(network: nn.Module, targets: tuple[str, ...]) -> None:
    for target in targets:
        found = [m for name, m in network.named_modules() if name == target or name.endswith(f".{target}")]
        if not found or not all(isinstance(module, nn.Linear) for module in found):
            said = "is no linear layer" if found else "ends no layer's name"
            raise ValueError(f"lora target {target!r} {said} of {type(network).__name__}")


def pairs_of(network: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """Return layer name -> (A, B), with the scale in B: the layer's weight is to grow by B A."""
    pairs: dict[str, tuple[Tensor, Tensor]] = {}
    for name, layer in _layers(network):
        a, b = (side["default"].weight.detach() for side in (layer.lora_A, layer.lora_B))
        pairs[name] = a, layer.scaling["default"] * b
    return pairs


def without_pairs(network: nn.Module) -> nn.Module:
    """Return a copy of the network as it was before it had pairs."""
    plain = copy.deepcopy(network)
    for name, layer in list(_layers(plain)):
        parent, _, last = name.rpartition(".")
        setattr(plain.get_submodule(parent), last, layer.get_base_layer())
    if hasattr(plain, "peft_config"):
        del plain.peft_config
    return plain.requires_grad_(False)


def _layers(network: nn.Module) -> Iterator[tuple[str, Any]]:
    return ((name, module) for name, module in network.named_modules() if hasattr(module, "get_base_layer"))


@torch.no_grad()
def add_pairs(network: nn.Module, pairs: Pairs, where: str) -> None:
    """Add pairs to the weights, in place.

    Raises:
        ValueError: a pair does not fit; the message names the layer and `where` it came from.
    """
    for name, (a, b) in pairs.items():
        try:
            weight = network.get_submodule(name).weight
            weight.add_((b.float() @ a.float()).to(weight))
        except (AttributeError, RuntimeError, TypeError) as error:
            raise ValueError(f"{where}: {name} does not fit {type(network).__name__} ({error})") from None


def write_pairs(folder: Path, pairs: Mapping[str, Pairs]) -> None:
    """Write component -> layer -> pair into a new folder."""
    folder.mkdir()
    tensors = {
        f"{component}.{layer}{end}": value.cpu().contiguous()
        for component, layers in pairs.items()
        for layer, pair in layers.items()
        for end, value in zip((_A, _B), pair, strict=True)
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def read_pairs(folder: Path) -> dict[str, dict[str, tuple[Tensor, Tensor]]]:
    """Return component -> layer -> pair; empty where there is no such folder.

    Raises:
        ValueError: the file is missing, damaged or has a matrix without its other one.
    """
    if not folder.is_dir():
        return {}
    path = folder / WEIGHTS
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    pairs: dict[str, dict[str, tuple[Tensor, Tensor]]] = {}
    for key, value in tensors.items():
        whole = key.removesuffix(_A).removesuffix(_B)
        if key == whole or whole + _A not in tensors or whole + _B not in tensors:
            raise ValueError(f"{path}: {key} is not one of a pair lora_A, lora_B")
        component, _, layer = whole.partition(".")
        if key.endswith(_A):
            pairs.setdefault(component, {})[layer] = (value, tensors[whole + _B])
    return pairs
