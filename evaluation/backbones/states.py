"""DenseNet-121 and ResNet-50 from one safetensors file, with what it says of channels, outputs and preparation.

The file's metadata may hold `preparation`, the JSON of a `Preparation`; without it ImageNet's is taken for three
channels, and values 0 to 1 less one half for one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .networks import DenseNet121, ResNet50
from .preparing import Preparation

FIRST = {"densenet121": "features.conv0.weight", "resnet50": "conv1.weight"}
LAST = {"densenet121": "classifier", "resnet50": "fc"}
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".npz", ".npy")
# Older published states of DenseNet say `denselayer1.norm.1` where newer ones say `denselayer1.norm1`.
_OLD = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12])\.(.*)$")


def read_state(kind: str, file: Path) -> tuple[nn.Module, Preparation, str]:
    """Return a network with its weights, how images are prepared for it, and the file's sha256.

    Args:
        kind: `densenet121` or `resnet50`.
        file: safetensors, with torchvision's names; a last layer is not needed.

    Raises:
        ValueError: no such file, a pickle, no safetensors, or a state of another network; the message names it.
    """
    _no_pickle(file)
    if not file.is_file():
        raise ValueError(f"{file} is not a file; {kind} needs a safetensors state")
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is not a safetensors file: {error}") from None
    try:
        network = fitted(kind, state)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return network, _preparation(metadata, network, kind, file), sha256_of_file(file)


def state_kind(file: Path) -> str:
    """Return which network a safetensors state is of, by the name of its first layer.

    Raises:
        ValueError: a pickle, no safetensors, or neither network's.
    """
    _no_pickle(file)
    try:
        with safe_open(file, framework="pt") as stored:
            names = {renamed(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is not a safetensors file: {error}") from None
    found = next((kind for kind, first in FIRST.items() if first in names), None)
    if found is None:
        raise ValueError(f"{file} is a state of neither {' nor '.join(FIRST)}")
    return found


def _no_pickle(file: Path) -> None:
    if file.suffix.lower() in _PICKLES:
        raise ValueError(f"{file} may be a pickle, which can run code; convert it to safetensors once, apart")


def fitted(kind: str, state: Mapping[str, Tensor]) -> nn.Module:
    """Return a network that holds a state, in evaluation mode.

    Raises:
        ValueError: tensors are missing, too many or of another shape.
    """
    state = {renamed(name): tensor for name, tensor in state.items()}
    first, last = FIRST[kind], LAST[kind]
    if first not in state or state[first].ndim != 4:
        raise ValueError(f"no tensor {first!r}, so this is no state of {kind}")
    channels = int(state[first].shape[1])
    has_last = f"{last}.weight" in state
    outputs = int(state[f"{last}.weight"].shape[0]) if has_last else 1
    network: nn.Module = (DenseNet121 if kind == "densenet121" else ResNet50)(channels, outputs)
    wanted = network.state_dict()
    left_out = {f"{last}.weight", f"{last}.bias"} if not has_last else set()
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(state) - left_out - counters)
    foreign = sorted(set(state) - set(wanted))
    if missing or foreign:
        shown = f"lacks {missing[:3]}" if missing else f"holds {foreign[:3]} besides"
        raise ValueError(f"the state {shown} ({len(missing)} missing, {len(foreign)} foreign), so it is not {kind}'s")
    wrong = [name for name in state if state[name].shape != wanted[name].shape]
    if wrong:
        have, want = tuple(state[wrong[0]].shape), tuple(wanted[wrong[0]].shape)
        raise ValueError(f"tensor {wrong[0]!r} has the shape {have}; {kind} has {want}")
    broken = [n for n, t in state.items() if t.is_floating_point() and not torch.isfinite(t).all()]
    if broken:
        raise ValueError(f"tensor {broken[0]!r} holds a value that is not finite")
    network.load_state_dict(dict(state), strict=False)
    return network.float().eval()


def renamed(name: str) -> str:
    """Return today's name of a tensor of an older state, without the prefix that a wrapper put before it."""
    name = name.removeprefix("module.")
    old = _OLD.match(name)
    return f"{old[1]}{old[2]}.{old[3]}" if old else name


def sha256_of_file(file: Path) -> str:
    """Return a file's hash, read in pieces."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _preparation(metadata: Mapping[str, str], network: nn.Module, kind: str, file: Path) -> Preparation:
    channels = int(network.get_parameter(FIRST[kind]).shape[1])
    plain = Preparation() if channels == 3 else Preparation(mean=(0.5,) * channels, sd=(1.0,) * channels)
    if "preparation" not in metadata:
        return plain
    try:
        how = Preparation.model_validate(json.loads(metadata["preparation"]))
    except (ValueError, ValidationError) as error:
        raise ValueError(f"{file}: its metadata's preparation does not validate: {error}") from None
    if how.channels != channels:
        raise ValueError(f"{file}: prepared for {how.channels} channels, but the network takes {channels}")
    return how
