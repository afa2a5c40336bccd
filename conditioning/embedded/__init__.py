"""Real data that the package carries; each set has a folder with its source, licence and changes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ..record import Record
from ..words import unknown

__all__ = ["EMBEDDED", "embedded", "embedded_names"]

# A line here is all that a new embedded set needs: name -> "module:function".
EMBEDDED: dict[str, str] = {
    "ludb": "clinsynth.conditioning.embedded.ludb_records:read_ludb",
    "nih64": "clinsynth.conditioning.embedded.nih64_images:read_nih64",
    "tcga_lgg": "clinsynth.conditioning.embedded.tcga_lgg_brains:read_tcga_lgg",
}


def embedded_names() -> tuple[str, ...]:
    """Return the names of the data sets that the package carries."""
    return tuple(sorted(EMBEDDED))


def embedded(name: str, **options: Any) -> Iterator[Record]:
    """Yield the records of an embedded data set.

    Args:
        name: one of `embedded_names()`.
        options: the set's own; `ludb` has `split`, `leads`, `fs_hz`, and `nih64` and `tcga_lgg` have `split`.

    Raises:
        ValueError: no such set, or no such option, with the nearest word.
    """
    if name not in EMBEDDED:
        raise ValueError(unknown("embedded data", name, EMBEDDED))
    registry = import_module("clinsynth.conditioning.readers.registry")
    records: Iterator[Record] = registry.call_registered(EMBEDDED[name], f"embedded data {name!r}", (), options)
    return records
