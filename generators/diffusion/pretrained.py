"""The folder of a learned generator: an index, and a folder per component with its settings and weights.

The layout is that of diffusers: `model_index.json`, `NAME/config.json`, `NAME/diffusion_pytorch_model.safetensors`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ... import __version__
from ...conditioning.words import one_line
from ..protocol import MODEL_INDEX as INDEX

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
_Config = TypeVar("_Config", bound=BaseModel)
_PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"})


def write_index(folder: Path, generator: str, components: Mapping[str, str]) -> None:
    """Write `model_index.json` into a new or empty folder.

    Args:
        folder: of the generator.
        generator: its class name.
        components: component name -> class name.

    Raises:
        ValueError: the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder; name a new one for the model")
    folder.mkdir(parents=True, exist_ok=True)
    body = {"_class_name": generator, "_clinsynth_version": __version__}
    _write_json(folder / INDEX, body | {name: ["clinsynth", kind] for name, kind in components.items()})


def read_index(folder: Path, generator: str, components: Mapping[str, str]) -> None:
    """Check that a folder holds such a generator, and no pickle.

    Raises:
        ValueError: no such folder or index, another generator's, or a pickle among its files; the message names it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a model is a folder with {INDEX}")
    refuse_pickles(folder)
    body = read_json(folder / INDEX)
    if body.get("_class_name") != generator:
        raise ValueError(f"{folder / INDEX}: a model of {body.get('_class_name')!r}; {generator!r} is needed")
    for name, kind in components.items():
        entry = body.get(name)
        if not isinstance(entry, list) or entry[-1:] != [kind]:
            raise ValueError(f"{folder / INDEX}: component {name!r} is {entry!r}; a {kind!r} is needed")


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder with files that could run code when opened.

    Raises:
        ValueError: there is one; the message names it.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICKLES:
            raise ValueError(f"{path} may be a pickle, which can run code; a model's weights are safetensors only")


def write_component(
    folder: Path, name: str, config: Mapping[str, Any], network: nn.Module | None = None,
    *, file: str = CONFIG, half: bool = False,
) -> None:  # fmt: skip
    """Write a component's settings and, where it has any, its weights, in half precision if asked for."""
    (folder / name).mkdir()
    _write_json(folder / name / file, config)
    if network is not None:
        state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
        if half:
            state = {key: value.half() if value.dtype.is_floating_point else value for key, value in state.items()}
        save_file(state, folder / name / WEIGHTS, metadata={"format": "pt"})


def component_config(network: Any) -> dict[str, Any]:
    """Return the settings of a network of diffusers, as it writes them, without its private notes."""
    own = {key: value for key, value in dict(network.config).items() if not key.startswith("_")}
    return {"_class_name": type(network).__name__} | own


def read_component(folder: Path, name: str) -> dict[str, Any]:
    """Return a component's settings.

    Raises:
        ValueError: they are missing or no JSON object.
    """
    return read_json(folder / name / CONFIG)


def checked_config(kind: type[_Config], body: Mapping[str, Any], folder: Path) -> _Config:
    """Return settings that were read from a folder.

    Raises:
        ValueError: they are not of this kind; one line that begins with the folder.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise ValueError(f"{folder}: {one_line(error, kind)}") from error


def read_weights(folder: Path, name: str, network: nn.Module) -> None:
    """Fill a component's network with its weights.

    Raises:
        ValueError: the weights are missing, damaged, or those of another network.
    """
    path = folder / name / WEIGHTS
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        network.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit {folder / name / CONFIG}: {' '.join(str(error).split())}") from error


def halved(networks: Mapping[str, nn.Module]) -> None:
    """Round all weights to half precision in place, so that a folder of half the size holds them exactly."""
    with torch.no_grad():
        for network in networks.values():
            for p in network.parameters():
                p.copy_(p.half().float())


def weights_sha256(networks: Mapping[str, nn.Module]) -> str:
    """Return a hash of all weights: names, shapes, types and bytes; the same before saving and after loading."""
    digest = hashlib.sha256()
    for name in sorted(networks):
        for key, value in sorted(networks[name].state_dict().items()):
            whole = value.detach().cpu().contiguous()
            digest.update(json.dumps([name, key, str(whole.dtype), list(whole.shape)]).encode())
            digest.update(whole.numpy().tobytes())
    return digest.hexdigest()


def _write_json(path: Path, body: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ValueError: the file is missing or holds no JSON object.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise ValueError(f"{path} is no JSON object")
    return body
