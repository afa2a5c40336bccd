"""Networks of libraries that only some users have: imported when named, in their own environment, never needed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...generators.diffusion.pretrained import weights_sha256
from .preparing import Preparation, prepared


def library(name: str) -> Any:
    """Return a library that the user has.

    Raises:
        ValueError: it is not installed, or cannot be imported; in one line.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ValueError(
            f"{name} is not in this environment ({error}); install it there yourself, or convert its weights once"
        ) from None
    except RuntimeError as error:  # a torchvision that does not match torch fails so
        raise ValueError(f"{name} cannot be imported: {str(error).splitlines()[0]}") from None


def timm_network(name: str) -> tuple[Any, Preparation, str]:
    """Return a network of timm without its last layer, how images are prepared for it, and the hash of its weights.

    Weights are those that the user's own cache holds; none are downloaded.

    Raises:
        ValueError: timm is not there, or does not know the name or has not its weights.
    """
    timm = library("timm")
    try:
        with _offline():
            network = timm.create_model(name, pretrained=True, num_classes=0).eval()
        data = timm.data.resolve_model_data_config(network)
    except Exception as error:  # noqa: BLE001  # whatever it raises is the user's to see in one line
        raise ValueError(f"timm cannot make {name!r}: {str(error).splitlines()[0]}") from None
    _, height, width = data["input_size"]
    mode = data.get("interpolation", "bicubic")
    how = Preparation(size=(height, width), mode=mode, mean=tuple(data["mean"]), sd=tuple(data["std"]))
    return network, how, weights_sha256({"network": network})


def xrv_network(name: str) -> tuple[Any, Preparation, str]:
    """Return a DenseNet-121 of torchxrayvision, prepared for (values -1024 to 1024), and the hash of its weights.

    Its weights are pickles of the library's own; `benchmarks/convert_torchxrayvision.py` makes a safetensors state of
    them once, which needs the library no more.

    Raises:
        ValueError: the library is not there, or does not know the name.
    """
    xrv = library("torchxrayvision")
    known = getattr(xrv.models, "model_urls", {})
    if name in known:
        file = Path("~/.torchxrayvision/models_data").expanduser() / Path(known[name]["weights_url"]).name
        if not file.is_file():
            raise ValueError(f"torchxrayvision has not downloaded {name!r} ({file.name}); let it do so yourself first")
    try:
        network = xrv.models.DenseNet(weights=name).eval()
    except Exception as error:  # noqa: BLE001
        raise ValueError(f"torchxrayvision cannot make {name!r}: {str(error).splitlines()[0]}") from None
    how = Preparation(size=(224, 224), mode="bilinear", mean=(0.5,), sd=(1 / 2048,))
    return network, how, weights_sha256({"network": network})


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub's library to what its cache holds."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def encoder(
    embed: Callable[[torch.Tensor], torch.Tensor], how: Preparation, width: int, *, batch: int = 32, device: str = "cpu"
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of images that gives a network's features, (n, d) in float32.

    Args:
        embed: (b, c, h, w) -> (b, d).
        how: how images are prepared.
        width: d, for no images.
        batch: images at once.
        device: where it computes.
    """

    def encode(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            rows = [
                embed(prepared(images[k : k + batch], how).to(device)).float().cpu()
                for k in range(0, len(images), batch)
            ]
        return torch.cat(rows).numpy() if rows else np.empty((0, width), np.float32)

    return encode
