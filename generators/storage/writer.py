"""Writes one part of a data set: worker w of W makes the shards k = w (mod W), without asking anyone."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...conditioning.dataset.layout import RUN, SHARDS, part_shards, shard_count, shard_name, shard_samples
from ...conditioning.dataset.schema import DamagedDataset, DatasetInfo, Receipt
from ...conditioning.dataset.shard_check import check_shard
from ...conditioning.plan import CohortPlan
from ..protocol import Generator
from .config import StorageConfig, describe
from .disk import Checkpoint, Disk, StorageFailure, no_checkpoint
from .finish import finish
from .locks import locked
from .progress import Progress
from .run_log import RunLog
from .shard import Job, write_shard
from .start import refuse_foreign, refuse_other, start
from .threads import limited_threads

# Letters, digits, `_` and `-` are what a WFDB record name and a WebDataset key (no dot) can hold; WFDB's C library
# takes 50 of them.
_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_NOT_YET = "0" * 64  # stands for the hash of the plan's file until that is made
_NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up", errno.EFBIG: "a file is too large"}


@dataclass(frozen=True)
class PartReport:
    """What one call of `write_part` came to.

    Attributes:
        samples: samples of this part.
        written: samples of this part on disk.
        quarantined: samples of this part made and not written.
        shards_made: shards that this call made.
        shards_kept: shards that were finished before.
        complete: whether the whole data set is finished, all parts together.
    """

    samples: int
    written: int
    quarantined: int
    shards_made: int
    shards_kept: int
    complete: bool


def write_part(
    generator: Generator,
    plan: CohortPlan,
    out: str | Path,
    config: StorageConfig | None = None,
    *,
    run_seed: int,
    part: tuple[int, int] = (0, 1),
    weights_sha256: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    checkpoint: Checkpoint = no_checkpoint,
    lock_wait_s: float = 600.0,
) -> PartReport:
    """Make the samples of one part and write them; finished shards are checked and kept.

    Args:
        generator: what makes the records.
        plan: what is asked for.
        out: the data set's folder; it is made, or gone on with.
        config: how to store.
        run_seed: seed of the run.
        part: (w, W): this is worker w of W.
        weights_sha256: hash of the generator's weights; None for a simulator.
        stop: looked at between batches; True stops.
        progress: called with (samples done, samples of this part).
        checkpoint: called around every write, sync and rename.
        lock_wait_s: how long to wait for a shard that another writer holds.

    Raises:
        ValueError: the folder is no data set, another one, or the plan, the part or the format cannot be.
        DamagedDataset: a receipt or a hash of what is finished fails.
        StorageFailure: the disk refuses a write.
        Interrupted: `stop` said so; work is left.
    """
    root, settings = Path(out), config or StorageConfig()
    sample_ids = checked_ids(plan.sample_ids)
    disk = Disk(checkpoint)
    try:
        asked = settle(generator, plan, root, settings, run_seed, weights_sha256)
        part_shards(shard_count(asked.n, asked.shard_size), part)
        with locked(root, "dataset", stop, lock_wait_s):
            info = start(root, plan, asked, disk)
        todo = Progress(root, info, part, stop, progress)
        job = Job(root, info, generator, plan, sample_ids, plan.seeds, disk, todo.before_batch, todo.one)
        device = str(getattr(generator, "device", "cpu"))
        with RunLog(root / RUN, part, info, device) as log, limited_threads(info.threads):
            receipts = [_shard(job, k, todo, log, lock_wait_s) for k in todo.shards]
        complete = finish(root, info, disk, stop, lock_wait_s)
    except OSError as error:
        raise _refused(root, error) from error
    bad = sum(len(receipt.quarantined) for receipt in receipts)
    return PartReport(todo.total, todo.total - bad, bad, todo.made, len(receipts) - todo.made, complete)


def settle(
    generator: Generator,
    plan: CohortPlan,
    root: Path,
    config: StorageConfig,
    run_seed: int,
    weights_sha256: str | None = None,
) -> DatasetInfo:
    """Return what a data set is to be, or refuse it, before anything is made in its folder.

    Args:
        generator: what makes the records.
        plan: what is asked for.
        root: the data set's folder, which need not exist.
        config: how to store.
        run_seed: seed of the run.
        weights_sha256: hash of the generator's weights; None for a simulator.

    Raises:
        ValueError: the folder is no data set or another one, or the plan or the format cannot be.
        DamagedDataset: its `dataset.json` does not verify.
    """
    if not len(plan):
        raise ValueError("the plan has no rows; a data set needs at least one sample")
    checked_ids(plan.sample_ids)
    asked = describe(generator, plan, config, run_seed, weights_sha256, _NOT_YET)
    refuse_foreign(root)
    refuse_other(root, asked)
    return asked


def checked_ids(sample_ids: Sequence[str]) -> list[str]:
    """Return the ids if files can be named after them.

    Raises:
        ValueError: an id is twice in the plan, or has a character that a file format does not take.
    """
    seen: set[str] = set()
    for sample_id in sample_ids:
        if not _ID.fullmatch(sample_id):
            raise ValueError(f"sample_id {sample_id!r} cannot name a file; use 1 to 50 letters, digits, '_' or '-'")
        if sample_id in seen:
            raise ValueError(f"sample_id {sample_id!r} is in the plan twice")
        seen.add(sample_id)
    return list(sample_ids)


def _shard(job: Job, k: int, todo: Progress, log: RunLog, lock_wait_s: float) -> Receipt:
    """Keep shard k if its receipt verifies, else make it."""
    rows = shard_samples(k, job.info.n, job.info.shard_size)
    todo.before_batch()
    with locked(job.root, f"shard-{shard_name(k)}", todo.stop, lock_wait_s):
        receipt, problems = check_shard(job.root, job.info, k, list(job.sample_ids[rows.start : rows.stop]))
        if problems:
            raise DamagedDataset(problems[0])
        if receipt is None:
            with log.shard(k) as note:
                receipt = write_shard(job, k)
                note(receipt)
            todo.finished(0, made=True)
        else:
            todo.finished(len(rows), made=False)
    return receipt


def _refused(root: Path, error: OSError) -> StorageFailure:
    why = _NO_ROOM.get(error.errno or 0) or f"{error.strerror or error}"
    done = len(list((root / SHARDS).glob("[0-9]*.json"))) if (root / SHARDS).is_dir() else 0
    said = f"{root}: {why}; finished shards are kept ({done})"
    return StorageFailure(f"{said}; once that is mended, run the same command again")
