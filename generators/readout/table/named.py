"""Networks by name: the studio's own, MONAI's, those of a local folder that transformers reads, and timm's.

    small                     a small CNN, or a small U-Net where something is said at each place
    monai:DenseNet121         any class of `monai.networks.nets` that takes axes, channels and outputs
    transformers:FOLDER       config.json and safetensors; nothing is downloaded and no code of the folder is run
    timm:resnet18             where timm is installed; weights are not loaded

Libraries are imported when they are named. Batch norms become group norms: a network has no state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .networks import CONV, SmallBody, SmallUNet, Standard, TableNetwork, grouped
from .rows import DENSE, KINDS, Kind

LABEL_WIDTH, MAP_WIDTH = 64, 16
COARSE_FROM = 48  # pixels: below it a stride of 4 at the start leaves too little
_OUTPUTS = ("out_channels", "num_classes", "n_classes", "classes")
_UNET = {"channels": (16, 32, 64), "strides": (2, 2)}


def network(
    name: str, task: Kind, channels: int, classes: int, dims: int, *, shape: Sequence[int], standard: Standard = "image"
) -> TableNetwork:
    """Return a network with weights drawn from torch's state (those of a folder aside).

    Args:
        name: `small`, `monai:CLASS`, `transformers:FOLDER` or `timm:NAME`.
        task: what it tells.
        channels: of a sample.
        classes: classes, labels, or 1 for a number.
        dims: axes of space.
        shape: length of each axis.
        standard: see `TableNetwork`.

    Raises:
        ValueError: a name that is not known, a library that is missing, or a network that does not fit.
    """
    if task not in KINDS or dims not in CONV:
        raise ValueError(f"no network for task {task!r} with {dims} axes; tasks are {', '.join(KINDS)}, axes 1 to 3")
    prefix, _, rest = name.partition(":")
    if prefix not in BODIES or (prefix == "small") != (not rest):
        known = "small, monai:CLASS, transformers:FOLDER, timm:NAME"
        raise ValueError(f"network {name!r} is not known; give one of {known}")
    body = BODIES[prefix](rest, task, channels, dims, tuple(shape))
    return TableNetwork(body, task, classes, dims, standard)


class Named(nn.Module):
    """A body out of a library, with how many features it gives."""

    def __init__(self, module: nn.Module, width: int) -> None:
        super().__init__()
        self.module, self.width = module, width

    def forward(self, x: Tensor) -> Tensor:
        out = self.module(x)
        return out[0] if isinstance(out, (tuple, list)) else out


class Tokens(nn.Module):
    """A vision transformer as a body: the mean of its tokens, or its tokens as a map."""

    def __init__(self, model: nn.Module, channels: int, dense: bool) -> None:
        super().__init__()
        config: Any = model.config
        self.model, self.dense, self.width = model, dense, int(config.hidden_size)
        self.size, self.patch = int(config.image_size), int(config.patch_size)
        self.adapt = nn.Conv2d(channels, int(getattr(config, "num_channels", 3)), 1, bias=False)
        nn.init.constant_(self.adapt.weight, 1 / channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(self.adapt(x), (self.size, self.size), mode="bilinear")
        tokens = self.model(pixel_values=x).last_hidden_state
        side = self.size // self.patch
        tokens = tokens[:, -side * side :]
        if not self.dense:
            mean: Tensor = tokens.mean(1)
            return mean
        maps: Tensor = tokens.transpose(1, 2).reshape(len(x), self.width, side, side)
        return maps


def _small(rest: str, task: Kind, channels: int, dims: int, shape: tuple[int, ...]) -> nn.Module:
    if task in DENSE:
        return SmallUNet(channels, dims, stride=2 if task == "detection" else 1)
    return SmallBody(channels, dims, coarse=min(shape) >= COARSE_FROM)


def _monai(rest: str, task: Kind, channels: int, dims: int, shape: tuple[int, ...]) -> nn.Module:
    nets = _library("monai.networks.nets", "monai", 'pip install "clinsynth[monai]"')
    kind = getattr(nets, rest, None)
    if not inspect.isclass(kind) or not issubclass(kind, nn.Module):
        raise ValueError(f"MONAI has no network {rest!r}; give a class of monai.networks.nets, such as DenseNet121")
    width = MAP_WIDTH if task in DENSE else LABEL_WIDTH
    names = _arguments(kind)
    given: dict[str, Any] = {"spatial_dims": dims, "in_channels": channels, "img_size": shape, "classification": True}
    given |= {name: width for name in _OUTPUTS}
    if {"channels", "strides"} <= names:
        given |= _UNET
    try:
        made = kind(**{k: v for k, v in given.items() if k in names})
        out = _tried(made, channels, shape)
    except Exception as error:
        raise ValueError(f"network monai:{rest} cannot be made: {_line(error)}") from error
    if (out.ndim > 2) != (task in DENSE) or out.shape[1] != width:
        raise ValueError(
            f"network monai:{rest} gives {tuple(out.shape)} for one sample, which is not what {task} needs"
        )
    return Named(grouped(made), width)


def _arguments(kind: Any) -> set[str]:
    """Return what a class takes; that of its parent where it passes on what it is given, as `DenseNet121` does."""
    own = set(inspect.signature(kind.__init__).parameters)
    parent = inspect.signature(kind.__mro__[1].__init__).parameters
    return own if own & set(_OUTPUTS) else own | set(parent)


def _transformers(rest: str, task: Kind, channels: int, dims: int, shape: tuple[int, ...]) -> nn.Module:
    folder = Path(rest)
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise ValueError(f"{rest} is no folder with config.json and safetensors")
    if dims != 2:
        raise ValueError(f"network transformers:{rest} reads images; the samples have {dims} axes")
    library = _library("transformers", "transformers", "pip install transformers")
    try:
        model = library.AutoModel.from_pretrained(
            rest, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        return Tokens(model, channels, task in DENSE)
    except Exception as error:
        raise ValueError(f"network transformers:{rest} cannot be read: {_line(error)}") from error


def _timm(rest: str, task: Kind, channels: int, dims: int, shape: tuple[int, ...]) -> nn.Module:
    if dims != 2 or task in DENSE:
        raise ValueError(f"network timm:{rest} sums up images; the task is {task} with {dims} axes")
    library = _library("timm", "timm", "install it in your own environment")
    try:
        made = library.create_model(rest, pretrained=False, in_chans=channels, num_classes=0)
    except Exception as error:
        raise ValueError(f"network timm:{rest} cannot be made: {_line(error)}") from error
    return Named(grouped(made), int(made.num_features))


BODIES: Mapping[str, Callable[[str, Kind, int, int, tuple[int, ...]], nn.Module]] = {
    "small": _small, "monai": _monai, "transformers": _transformers, "timm": _timm,
}  # fmt: skip


def _library(module: str, name: str, remedy: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"{name} is not installed or does not import ({_line(error)}); {remedy}") from error


def _tried(module: nn.Module, channels: int, shape: tuple[int, ...]) -> Tensor:
    with torch.no_grad():
        out = module.eval()(torch.zeros(1, channels, *shape))
    module.train()
    first: Tensor = out[0] if isinstance(out, (tuple, list)) else out
    return first


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
