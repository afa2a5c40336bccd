"""The end of a data set: once every receipt is there, whoever sees it writes the data card and Croissant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...conditioning.dataset.layout import (
    CARD,
    CROISSANT,
    MANIFEST,
    SHARDS,
    TEMPORARY,
    receipt_path,
    shard_count,
)
from ...conditioning.dataset.reader import read_receipt, read_shard_table
from ...conditioning.dataset.schema import DatasetInfo
from .card import card
from .croissant import croissant
from .disk import Disk, remove
from .locks import locked

if TYPE_CHECKING:
    import pyarrow as pa


def finish(root: Path, info: DatasetInfo, disk: Disk, stop: Callable[[], bool], lock_wait_s: float) -> bool:
    """Write `README.md` and `croissant.json` if every shard is done.

    Both depend on the receipted shards alone, so it does not matter who writes them, or how often.

    Args:
        root: the data set's folder.
        info: what `dataset.json` says.
        disk: what is written with.
        stop: looked at while waiting for the lock.
        lock_wait_s: how long to wait for it.

    Returns:
        Whether the data set is complete.
    """
    shards = range(shard_count(info.n, info.shard_size))
    if not all(receipt_path(root, k).exists() for k in shards):
        return False
    with locked(root, "dataset", stop, lock_wait_s):
        for entry in (root / SHARDS).glob(f"{TEMPORARY}*"):
            remove(entry)  # with every receipt there, nobody is writing a shard
        receipts = [receipt for k in shards if (receipt := read_receipt(root, k))]
        manifest, shared = _manifest(root, info)
        about = {CARD: card(info, receipts, manifest), CROISSANT: croissant(info, receipts, manifest, shared)}
        for name, text in about.items():
            _publish_if_new(disk, root / name, text.encode())
    return True


def _publish_if_new(disk: Disk, path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        disk.publish(path, data)


def _manifest(root: Path, info: DatasetInfo) -> tuple[pa.Table, set[str]]:
    """Return the rows of all shards, and the columns that every shard has."""
    import pyarrow as pa

    shards = range(shard_count(info.n, info.shard_size))
    parts = [read_shard_table(root, info, k, MANIFEST) for k in shards]
    filled = [part for part in parts if part.num_rows] or parts[:1]
    shared = set.intersection(*(set(part.column_names) for part in filled))
    return pa.concat_tables(filled, promote_options="default"), shared
