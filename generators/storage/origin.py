"""What a file says about where it comes from, in whatever place its format has for that."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ... import __version__
from ...conditioning.dataset.schema import DatasetInfo, canonical, sha256_of
from ...conditioning.record import Record
from .shard_tables import to_json

SYNTHETIC = "SYNTHETIC radiograph: computed, not acquired from a person"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Origin:
    """The data set that a sample belongs to, as far as its content goes; not how it is stored.

    Attributes:
        run_seed: seed of the run.
        plan_sha256: hash of the plan's content.
        weights_sha256: hash of the weights; None for a simulator.
        key: hash of all that decides the samples' content: the above, the generator and its settings.
    """

    run_seed: int
    plan_sha256: str
    weights_sha256: str | None
    key: str


def origin_of(info: DatasetInfo) -> Origin:
    """Return the origin that the samples of a data set share, the same in every file format and layout."""
    parts = (info.generator, info.generator_config, info.weights_sha256, info.plan_sha256, info.run_seed)
    return Origin(info.run_seed, info.plan_sha256, info.weights_sha256, sha256_of(parts))


def about(record: Record, origin: Origin | None) -> str:
    """Return a sample's provenance as JSON: `synthetic`, id, seed, generator, condition, hashes, version; no time.

    Args:
        record: the sample.
        origin: its data set; None for a sample on its own.
    """
    said: dict[str, Any] = {"clinsynth": __version__} | dict(record.provenance)
    if origin is not None:
        said |= {"run_seed": origin.run_seed, "plan_sha256": origin.plan_sha256}
        said |= {"weights_sha256": origin.weights_sha256 or said.get("weights_sha256")}
    said |= {"synthetic": record.synthetic, "sample_id": record.record_id}
    said |= {"condition": None if record.condition is None else record.condition.model_dump(mode="json")}
    said |= {"spacing_mm": getattr(record.geometry, "spacing_mm", None)}
    return canonical(json.loads(to_json(said)))


def told(record: Record) -> list[str]:
    """Return the lines for a human reader: what it is, who made it, and the condition's fields that are set."""
    source = record.provenance
    lines = [SYNTHETIC] if record.synthetic else []
    lines += [f"{name}: {source[name]}" for name in ("generator", "seed") if name in source]
    fields = {} if record.condition is None else record.condition.model_dump()
    lines += [f"{name.replace('_', ' ')}: {word(value)}" for name, value in fields.items() if value not in (None, ())]
    return [_CONTROL.sub(" ", line) for line in lines]


def word(value: Any) -> str:
    """Return a condition's value in words; lists are joined by commas."""
    if isinstance(value, dict):
        return ", ".join(f"{word(k)} {word(v)}" for k, v in value.items()) or "none"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(word(v) for v in value) or "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value.value if isinstance(value, Enum) else value)
