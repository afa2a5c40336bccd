"""A Stable Diffusion folder before its networks are loaded: settings that fit together, tokenizer, and each network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...diffusion.pretrained import CONFIG, read_component, read_json
from .layout import KINDS, NETWORKS, SCHEDULER_CONFIG, read_index
from .quiet import quiet

os.environ.setdefault("DIFFUSERS_DISABLE_REMOTE_CODE", "true")  # read when diffusers is first imported


@dataclass(frozen=True)
class Frame:
    """What a folder says of itself.

    Attributes:
        folder: on the disk; nothing is ever looked for elsewhere.
        configs: `config.json` of each network.
        scheduler: content of `scheduler_config.json`.
        tokenizer: transformers' CLIPTokenizer.
    """

    folder: Path
    configs: Mapping[str, Mapping[str, Any]]
    scheduler: dict[str, Any]
    tokenizer: Any

    @classmethod
    def read(cls, folder: Path) -> Frame:
        """Return a folder's frame.

        Raises:
            ValueError: a part is missing, damaged, changed, of another kind or a pickle, or two parts do not belong
                together; the message names it.
        """
        index = read_index(folder)
        scheduler = read_json(folder / "scheduler" / SCHEDULER_CONFIG)
        scheduler = {**scheduler, "_class_name": scheduler.get("_class_name") or index["scheduler"][-1]}
        frame = cls(folder, {name: _config(folder, name) for name in NETWORKS}, scheduler, _tokenizer(folder))
        frame._check()
        return frame

    @property
    def size(self) -> int:
        """Return the rows and columns in pixels that the U-Net was made for."""
        return own_size(self.configs["unet"], self.configs["vae"])

    @property
    def length(self) -> int:
        """Return how many tokens the text encoder takes, begin and end included."""
        positions = int(self.configs["text_encoder"].get("max_position_embeddings", 77))
        return min(int(self.tokenizer.model_max_length), positions)

    def latent_shape(self, size: int) -> tuple[int, int, int]:
        """Return (channels, rows, cols) of the latent of a square image.

        Raises:
            ValueError: the networks cannot halve the size as often as they do.
        """
        return latent_shape(self.configs["unet"], self.configs["vae"], size)

    def network(self, name: str) -> Any:
        """Return a network in float32 and evaluation mode, its weights held still.

        Raises:
            ValueError: weights are missing, damaged, a pickle, or those of another network.
        """
        import diffusers
        import transformers

        component, kind = self.folder / name, KINDS[name][0]
        cls = getattr(transformers if name == "text_encoder" else diffusers, kind)
        network, info = _loaded(component, lambda: cls.from_pretrained(component, **_how(component)))
        if missing := sorted(info["missing_keys"]):
            raise ValueError(f"{component} lacks the weights of {missing[0]} ({len(missing)} missing)")
        with quiet():
            return network.float().eval().requires_grad_(False)

    def _check(self) -> None:
        unet, vae, text = (self.configs[name] for name in NETWORKS)
        for key, other, of, b in (
            ("in_channels", "vae", "latent_channels", vae.get("latent_channels")),
            ("out_channels", "vae", "latent_channels", vae.get("latent_channels")),
            ("cross_attention_dim", "text_encoder", "hidden_size", text.get("hidden_size")),
        ):
            a = unet.get(key)
            if a is None or a != b:
                raise ValueError(
                    f"{self.folder}: unet {key} is {a} and {other} {of} is {b}; they do not belong together"
                )
        words, rows = len(self.tokenizer), int(text.get("vocab_size", 0))
        if words > rows:
            raise ValueError(f"{self.folder}: tokenizer has {words} tokens and text_encoder {rows}")


def own_size(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> int:
    """Return the rows and columns in pixels that a U-Net was made for."""
    return int(unet["sample_size"]) * _shrink(vae)


def latent_shape(unet: Mapping[str, Any], vae: Mapping[str, Any], size: int) -> tuple[int, int, int]:
    """Return (channels, rows, cols) of the latent of a square image of `size` pixels a side.

    Raises:
        ValueError: the networks cannot halve the size as often as they do.
    """
    step = _shrink(vae) * 2 ** (len(unet["block_out_channels"]) - 1)
    if size % step:
        raise ValueError(f"size = {size}: this model needs a multiple of {step} pixels")
    return int(vae["latent_channels"]), size // _shrink(vae), size // _shrink(vae)


def _shrink(vae: Mapping[str, Any]) -> int:
    """Return how many pixels a side of a latent's cell has."""
    return int(2 ** (len(vae["block_out_channels"]) - 1))


def _config(folder: Path, name: str) -> dict[str, Any]:
    config, kind = read_component(folder, name), KINDS[name][0]
    said = config.get("_class_name") or (config.get("architectures") or [kind])[0]
    if said != kind:
        raise ValueError(f"{folder / name / CONFIG}: a {said}; a {kind} is needed")
    needed = {"unet": ("sample_size", "block_out_channels"), "vae": ("block_out_channels",)}.get(name, ())
    for key in needed:
        if key not in config:
            raise ValueError(f"{folder / name / CONFIG}: {key} is missing")
    return config


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    component = folder / "tokenizer"
    names = {path.name for path in component.iterdir()}
    if not ({"vocab.json", "merges.txt"} <= names or "tokenizer.json" in names):
        raise ValueError(f"{component} has neither vocab.json and merges.txt nor tokenizer.json")
    return _loaded(component, lambda: CLIPTokenizer.from_pretrained(component, local_files_only=True))


def _how(component: Path) -> dict[str, Any]:
    """Return how to open a component's weights: those in half precision where no others are there."""
    files = sorted(component.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{component} has no weights: *.safetensors is missing")
    half = all(".fp16." in path.name for path in files)
    always = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    return always | ({"variant": "fp16"} if half else {})


def _loaded(component: Path, load: Callable[[], Any]) -> Any:
    """Return what `load` does, or say in one line what cannot be."""
    from safetensors import SafetensorError

    try:
        with quiet():
            return load()
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise ValueError(f"{component} cannot be loaded: {' '.join(str(error).split())[:300]}") from None
