"""A Stable Diffusion folder on the disk: read from there alone, never from a hub, and written as diffusers reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from .... import __version__
from ....conditioning.words import one_line
from ...diffusion.pretrained import CONFIG, INDEX, read_component, write_component
from .frame import Frame, latent_shape, own_size
from .layout import HASHES, KINDS, LORA, NETWORKS, PIPELINE, SCHEDULER_CONFIG, hashes
from .lora import Pairs, add_pairs, read_pairs, write_pairs
from .quiet import quiet
from .settings import SamplingConfig

_SAMPLING = "sampling"
_LEFT_OUT = ("feature_extractor", "image_encoder", "safety_checker")  # the pipeline can do without them


@dataclass(frozen=True)
class Parts:
    """What a folder holds.

    Attributes:
        unet: diffusers' UNet2DConditionModel.
        vae: diffusers' AutoencoderKL.
        text_encoder: transformers' CLIPTextModel.
        tokenizer: transformers' CLIPTokenizer.
        scheduler: content of `scheduler_config.json`.
        sampling: how the folder is to draw, where it says so.
    """

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: dict[str, Any]
    sampling: SamplingConfig | None = None

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Return the three networks by name."""
        return {name: getattr(self, name) for name in NETWORKS}

    @property
    def length(self) -> int:
        """Return how many tokens the text encoder takes, begin and end included."""
        return min(int(self.tokenizer.model_max_length), int(self.text_encoder.config.max_position_embeddings))

    def latent_shape(self, size: int | None) -> tuple[int, int, int]:
        """Return (channels, rows, cols) of the latent of a square image; None is the folder's own size.

        Raises:
            ValueError: the networks cannot halve the size as often as they do.
        """
        unet, vae = self.unet.config, self.vae.config
        return latent_shape(unet, vae, own_size(unet, vae) if size is None else size)


def read_folder(folder: Path) -> Parts:
    """Return the parts of a Stable Diffusion folder, in float32, with the pairs of its `lora` folder added.

    Raises:
        ValueError: a part is missing, damaged, changed, of another kind or a pickle; the message names it.
    """
    frame, sampling, pairs = Frame.read(folder), _sampling(folder), read_pairs(folder / LORA)
    networks = {name: frame.network(name) for name in NETWORKS}
    for name, layers in pairs.items():
        if name not in ("unet", "text_encoder"):
            raise ValueError(f"{folder / LORA}: {name!r} is no network that takes LoRA")
        add_pairs(networks[name], layers, str(folder / LORA))
    return Parts(**networks, tokenizer=frame.tokenizer, scheduler=frame.scheduler, sampling=sampling)


def write_folder(
    folder: Path, parts: Parts, sampling: SamplingConfig, pairs: Mapping[str, Pairs] | None = None
) -> None:
    """Write a folder that diffusers' pipeline loads as well.

    Args:
        folder: new or empty.
        parts: networks, tokenizer and scheduler.
        sampling: how it is to draw.
        pairs: LoRA matrices to keep beside the weights, component -> layer -> pair.

    Raises:
        ValueError: the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder; name a new one for the model")
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        for name in ("unet", "vae"):
            _whole(parts.networks[name]).save_pretrained(folder / name, safe_serialization=True)
        _write_text_encoder(folder / "text_encoder", parts.text_encoder)
        parts.tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "scheduler").mkdir()
    _write(folder / "scheduler" / SCHEDULER_CONFIG, parts.scheduler)
    write_component(folder, _SAMPLING, sampling.model_dump(mode="json"))
    if pairs:
        write_pairs(folder / LORA, pairs)
    _write(folder / INDEX, _index(folder, parts))


def _write_text_encoder(folder: Path, encoder: Any) -> None:
    """Write weights under the names that published folders have; transformers before 5 knows no others."""
    folder.mkdir()
    _write(folder / CONFIG, {**json.loads(encoder.config.to_json_string()), "architectures": ["CLIPTextModel"]})
    state = {
        name if name.startswith("text_model.") else f"text_model.{name}": value
        for name, value in encoder.state_dict().items()
    }
    save_file(
        {name: value.cpu().contiguous() for name, value in state.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def _index(folder: Path, parts: Parts) -> dict[str, Any]:
    import diffusers

    kinds = {name: ["transformers" if name == "text_encoder" else "diffusers", KINDS[name][0]] for name in NETWORKS}
    kinds |= {
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", parts.scheduler["_class_name"]],
    }
    return {
        "_class_name": PIPELINE,
        "_diffusers_version": diffusers.__version__,
        "_clinsynth_version": __version__,
        HASHES: hashes(folder),
        **kinds,
        **{name: [None, None] for name in _LEFT_OUT},
        "requires_safety_checker": False,
    }


def _whole(network: Any) -> Any:
    """Return the network with weights that lie in one piece, as safetensors wants them."""
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    return network


def _sampling(folder: Path) -> SamplingConfig | None:
    if not (folder / _SAMPLING).is_dir():
        return None
    try:
        return SamplingConfig.model_validate(read_component(folder, _SAMPLING))
    except ValidationError as error:
        raise ValueError(f"{folder / _SAMPLING / CONFIG}: {one_line(error, SamplingConfig)}") from error


def _write(path: Path, body: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
