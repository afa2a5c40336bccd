"""What the JSON files of a data set hold: `dataset.json` and the receipts, each sealed by its own hash."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from ..words import one_line

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Layout = Literal["folder", "webdataset"]


class DamagedDataset(ValueError):
    """A data set was found and a receipt or hash of it fails; the message names the file and the remedy."""

    exit_code: ClassVar[int] = 4


class DatasetInfo(BaseModel):
    """What a whole data set is, settled before its first sample is made.

    Attributes:
        format_version: version of this layout.
        synthetic: always true; a generator made every sample.
        name: title for the data card.
        generator: registry name of the generator.
        condition: class name of the condition type.
        n: number of samples that the plan asks for.
        shard_size: samples per shard.
        batch_size: samples per batch; batches are cut inside a shard.
        threads: threads per worker.
        layout: `folder`, or `webdataset` for tar shards.
        file_format: registry name of the file format.
        run_seed: seed of the run.
        weights_sha256: hash of the weights; None for a simulator.
        plan_sha256: hash of the plan's content.
        plan_file_sha256: hash of `plan.parquet`.
        generator_config: settings of the generator that decide its output.
        config_sha256: hash of the generator's and the storage settings.
        recipe_sha256: hash of what decides a sample's bytes; every receipt repeats it.
        versions: software versions.
        intended_use: what the data are for.
        licence: SPDX identifier in lower case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    synthetic: Literal[True] = True
    name: str
    generator: str
    condition: str
    n: int = Field(ge=1)
    shard_size: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    threads: int = Field(ge=1)
    layout: Layout
    file_format: str
    run_seed: int
    weights_sha256: Sha256 | None
    plan_sha256: str
    plan_file_sha256: Sha256
    generator_config: dict[str, Any]
    config_sha256: Sha256
    recipe_sha256: Sha256
    versions: dict[str, str]
    intended_use: str
    licence: str


class Quarantined(BaseModel):
    """A sample that was made and not written.

    Attributes:
        sample_id: which one.
        reason: `nan`, `flat`, `clipped`, `range`, `shape` or `quality`.
        detail: the sentence with the value.
        tries: what the generator's own quality control says of every try, where it has one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_id: str
    reason: str
    detail: str
    tries: tuple[dict[str, Any], ...] = ()

    @model_serializer(mode="wrap")
    def _without_no_tries(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = write(self)
        return body if self.tries else {name: value for name, value in body.items() if name != "tries"}


class Receipt(BaseModel):
    """Says that a shard is done; the shard's hash seals it.

    Attributes:
        shard: index of the shard.
        ids: every sample of the shard, in the plan's order, quarantined ones included.
        count: samples written.
        quarantined: samples not written, and why.
        files: name to sha256 of the manifest, the truth tables and, in `webdataset`, the tar; the manifest
            holds the sha256 of each sample's files.
        batch_size_used: the smallest batch, if one was halved for lack of memory; else None.
        recipe_sha256: the data set's recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: int = Field(ge=0)
    ids: tuple[str, ...]
    count: int = Field(ge=0)
    quarantined: tuple[Quarantined, ...] = ()
    files: dict[str, Sha256]
    batch_size_used: int | None = None
    recipe_sha256: Sha256

    @property
    def written_ids(self) -> list[str]:
        """The ids that were written, in order."""
        bad = {q.sample_id for q in self.quarantined}
        return [i for i in self.ids if i not in bad]


Sealed = TypeVar("Sealed", DatasetInfo, Receipt)


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: keys sorted, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of a JSON value's canonical text."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def seal(content: DatasetInfo | Receipt) -> bytes:
    """Return the file's bytes: the content and, under `sha256`, the hash of the content."""
    body = content.model_dump(mode="json")
    return (json.dumps(body | {"sha256": sha256_of(body)}, indent=1) + "\n").encode()


def unseal(text: bytes, kind: type[Sealed], name: str) -> Sealed:
    """Read a sealed file.

    Args:
        text: the file's bytes.
        kind: what it should hold.
        name: the file's name, for the message.

    Raises:
        DamagedDataset: not JSON (a cut file), the seal does not fit, or a field is wrong.
    """
    try:
        body = json.loads(text)
        found = body.pop("sha256")
        fits = found == sha256_of(body)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DamagedDataset(f"{name} is not a sealed JSON file: it is cut or was edited") from error
    if not fits:
        raise DamagedDataset(f"{name} does not fit its own sha256: it was changed after it was written")
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise DamagedDataset(f"{name}: {one_line(error, kind)}") from error
