"""Where the files of an open shard go: a folder or a tar, unfinished until `publish`."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ...conditioning.dataset.layout import SHARDS, TEMPORARY, shard_name
from ...conditioning.dataset.schema import Layout
from .disk import Disk, remove


class Sink(Protocol):
    """Takes the files of one shard.

    Attributes:
        digests: name to sha256 of the files that the receipt names.
    """

    digests: dict[str, str]

    def add(self, sample_id: str, members: Mapping[str, bytes]) -> None:
        """Write the files of one sample, bytes per suffix."""
        ...

    def table(self, name: str, data: bytes) -> None:
        """Write a table of the shard."""
        ...

    def publish(self) -> None:
        """Bring everything to the disk, then give it its name."""
        ...

    def discard(self) -> None:
        """Remove everything."""
        ...


class FolderSink:
    """A shard as a folder, written under a temporary name."""

    def __init__(self, disk: Disk, root: Path, k: int) -> None:
        """Open shard k of the data set in `root`."""
        self.digests: dict[str, str] = {}
        self._disk = disk
        self._target = root / SHARDS / shard_name(k)
        self._folder = self._target.with_name(TEMPORARY + shard_name(k))
        self._folder.mkdir()

    def add(self, sample_id: str, members: Mapping[str, bytes]) -> None:
        """Write the files of one sample."""
        for suffix, data in members.items():
            self._disk.write(self._folder / f"{sample_id}.{suffix}", data)

    def table(self, name: str, data: bytes) -> None:
        """Write a table into the folder."""
        self._disk.write(self._folder / name, data)
        self.digests[name] = hashlib.sha256(data).hexdigest()

    def publish(self) -> None:
        """Sync the folder, rename it, sync the rename."""
        self._disk.sync_folder(self._folder)
        self._disk.rename(self._folder, self._target)
        self._disk.settle(self._target.parent)

    def discard(self) -> None:
        """Remove the temporary folder."""
        remove(self._folder)


class TarSink:
    """A shard as a tar of the WebDataset kind: files of a sample follow each other and share a name up to the dot."""

    def __init__(self, disk: Disk, root: Path, k: int) -> None:
        """Open shard k of the data set in `root`."""
        self.digests: dict[str, str] = {}
        self._disk = disk
        self._own = shard_name(k)
        self._shards = root / SHARDS
        self._folder = self._shards / (TEMPORARY + self._own)
        self._folder.mkdir()
        self._hash = hashlib.sha256()
        self._file = open(self._folder / f"{self._own}.tar", "xb", buffering=1 << 20)

    def add(self, sample_id: str, members: Mapping[str, bytes]) -> None:
        """Append the files of one sample."""
        self._disk.checkpoint("before write", self._folder / sample_id)
        for suffix, data in members.items():
            self._append(_member_head(f"{sample_id}.{suffix}", len(data)))
            self._append(data)
            self._append(bytes(-len(data) % tarfile.BLOCKSIZE))
        self._disk.checkpoint("after write", self._folder / sample_id)

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)

    def table(self, name: str, data: bytes) -> None:
        """Write a table beside the tar."""
        self._disk.write(self._folder / f"{self._own}.{name}", data)
        self.digests[name] = hashlib.sha256(data).hexdigest()

    def publish(self) -> None:
        """End the tar, sync, rename tar and tables, sync the renames; only the receipt makes them count."""
        self._append(bytes(2 * tarfile.BLOCKSIZE))
        self._file.close()
        self.digests[f"{self._own}.tar"] = self._hash.hexdigest()
        self._disk.sync_folder(self._folder)
        for path in sorted(self._folder.iterdir()):
            self._disk.rename(path, self._shards / path.name)
        self._folder.rmdir()
        self._disk.settle(self._shards)

    def discard(self) -> None:
        """Remove the temporary folder."""
        self._file.close()
        remove(self._folder)


def _member_head(name: str, size: int) -> bytes:
    """Return a tar header without time, owner or host."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    return info.tobuf(format=tarfile.USTAR_FORMAT)


def open_sink(disk: Disk, root: Path, layout: Layout, k: int) -> Sink:
    """Open the sink of shard k in the data set's layout."""
    return FolderSink(disk, root, k) if layout == "folder" else TarSink(disk, root, k)
