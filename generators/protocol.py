"""The contract that every generator keeps, and the registry of the studio's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ..conditioning.record import Record


class Generator(Protocol):
    """Makes one record per condition; record i depends on its own condition and seed alone.

    Attributes:
        name: registry name.
        condition_type: pydantic model of one sample's condition.
        shard_size: default number of samples in a shard (a minute or less of work on 2 cores).
        formats: file formats its records can be written in, the default first.
    """

    name: ClassVar[str]
    condition_type: ClassVar[type[BaseModel]]
    shard_size: ClassVar[int]
    formats: ClassVar[tuple[str, ...]]

    def generate(self, conditions: Sequence[Any], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition, in order."""
        ...

    def config(self) -> dict[str, Any]:
        """Return the JSON-able settings that decide the output; they enter the config hash."""
        ...

    # A generator that was trained may also count its training images, field -> value -> number (ages by band, such as
    # `18-39`); a value that counts none is refused when a plan is made:
    #     def support(self) -> Mapping[str, Mapping[str, int]]: ...


MODEL_INDEX = "model_index.json"  # the file by which a trained generator's folder is known

# A line here is all that a new generator needs: name -> "module:Class".
GENERATORS: dict[str, str] = {
    "ecg": "clinsynth.generators.ecg:EcgSimulator",
    "ecg-diffusion": "clinsynth.generators.ecg.learned:EcgDiffusion",
    "mri": "clinsynth.generators.mri.wavelet:MriDiffusion",
    "mri-phantom": "clinsynth.generators.mri.phantom:BrainPhantom",
    "radiograph": "clinsynth.generators.radiograph.latent:RadiographDiffusion",
    "radiograph-sd": "clinsynth.generators.radiograph.stable_diffusion:RadiographStableDiffusion",
}

# Learned generators also have a recipe that `fit` trains them by, and a folder of presets beside it.
RECIPES: dict[str, str] = {
    "radiograph": "clinsynth.generators.radiograph.latent.recipe:RadiographDiffusionRecipe",
    "radiograph-autoencoder": "clinsynth.generators.radiograph.latent.autoencoder_recipe:RadiographAutoencoderRecipe",
    "ecg-diffusion": "clinsynth.generators.ecg.learned.recipe:EcgDiffusionRecipe",
    "mri": "clinsynth.generators.mri.wavelet.recipe:MriDiffusionRecipe",
    "radiograph-sd": "clinsynth.generators.radiograph.stable_diffusion.recipe:RadiographStableDiffusionRecipe",
}

# Model folders in a layout that is not the studio's own: the class that their index names -> the generator's name.
LAYOUTS: dict[str, str] = {
    "StableDiffusionPipeline": "radiograph-sd",
}


def check_seeds(conditions: Sequence[Any], seeds: Sequence[int]) -> None:
    """Refuse conditions that have not one seed each.

    Raises:
        ValueError: the sequences differ in length.
    """
    if len(conditions) != len(seeds):
        raise ValueError(f"{len(conditions)} conditions but {len(seeds)} seeds; one seed per condition is needed")


def generator_class(name: str) -> Any:
    """Return the generator class registered under `name`.

    Raises:
        ValueError: no such generator; the message names those that exist.
    """
    if name not in GENERATORS:
        raise ValueError(f"model {name!r} is not known; there are: {', '.join(sorted(GENERATORS))}")
    return _at(GENERATORS[name])


def pretrained_class(folder: Path) -> Any:
    """Return the learned generator's class whose model lies in a folder.

    Raises:
        ValueError: the folder has no `model_index.json`, or one of a model that is not the studio's.
    """
    index = folder / MODEL_INDEX
    try:
        name = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{folder} holds no model: {index.name} is missing or unreadable") from None
    own = (place for key, place in GENERATORS.items() if key in RECIPES and place.split(":")[1] == name)
    found = [GENERATORS[LAYOUTS[name]]] if name in LAYOUTS else list(own)
    if not found:
        raise ValueError(f"{index} is of a {name!r}, which is not one of the studio's learned generators")
    return _at(found[0])


def recipe_class(name: str) -> Any:
    """Return the recipe by which the learned generator `name` is trained.

    Raises:
        ValueError: no such learned generator; the message names those that exist.
    """
    if name not in RECIPES:
        raise ValueError(f"generator {name!r} is not one that is trained; there are: {', '.join(sorted(RECIPES))}")
    return _at(RECIPES[name])


def _at(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)
