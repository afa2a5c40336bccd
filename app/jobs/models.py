"""The generators that can be asked, and what they can be asked for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def models() -> list[dict[str, Any]]:
    """Return one entry a generator: name, what it is, condition, formats, default shard size."""
    from ...generators.protocol import GENERATORS

    return [_entry(name) for name in sorted(GENERATORS)]


def describe_model(name: str) -> dict[str, Any]:
    """Return a generator's entry and, under `fields`, what its condition takes.

    Raises:
        ValueError: no such generator.
    """
    from ...conditioning.plan import columns_of
    from ...generators.protocol import generator_class

    condition_type = generator_class(name).condition_type
    meanings = _meanings(condition_type)
    fields = [
        {
            "name": column.name,
            "kind": f"list of {column.kind}" if column.listed else column.kind,
            "allowed": list(column.words) or _bounds(column.low, column.high),
            "default": column.default,
            "meaning": meanings.get(column.name, column.text),
        }
        for column in columns_of(condition_type).values()
    ]
    return {**_entry(name), "fields": fields}


def build(model: str) -> Any:
    """Return the generator that a name or a trained model's folder stands for, ready to generate.

    Args:
        model: a generator's name, or the folder that `fit` or `save_pretrained` wrote (a run's folder will do).

    Raises:
        ValueError: no such generator, or a folder that holds none.
    """
    from ...generators.protocol import GENERATORS, MODEL_INDEX, generator_class, pretrained_class

    if model in GENERATORS or not Path(model).is_dir():
        return generator_class(model)()
    folder = Path(model)
    if not (folder / MODEL_INDEX).is_file() and (folder / "model" / MODEL_INDEX).is_file():
        folder = folder / "model"
    return pretrained_class(folder).from_pretrained(folder)


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
    from ...generators.protocol import generator_class

    cls = generator_class(name)
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
