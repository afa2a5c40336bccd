"""A Stable Diffusion folder: `model_index.json` and a folder per component, as diffusers' pipeline writes and reads it.

Read from the disk alone and never from a hub, safetensors only. Beside the pipeline's own parts the studio writes
`sampling/config.json`, and into the index the hash of each component's files, which are checked where they are there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from .... import __version__
from ....conditioning.words import one_line
from ...diffusion.pretrained import CONFIG, INDEX, read_component, read_json, refuse_pickles, write_component
from . import lora
from .settings import SamplingConfig

os.environ.setdefault("DIFFUSERS_DISABLE_REMOTE_CODE", "true")  # read when diffusers is first imported

PIPELINE = "StableDiffusionPipeline"
SAMPLING = "sampling"
SCHEDULER_CONFIG = "scheduler_config.json"
_HASHES = "_clinsynth_sha256"
_KINDS: dict[str, tuple[str, ...]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler": (),
}
_NETWORKS = ("unet", "vae", "text_encoder")
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
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}

    @property
    def own_size(self) -> int:
        """Return the rows and columns in pixels that the U-Net was made for."""
        return int(self.unet.config.sample_size) * self.shrink

    @property
    def shrink(self) -> int:
        """Return how many pixels a side of a latent's cell has."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def latent_shape(self, size: int | None) -> tuple[int, int, int]:
        """Return (channels, rows, cols) of the latent of a square image; None is the folder's own size.

        Raises:
            ValueError: the networks cannot halve the size as often as they do.
        """
        pixels = self.own_size if size is None else size
        step = self.shrink * 2 ** (len(self.unet.config.block_out_channels) - 1)
        if pixels % step:
            raise ValueError(f"size = {pixels}: this model needs a multiple of {step} pixels")
        return int(self.vae.config.latent_channels), pixels // self.shrink, pixels // self.shrink


def read_folder(folder: Path) -> Parts:
    """Return the parts of a Stable Diffusion folder, in float32, with the pairs of its `lora` folder added.

    Raises:
        ValueError: a part is missing, damaged, changed, of another kind or a pickle; the message names it.
    """
    index = read_index(folder)
    loaded = {name: _network(folder, name) for name in _NETWORKS}
    parts = Parts(**loaded, tokenizer=_tokenizer(folder), scheduler=_scheduler(folder, index), sampling=_sampling(folder))
    _check_fit(folder, parts)
    for name, pairs in lora.read_pairs(folder).items():
        if name not in ("unet", "text_encoder"):
            raise ValueError(f"{folder / lora.FOLDER}: {name!r} is no network that takes LoRA")
        lora.add_pairs(loaded[name], pairs, str(folder / lora.FOLDER))
    return parts


def read_index(folder: Path) -> dict[str, Any]:
    """Return the index of a folder whose files are there, unchanged and no pickles; nothing is loaded.

    Raises:
        ValueError: a part is missing, changed, of another kind or a pickle; the message names it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a Stable Diffusion model is a local folder with {INDEX}")
    refuse_pickles(folder)
    index = read_json(folder / INDEX)
    if index.get("_class_name") != PIPELINE:
        raise ValueError(f"{folder / INDEX}: a model of {index.get('_class_name')!r}; {PIPELINE!r} is needed")
    for name, kinds in _KINDS.items():
        entry = index.get(name)
        kind = entry[-1] if isinstance(entry, list) and entry else None
        if not isinstance(kind, str) or (kinds and kind not in kinds):
            needed = kinds[0] if kinds else "diffusers scheduler"
            raise ValueError(f"{folder / INDEX}: component {name!r} is {entry!r}; a {needed} is needed")
        if not (folder / name).is_dir():
            raise ValueError(f"{folder / name} is missing")
    for name, digest in (index.get(_HASHES) or {}).items():
        if files_sha256(folder / name) != digest:
            raise ValueError(f"{folder / name} is not as it was saved: its hash has changed")
    return index


def files_sha256(component: Path) -> str:
    """Return a hash of a component's files, names and bytes."""
    digest = hashlib.sha256()
    for path in sorted(component.glob("*")):
        if path.is_file() and not path.name.startswith("."):
            with open(path, "rb") as file:
                digest.update(f"{path.name}\x1f{hashlib.file_digest(file, 'sha256').hexdigest()}\x1e".encode())
    return digest.hexdigest()


def folder_sha256(folder: Path) -> str:
    """Return a hash of all that decides what a folder draws, but for its sampling."""
    names = [*_KINDS, *([lora.FOLDER] if (folder / lora.FOLDER).is_dir() else [])]
    lines = (f"{name}\x1f{files_sha256(folder / name)}" for name in names)
    return hashlib.sha256("\x1e".join(lines).encode()).hexdigest()


