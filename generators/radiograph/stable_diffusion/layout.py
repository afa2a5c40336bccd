"""The layout of a Stable Diffusion folder, checked before anything in it is loaded.

`model_index.json` and a folder per component, as diffusers' pipeline writes them. Beside those the studio writes
`sampling/config.json`, and into the index the hash of each component's files, which are checked where they are there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ...diffusion.pretrained import INDEX, read_json, refuse_pickles

PIPELINE = "StableDiffusionPipeline"
SCHEDULER_CONFIG = "scheduler_config.json"
LORA = "lora"
HASHES = "_clinsynth_sha256"  # diffusers leaves keys with an underscore alone
NETWORKS = ("unet", "vae", "text_encoder")
KINDS: dict[str, tuple[str, ...]] = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "scheduler": (),
}


def read_index(folder: Path) -> dict[str, Any]:
    """Return the index of a folder whose parts are there, unchanged and no pickles.

    Raises:
        ValueError: a part is missing, changed, of another kind or a pickle; the message names it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a Stable Diffusion model is a local folder with {INDEX}")
    refuse_pickles(folder)
    index = read_json(folder / INDEX)
    if index.get("_class_name") != PIPELINE:
        raise ValueError(f"{folder / INDEX}: a model of {index.get('_class_name')!r}; {PIPELINE!r} is needed")
    for name, kinds in KINDS.items():
        entry = index.get(name)
        kind = entry[-1] if isinstance(entry, list) and entry else None
        if not isinstance(kind, str) or (kinds and kind not in kinds):
            needed = kinds[0] if kinds else "diffusers scheduler"
            raise ValueError(f"{folder / INDEX}: component {name!r} is {entry!r}; a {needed} is needed")
        if not (folder / name).is_dir():
            raise ValueError(f"{folder / name} is missing")
    for name, digest in (index.get(HASHES) or {}).items():
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


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each component that decides what the folder draws, but for its sampling."""
    return {name: files_sha256(folder / name) for name in (*KINDS, LORA) if (folder / name).is_dir()}
