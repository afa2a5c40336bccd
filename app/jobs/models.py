"""The generators that can be asked, and what they can be asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .support import counted_of


class Control(BaseModel):
    """Quality control of what a generator draws.

    Attributes:
        on: whether images are judged at all.
        inspector: folder of an inspector; the one that came with the model when None.
        retries: further tries of an image that fails.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: bool = True
    inspector: str | None = None
    retries: int = Field(3, ge=0, le=100)


def models() -> list[dict[str, Any]]:
    """Return one entry a generator: name, what it is, condition, formats, default shard size."""
    from ...generators.protocol import GENERATORS

    return [_entry(name) for name in sorted(GENERATORS)]


def describe_model(model: str) -> dict[str, Any]:
    """Return a generator's entry and, under `fields`, what its condition takes.

    A field of which the generator counted its training images has them under `support`, value by value; ages by band.

    Args:
        model: a generator's name, or a trained model's folder.

    Raises:
        ValueError: no such generator, or a folder that holds none.
    """
    from ...conditioning.plan import columns_of

    condition_type = class_of(model).condition_type
    meanings, counted = _meanings(condition_type), support_of(model) or {}
    fields = [
        {
            "name": column.name,
            "kind": f"list of {column.kind}" if column.listed else column.kind,
            "allowed": list(column.words) or _bounds(column.low, column.high),
            "default": column.default,
            "meaning": meanings.get(column.name, column.text),
            **({"support": dict(counts)} if (counts := counted_of(counted, column.name)) is not None else {}),
        }
        for column in columns_of(condition_type).values()
    ]
    return {**_entry(model), "fields": fields}


def build(model: str) -> Any:
    """Return the generator that a name or a trained model's folder stands for, ready to generate.

    Args:
        model: a generator's name, or the folder that `fit` or `save_pretrained` wrote (a run's folder will do).

    Raises:
        ValueError: no such generator, or a folder that holds none.
    """
    folder = _folder(model)
    return class_of(model)() if folder is None else class_of(model).from_pretrained(folder)


def class_of(model: str) -> Any:
    """Return the class of the generator that a name or a trained model's folder stands for.

    Raises:
        ValueError: no such generator, or a folder that holds none.
    """
    from ...generators.protocol import generator_class, pretrained_class

    folder = _folder(model)
    return generator_class(model) if folder is None else pretrained_class(folder)


def support_of(model: str) -> Mapping[str, Mapping[str, int]] | None:
    """Return how many training images had each value of each field; None for a generator that does not count them.

    Raises:
        ValueError: no such generator, or a folder that holds none.
    """
    if not hasattr(class_of(model), "support"):
        return None
    counted: Mapping[str, Mapping[str, int]] = build(model).support()
    return counted


def _folder(model: str) -> Path | None:
    """Return the folder of a trained model, also where a run's folder is named; None for a generator's name."""
    from ...generators.protocol import GENERATORS, MODEL_INDEX

    folder = Path(model)
    if model in GENERATORS or not folder.is_dir():
        return None
    inside = folder / "model"
    return inside if not (folder / MODEL_INDEX).is_file() and (inside / MODEL_INDEX).is_file() else folder


def placed(generator: Any, device: str = "auto") -> Any:
    """Return the generator on a device; a simulator computes on the CPU whatever is asked.

    Args:
        generator: as `build` returns it.
        device: `auto` (a CUDA device if there is one, the launcher's if it names one, else the CPU), or torch's name.

    Raises:
        ValueError: torch knows no such device, or it is not there.
    """
    if not hasattr(generator, "to"):
        return generator
    import torch

    if device == "auto":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        there = ", ".join(["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))])
        said = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} cannot be used: {said} (there are: {there})") from None
    return generator.to(device)


def controlled(generator: Any, control: Control | None = None) -> Any:
    """Return the generator under quality control, if it came with an inspector or one is named.

    Args:
        generator: as `build` returns it.
        control: whether, by whom and how often.

    Raises:
        ValueError: an inspector is named and the generator makes nothing that it could judge, or its folder is not one.
    """
    control = control or Control()
    place = control.inspector or getattr(generator, "inspector_folder", None)
    if not control.on or place is None:
        return generator
    from ...generators.radiograph.quality_control import QualityControlled
    from ...generators.readout.radiograph.inspector import Inspector

    try:
        inspector = Inspector.from_pretrained(place)
    except ValueError as error:
        raise ValueError(f"inspector {place}: {error}") from error
    return QualityControlled(generator, inspector, retries=control.retries)


def weights_of(generator: Any) -> str | None:
    """Return the hash of a generator's weights; None for a simulator."""
    return getattr(generator, "weights_sha256", None)


def presets() -> dict[str, Path]:
    """Return the file of each preset that `fit` can train by, by name."""
    from ...generators.protocol import RECIPES

    root = Path(__file__).parents[2]
    folders = [root.joinpath(*place.split(":")[0].split(".")[1:-1], "presets") for place in RECIPES.values()]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def _entry(name: str) -> dict[str, Any]:
    cls = class_of(name)
    return {
        "name": name,
        "about": (cls.__doc__ or name).strip().splitlines()[0],
        "condition": cls.condition_type.__name__,
        "formats": list(cls.formats),
        "shard_size": cls.shard_size,
    }


def _bounds(low: float | None, high: float | None) -> str:
    return (
        "" if low is None and high is None else f"{low if low is not None else ''}..{high if high is not None else ''}"
    )


def _meanings(condition_type: type[BaseModel]) -> dict[str, str]:
    """Return the field descriptions that a condition's docstring gives under `Attributes:`."""
    _, _, text = (condition_type.__doc__ or "").partition("Attributes:")
    found = re.findall(r"^ +(\w+): (.+?)(?=^ +\w+: |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return {name: " ".join(meaning.split()) for name, meaning in found}
