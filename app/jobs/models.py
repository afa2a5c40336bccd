"""The generators that can be asked, and what they can be asked for."""

from __future__ import annotations

import re
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
    """Return the generator that a name stands for, ready to generate.

    Raises:
        ValueError: no such generator.
    """
    from ...generators.protocol import generator_class

    return generator_class(model)()


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
