"""Makes one shard: generate, check, encode, write; the receipt last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...conditioning.dataset.layout import SHARDS, owner, receipt_path, shard_samples
from ...conditioning.dataset.schema import DatasetInfo, Layout, Quarantined, Receipt, seal
from ...conditioning.plan import CohortPlan
from ...conditioning.record import Record
from ..protocol import Generator
from .batches import Batches
from .disk import Disk, remove
from .formats import encoder
from .origin import origin_of
from .quality import Unfit, check
from .shard_tables import ShardTables, to_json
from .sinks import Sink, open_sink


@dataclass(frozen=True)
class Job:
    """Everything that the shards of one data set have in common.

    Attributes:
        root: the data set's folder.
        info: what `dataset.json` says.
        generator: what makes the records.
        plan: what is asked for.
        sample_ids: the plan's ids.
        seeds: the plan's seeds.
        disk: what is written with.
        before_batch: called before each batch; raises to stop.
        after_sample: called after each sample, written or quarantined.
    """

    root: Path
    info: DatasetInfo
    generator: Generator
    plan: CohortPlan
    sample_ids: Sequence[str]
    seeds: Sequence[int]
    disk: Disk
    before_batch: Callable[[], None]
    after_sample: Callable[[], None]


def sweep(root: Path, k: int) -> None:
    """Remove what an interrupted writer left of shard k; its receipt, if there is one, is not touched."""
    for entry in (root / SHARDS).iterdir():
        if owner(entry.name) == k and entry != receipt_path(root, k):
            remove(entry)


def write_shard(job: Job, k: int) -> Receipt:
    """Make and write shard k, which has no receipt, and return its receipt.

    The order is what makes a kill harmless: files and tables, sync, rename, and the receipt only then.
    """
    sweep(job.root, k)
    sink = open_sink(job.disk, job.root, job.info.layout, k)
    try:
        receipt = _fill(job, k, sink)
    except BaseException:
        sink.discard()
        raise
    job.disk.publish(receipt_path(job.root, k), seal(receipt))
    return receipt


def _fill(job: Job, k: int, sink: Sink) -> Receipt:
    rows = shard_samples(k, job.info.n, job.info.shard_size)
    cut = slice(rows.start, rows.stop)
    conditions = job.plan.conditions(job.generator.condition_type, rows.start, rows.stop)
    tables = ShardTables(job.info.layout, k, job.generator.condition_type)
    batches = Batches(job.generator, job.info.batch_size, job.before_batch)
    encode, origin = encoder(job.info.file_format), origin_of(job.info)
    ids, seeds = tuple(job.sample_ids[cut]), job.seeds[cut]
    bad: list[Quarantined] = []
    for record, seed in zip(batches.records(ids, conditions, seeds), seeds, strict=True):
        try:
            scores = check(record)
            members = _members(encode(record, origin), record, job.info.layout)
        except Unfit as unfit:
            bad.append(_quarantined(record, unfit))
        else:
            sink.add(record.record_id, members)
            tables.add(record, seed, {s: hashlib.sha256(data).hexdigest() for s, data in members.items()}, scores)
        job.after_sample()
    for name, data in tables.encode().items():
        sink.table(name, data)
    sink.publish()
    return Receipt(
        shard=k,
        ids=ids,
        count=len(ids) - len(bad),
        quarantined=tuple(bad),
        files=sink.digests,
        batch_size_used=batches.smallest,
        recipe_sha256=job.info.recipe_sha256,
    )


def _quarantined(record: Record, unfit: Unfit) -> Quarantined:
    """Return what the receipt keeps of a record that is not written: why, and every try of its generator."""
    tries = json.loads(to_json({"tries": record.truth.get("qc_tries") or ()}))["tries"]
    return Quarantined(sample_id=record.record_id, reason=unfit.reason, detail=unfit.detail, tries=tuple(tries))


def _members(members: dict[str, bytes], record: Record, layout: Layout) -> dict[str, bytes]:
    """Return a sample's files; in a tar the condition goes with them, for readers that see nothing but the tar."""
    if layout == "folder":
        return members
    condition = None if record.condition is None else record.condition.model_dump(mode="json")
    about = {"sample_id": record.record_id, "synthetic": record.synthetic, "condition": condition}
    text = to_json(about | {"truth": record.truth, "provenance": record.provenance})
    return members | {"json": text.encode()}
