"""One name for a network, one interface: `backbone("dinov2:DIR").encode(images)`.

`FOLDER` is a local folder that transformers reads, `FILE` a safetensors state; nothing is ever downloaded by us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from ...conditioning.record import Record
from ...conditioning.words import unknown

KINDS = {
    "studio": "the studio's own encoder, trained on your real training records",
    "dinov2": "a folder of DINOv2 (config.json, safetensors)",
    "rad-dino": "a folder of RAD-DINO, likewise",
    "vit": "a folder of another vision transformer, likewise",
    "densenet121": "a safetensors state of DenseNet-121",
    "resnet50": "a safetensors state of ResNet-50",
    "timm": "a network of timm, where you have it",
    "torchxrayvision": "a DenseNet-121 of torchxrayvision, where you have it",
}
_FOLDERS = ("dinov2", "rad-dino", "vit")


@dataclass(frozen=True)
class Backbone:
    """A network that turns records into rows of features.

    Attributes:
        name: as it was asked for, without the path's folders.
        sha256: of its weights (and, of a folder, its configuration).
        size: pixels along an edge that it sees; 0 where it takes records as they are.
        width: features a row.
        encode: images (n, y, x) or (n, 1 or 3, y, x) with values 0 to 1, or what `takes` says, to float32 (n, width).
        takes: `images`, `arrays` (any like the training ones) or `records`.
        standardise: whether its features are compared on the real ones' mean and spread, as the studio's own are.
    """

    name: str
    sha256: str
    size: int
    width: int
    encode: Callable[[Any], np.ndarray]
    takes: str = "images"
    standardise: bool = False

    @property
    def about(self) -> str:
        """Return name and hash, for a report."""
        return f"{self.name} (weights {self.sha256[:12]}, {self.width} features)"


def backbone(
    name: str, *, training: Num[np.ndarray, "n ..."] | Sequence[Record] | None = None, channels_first: bool = False,
    seed: int = 0, batch: int = 16, device: str = "cpu",
) -> Backbone:  # fmt: skip
    """Return a network by its name.

    Args:
        name: `studio`, `dinov2:FOLDER`, `rad-dino:FOLDER`, `vit:FOLDER`, `densenet121:FILE`, `resnet50:FILE`,
            `timm:NAME` or `torchxrayvision:NAME`.
        training: for `studio`, real records that it learns on: images (n, y, x), volumes (n, z, y, x) or, with
            `channels_first`, signals (n, leads, samples); or `Record`s with an `image`, or with a `signal` of twelve
            leads, for the encoders of radiographs and of ECGs.
        channels_first: whether the second axis of `training` is one of channels.
        seed: for `studio`, of its training.
        batch: images at once.
        device: where a published network computes.

    Raises:
        ValueError: a name that nobody knows, a missing file or folder, a pickle, a state of another network, or no
            records to learn on.
    """
    kind, _, rest = name.partition(":")
    if kind not in KINDS:
        raise ValueError(unknown("backbone", kind, list(KINDS)))
    if kind == "studio":
        if training is None:
            raise ValueError("the studio's own encoder learns on real training records; none are given")
        return _studio(training, channels_first, seed)
    if not rest:
        raise ValueError(f"backbone {name!r} names nothing behind the colon; {kind}: needs {KINDS[kind]}")
    if kind in _FOLDERS:
        return _folder(kind, Path(rest), batch, device)
    if kind in ("densenet121", "resnet50"):
        return _state(kind, Path(rest), batch, device)
    return _of_library(kind, rest, batch, device)


def _folder(kind: str, folder: Path, batch: int, device: str) -> Backbone:
    from .folders import encoder, read_folder

    network, how, digest = read_folder(folder)
    encode = encoder(network, how, batch=batch, device=device)
    return Backbone(f"{kind}:{folder.name}", digest, how.size[0], int(network.config.hidden_size), encode)


def _state(kind: str, file: Path, batch: int, device: str) -> Backbone:
    from .elsewhere import encoder
    from .states import read_state

    network, how, digest = read_state(kind, file)
    network.to(device)
    width = int(network.features_out)
    encode = encoder(network.embed, how, width, batch=batch, device=device)
    return Backbone(f"{kind}:{file.name}", digest, how.size[0], width, encode)


def _of_library(kind: str, name: str, batch: int, device: str) -> Backbone:
    from .elsewhere import encoder, timm_network, xrv_network

    network, how, digest = (timm_network if kind == "timm" else xrv_network)(name)
    network.to(device)
    embed = network if kind == "timm" else lambda x: network.features(x).relu().mean((2, 3))
    width = int(network.num_features) if kind == "timm" else 1024
    encode = encoder(embed, how, width, batch=batch, device=device)
    return Backbone(f"{kind}:{name}", digest, how.size[0], width, encode)


def _studio(training: Any, channels_first: bool, seed: int) -> Backbone:
    """Return the encoder of radiographs or ECGs for records, and the one of any arrays else."""
    if isinstance(training, np.ndarray):
        from ...generators.readout.contrastive import ContrastiveEncoder

        found = ContrastiveEncoder.trained(training, channels_first=channels_first, seed=seed)
        width = found.config.features
        return Backbone("studio", found.weights_sha256, 0, width, found.features, takes="arrays", standardise=True)
    if len(training) and "signal" in training[0].arrays:
        from ...generators.diffusion.pretrained import weights_sha256
        from ...generators.readout.ecg_encoder import FEATURES, EcgEncoder

        ecg = EcgEncoder.trained(training, seed=seed)
        digest = weights_sha256({"encoder": ecg.network})
        return Backbone("studio-ecg", digest, 0, FEATURES, _float32(ecg.features), takes="records", standardise=True)
    from ...generators.readout.radiograph import RadiographEncoder

    image = RadiographEncoder.trained(training, seed=seed)
    size, width = image.config.network.size, image.config.network.features
    encode = _float32(image.features)
    return Backbone("studio-radiograph", image.weights_sha256, size, width, encode, standardise=True)


def _float32(features: Callable[[Any], np.ndarray]) -> Callable[[Any], np.ndarray]:
    return lambda x: np.asarray(features(x), dtype=np.float32)
