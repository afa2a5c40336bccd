"""Where things lie in a data set, and which samples and shards belong together."""

from __future__ import annotations

import re
from pathlib import Path

from .schema import Layout

INFO = "dataset.json"
PLAN = "plan.parquet"
CARD = "README.md"
CROISSANT = "croissant.json"
SHARDS = "shards"
RUN = "run"  # logs and locks: neither hashed nor compared
TEMPORARY = ".tmp-"  # whatever begins so is unfinished and may be swept
MANIFEST = "manifest"

_ENTRY = re.compile(rf"^(?:{re.escape(TEMPORARY)})?(\d{{6}}|[1-9]\d{{6,}})(?:\..+)?$", re.ASCII)


def shard_name(k: int) -> str:
    """Return the name of shard k."""
    return f"{k:06d}"


def shard_count(n: int, shard_size: int) -> int:
    """Return how many shards n samples fill."""
    return -(-n // shard_size)


def shard_samples(k: int, n: int, shard_size: int) -> range:
    """Return the plan rows of shard k: kS to (k+1)S - 1, cut at n."""
    return range(k * shard_size, min((k + 1) * shard_size, n))


def part_shards(n_shards: int, part: tuple[int, int]) -> range:
    """Return the shards of worker w of W: k = w (mod W).

    Args:
        n_shards: shards of the data set.
        part: (w, W) with 0 <= w < W.

    Raises:
        ValueError: no such part.
    """
    w, total = part
    if total < 1 or not 0 <= w < total:
        raise ValueError(f"part {w}/{total} does not exist: w/W needs 0 <= w < W (the first of two is 0/2)")
    return range(w, n_shards, total)


def receipt_path(root: Path, k: int) -> Path:
    """Return where shard k's receipt lies."""
    return root / SHARDS / f"{shard_name(k)}.json"


def tar_path(root: Path, k: int) -> Path:
    """Return where shard k's tar lies (`webdataset`)."""
    return root / SHARDS / f"{shard_name(k)}.tar"


def sample_folder(root: Path, k: int) -> Path:
    """Return the folder of shard k's files (`folder`)."""
    return root / SHARDS / shard_name(k)


def shard_file(root: Path, layout: Layout, k: int, name: str) -> Path:
    """Return where a hashed file of shard k lies, such as `manifest.parquet` or `000003.tar`."""
    if layout == "folder":
        return sample_folder(root, k) / name
    return root / SHARDS / (name if name.endswith(".tar") else f"{shard_name(k)}.{name}")


def owner(entry: str) -> int | None:
    """Return which shard an entry of the shard folder belongs to, unfinished ones included; None for a stranger."""
    match = _ENTRY.match(entry)
    return int(match[1]) if match else None


def address(layout: Layout, k: int, member: str) -> str:
    """Return a file's address in the manifest: a path from the root, or an fsspec address into the tar."""
    own = shard_name(k)
    return f"{SHARDS}/{own}/{member}" if layout == "folder" else f"tar://{member}::{SHARDS}/{own}.tar"
