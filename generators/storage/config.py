"""How records are stored, and the record of every setting that a data set depends on."""

from __future__ import annotations

import platform
import zlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ... import __version__
from ...conditioning.dataset.schema import DatasetInfo, Layout, sha256_of
from ...conditioning.plan import CohortPlan
from ..protocol import Generator
from .formats import COMPRESSED, PACKAGES, encoder

INTENDED_USE = (
    "Research and development of methods on synthetic data. No sample was recorded from a person. Not for diagnosis, "
    "and not by itself as evidence of how a method performs on patients."
)
LICENCE = "cc-by-4.0"
_PACKAGES = ("numpy", "scipy", "numba", "pyarrow", "pydantic")
_LEARNED = ("torch", "diffusers")


class StorageConfig(BaseModel):
    """How a data set is stored.

    Attributes:
        file_format: file format; the generator's first when left out.
        layout: `folder`, or `webdataset` for tar shards.
        shard_size: samples per shard; the generator's default when left out.
        batch_size: samples per batch.
        threads: threads per worker for array libraries.
        name: title of the data set; made from the generator's name when left out.
        intended_use: what the data are for.
        licence: SPDX identifier of the data's licence, in lower case as the Hugging Face hub writes it; the
            generator's own (weights may bind what they make), else `cc-by-4.0`, when left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_format: str | None = None
    layout: Layout = "folder"
    shard_size: int | None = Field(None, ge=1, le=100_000)
    batch_size: int = Field(64, ge=1, le=100_000)
    threads: int = Field(1, ge=1, le=1024)
    name: str | None = Field(None, min_length=1, max_length=200, pattern=r"^[^\r\n]+$")
    intended_use: str = Field(INTENDED_USE, min_length=1)
    licence: str | None = Field(None, min_length=1, max_length=60, pattern=r"^[a-z0-9.+-]+$")


def describe(
    generator: Generator,
    plan: CohortPlan,
    config: StorageConfig,
    run_seed: int,
    weights_sha256: str | None,
    plan_file_sha256: str,
) -> DatasetInfo:
    """Return what the data set will be, settled before its first sample.

    Args:
        generator: what makes the records.
        plan: what is asked for.
        config: how it is stored.
        run_seed: seed of the run.
        weights_sha256: hash of the generator's weights; None for a simulator.
        plan_file_sha256: hash of the plan as it is stored.

    Raises:
        ValueError: the generator's records cannot be written in that format.
    """
    file_format = config.file_format or generator.formats[0]
    if file_format not in generator.formats:
        raise ValueError(f"format {file_format!r}: {generator.name} writes {', '.join(generator.formats)}")
    encoder(file_format)
    recipe: dict[str, Any] = {
        "generator": generator.name,
        "generator_config": generator.config(),
        "weights_sha256": weights_sha256,
        "plan_sha256": plan.sha256,
        "run_seed": run_seed,
        "file_format": file_format,
        "layout": config.layout,
        "shard_size": config.shard_size or generator.shard_size,
    }
    licence = config.licence or getattr(generator, "licence", None) or LICENCE
    settled = config.model_dump(mode="json") | {k: recipe[k] for k in ("file_format", "shard_size")}
    settled["licence"] = licence
    return DatasetInfo(
        **recipe,
        name=config.name or f"Synthetic data of the clinsynth generator {generator.name}",
        condition=generator.condition_type.__name__,
        n=len(plan),
        batch_size=config.batch_size,
        threads=config.threads,
        plan_file_sha256=plan_file_sha256,
        config_sha256=sha256_of({"generator": recipe["generator_config"], "storage": settled}),
        recipe_sha256=sha256_of(recipe),
        versions=_versions(file_format, weights_sha256 is not None),
        intended_use=config.intended_use,
        licence=licence,
    )


def _versions(file_format: str, learned: bool) -> dict[str, str]:
    found = {"clinsynth": __version__, "python": platform.python_version()}
    for package in _PACKAGES + (_LEARNED if learned else ()) + PACKAGES.get(file_format, ()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # not installed, so it cannot have had a part in it
    if file_format in COMPRESSED:
        found["zlib"] = zlib.ZLIB_RUNTIME_VERSION
    return found


def differences(old: DatasetInfo, new: DatasetInfo) -> list[str]:
    """Return what two settings of one data set differ in, one short phrase each."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    derived = {"config_sha256", "recipe_sha256", "plan_file_sha256"}  # these say no more than the fields behind them
    return [p for name in before if name not in derived for p in _phrases(name, before[name], after[name])]


def _phrases(name: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [p for key in keys for p in _phrases(f"{name}.{key}", old.get(key), new.get(key))]
    return [f"{name} was {_short(old)} and is {_short(new)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:16] + "..."