def write_folder(
    folder: Path, parts: Parts, sampling: SamplingConfig, pairs: Mapping[str, Mapping[str, Any]] | None = None
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
    for name, network in parts.networks.items():
        _whole(network).save_pretrained(folder / name, safe_serialization=True)
    parts.tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "scheduler").mkdir()
    _write(folder / "scheduler" / SCHEDULER_CONFIG, parts.scheduler)
    write_component(folder, SAMPLING, sampling.model_dump(mode="json"))
    if pairs:
        lora.write_pairs(folder, pairs)
    _write(folder / INDEX, _index(folder, parts))


def _index(folder: Path, parts: Parts) -> dict[str, Any]:
    import diffusers

    kinds = {name: ["transformers" if name == "text_encoder" else "diffusers", _KINDS[name][0]] for name in _NETWORKS}
    kinds |= {"tokenizer": ["transformers", "CLIPTokenizer"], "scheduler": ["diffusers", parts.scheduler["_class_name"]]}
    hashed = [name for name in (*_KINDS, lora.FOLDER) if (folder / name).is_dir()]
    return {
        "_class_name": PIPELINE,
        "_diffusers_version": diffusers.__version__,
        "_clinsynth_version": __version__,
        _HASHES: {name: files_sha256(folder / name) for name in hashed},
        **kinds,
        **{name: [None, None] for name in _LEFT_OUT},
        "requires_safety_checker": False,
    }


def _whole(network: Any) -> Any:
    """Return the network with weights that lie in one piece, as safetensors wants them."""
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    return network


def _network(folder: Path, name: str) -> Any:
    import diffusers
    import transformers

    kind = _KINDS[name][0]
    config = read_component(folder, name)
    said = config.get("_class_name") or (config.get("architectures") or [kind])[0]
    if said != kind:
        raise ValueError(f"{folder / name / CONFIG}: a {said}; a {kind} is needed")
    cls = getattr(transformers if name == "text_encoder" else diffusers, kind)
    network, info = _loading(folder / name, lambda: cls.from_pretrained(folder / name, **_how(folder / name)))
    if missing := sorted(info["missing_keys"]):
        raise ValueError(f"{folder / name} lacks the weights of {missing[0]} ({len(missing)} missing)")
    return network.float().eval().requires_grad_(False)


def _how(component: Path) -> dict[str, Any]:
    """Return how to open a component's weights: half-precision ones where no others are there."""
    files = sorted(component.glob("*.safetensors"))
    if not files:
        raise ValueError(f"{component} has no weights: *.safetensors is missing")
    half = all(".fp16." in path.name for path in files)
    always = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
    return always | ({"variant": "fp16"} if half else {})


def _loading(component: Path, load: Callable[[], Any]) -> Any:
    """Load without chatter, and say in one line what cannot be."""
    import diffusers
    import transformers
    from safetensors import SafetensorError

    before = diffusers.utils.logging.get_verbosity(), transformers.utils.logging.get_verbosity()
    bars = transformers.utils.logging.is_progress_bar_enabled()
    diffusers.utils.logging.set_verbosity_error(), transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        return load()
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        said = " ".join(str(error).split())[:300]
        raise ValueError(f"{component} cannot be loaded: {said}") from None
    finally:
        diffusers.utils.logging.set_verbosity(before[0]), transformers.utils.logging.set_verbosity(before[1])
        if bars:
            transformers.utils.logging.enable_progress_bar()


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    component = folder / "tokenizer"
    names = {path.name for path in component.iterdir()}
    if not ({"vocab.json", "merges.txt"} <= names or "tokenizer.json" in names):
        raise ValueError(f"{component} has neither vocab.json and merges.txt nor tokenizer.json")
    return _loading(component, lambda: CLIPTokenizer.from_pretrained(component, local_files_only=True))


def _scheduler(folder: Path, index: Mapping[str, Any]) -> dict[str, Any]:
    config = read_json(folder / "scheduler" / SCHEDULER_CONFIG)
    return {**config, "_class_name": config.get("_class_name") or index["scheduler"][-1]}


def _sampling(folder: Path) -> SamplingConfig | None:
    if not (folder / SAMPLING).is_dir():
        return None
    try:
        return SamplingConfig.model_validate(read_component(folder, SAMPLING))
    except ValidationError as error:
        raise ValueError(f"{folder / SAMPLING / CONFIG}: {one_line(error, SamplingConfig)}") from error


def _check_fit(folder: Path, parts: Parts) -> None:
    unet, vae, text = parts.unet.config, parts.vae.config, parts.text_encoder.config
    pairs = (
        ("unet in_channels", unet.in_channels, "vae latent_channels", vae.latent_channels),
        ("unet out_channels", unet.out_channels, "vae latent_channels", vae.latent_channels),
        ("unet cross_attention_dim", unet.cross_attention_dim, "text_encoder hidden_size", text.hidden_size),
    )
    for one, a, other, b in pairs:
        if a != b:
            raise ValueError(f"{folder}: {one} is {a} and {other} is {b}; they do not belong together")
    if len(parts.tokenizer) > text.vocab_size:
        raise ValueError(f"{folder}: the tokenizer has {len(parts.tokenizer)} tokens, text_encoder {text.vocab_size}")


def _write(path: Path, body: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
