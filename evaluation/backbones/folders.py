"""Published vision transformers from local folders, read by transformers: DINOv2, RAD-DINO, ViT and their kin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num

from ...generators.diffusion.pretrained import refuse_pickles
from .preparing import Preparation, preparation, prepared
from .states import sha256_of_file

KINDS = ("dinov2", "dinov2_with_registers", "vit", "dinov3_vit", "clip_vision_model", "siglip_vision_model")
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"


def read_folder(folder: Path, *, image_size: int | None = None) -> tuple[Any, Preparation, str]:
    """Return a transformer in evaluation mode, how images are prepared for it, and a hash of configuration and weights.

    Args:
        folder: with `config.json`, safetensors and, as a rule, `preprocessor_config.json`.
        image_size: pixels along an edge, in place of what the folder says.

    Raises:
        ValueError: no such folder, a pickle in it, no safetensors, or a model of a kind that is not known.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a published network is one with {CONFIG} and safetensors")
    refuse_pickles(folder)
    config = _json(folder / CONFIG)
    kind = config.get("model_type")
    if kind not in KINDS:
        raise ValueError(f"{folder / CONFIG}: model_type is {kind!r}; {', '.join(KINDS)} are known")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ValueError(f"{folder} holds no safetensors; weights in another form are not read")
    from transformers import AutoModel

    try:
        network = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be read: {str(error).splitlines()[0]}") from None
    stated = _json(folder / PREPROCESSOR) if (folder / PREPROCESSOR).is_file() else {}
    how = preparation(stated, int(image_size or config.get("image_size", 224)))
    if image_size:
        how = how.model_copy(update={"shortest": None, "size": (image_size, image_size)})
    digest = hashlib.sha256()
    for file in (folder / CONFIG, *weights):
        digest.update(f"{file.name} {sha256_of_file(file)}\n".encode())
    return network.eval(), how, digest.hexdigest()


def encoder(
    network: Any, how: Preparation, *, batch: int = 16, device: str = "cpu"
) -> Callable[[Num[np.ndarray, "n ..."]], Float[np.ndarray, "n d"]]:
    """Return a function of images that gives the class token after the last norm.

    Args:
        network: of `read_folder`.
        how: how images are prepared.
        batch: images at once.
        device: where it computes.
    """
    network.to(device)

    def encode(images: np.ndarray) -> np.ndarray:
        rows = []
        with torch.inference_mode():
            for k in range(0, len(images), batch):
                x = prepared(images[k : k + batch], how).to(device)
                rows.append(_token(network, x).float().cpu())
        width = int(network.config.hidden_size)
        return torch.cat(rows).numpy() if rows else np.empty((0, width), np.float32)

    return encode


def _token(network: Any, x: torch.Tensor) -> torch.Tensor:
    if network.config.model_type == "vit":
        out: torch.Tensor = network(x, interpolate_pos_encoding=True).last_hidden_state[:, 0]
        return out
    found = network(x)
    token: torch.Tensor = found.last_hidden_state[:, 0] if found.pooler_output is None else found.pooler_output
    return token


def _json(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(body, dict):
        raise ValueError(f"{path} holds no settings")
    return body
