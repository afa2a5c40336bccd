"""The files of one shard's samples, in a folder or in a tar."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .layout import sample_folder, tar_path
from .schema import DamagedDataset, Layout


class ShardFiles(Protocol):
    """Reads the files of one shard by name.

    Attributes:
        path: the folder or the tar.
    """

    path: Path

    def names(self) -> list[str]:
        """Return the names of all files."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's bytes, or raise `DamagedDataset` if it is not there."""
        ...


class FolderFiles:
    """A shard as a folder."""

    def __init__(self, path: Path) -> None:
        """Read from the folder at `path`."""
        self.path = path

    def names(self) -> list[str]:
        """Return the names of all files, tables included."""
        try:
            return sorted(path.name for path in self.path.iterdir())
        except OSError as error:
            raise DamagedDataset(f"{self.path} cannot be read: {error.strerror}") from error

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise DamagedDataset(f"{self.path / name} cannot be read: {error.strerror}") from error


class TarFiles:
    """A shard as an uncompressed tar; its members are found once, then read where they lie."""

    def __init__(self, path: Path) -> None:
        """Read from the tar at `path`."""
        self.path = path
        self._where = dict(self._members())

    def _members(self) -> Iterator[tuple[str, tuple[int, int]]]:
        try:
            with tarfile.open(self.path, "r:") as tar:
                for member in tar:
                    yield member.name, (member.offset_data, member.size)
        except (OSError, tarfile.TarError) as error:
            raise DamagedDataset(f"{self.path} cannot be read as a tar: {error}") from error

    def names(self) -> list[str]:
        """Return the names of all members."""
        return sorted(self._where)

    def read(self, name: str) -> bytes:
        """Return a member's bytes."""
        if name not in self._where:
            raise DamagedDataset(f"{self.path} has no member {name}")
        offset, size = self._where[name]
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)


def shard_files(root: Path, layout: Layout, k: int) -> ShardFiles:
    """Return the reader of shard k's files."""
    return FolderFiles(sample_folder(root, k)) if layout == "folder" else TarFiles(tar_path(root, k))
