"""The contract that every generator keeps, and the registry of the studio's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
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


# A line here is all that a new generator needs: name -> "module:Class".
GENERATORS: dict[str, str] = {
    "ecg": "clinsynth.generators.ecg:EcgSimulator",
}


def generator_class(name: str) -> Any:
    """Return the generator class registered under `name`.

    Raises:
        ValueError: no such generator; the message names those that exist.
    """
    if name not in GENERATORS:
        raise ValueError(f"model {name!r} is not known; there are: {', '.join(sorted(GENERATORS))}")
    module, cls = GENERATORS[name].split(":")
    return getattr(import_module(module), cls)
