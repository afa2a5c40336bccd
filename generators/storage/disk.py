"""Writes that survive a kill and a power cut: data reach the disk before the name that vouches for them."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ClassVar

from ...conditioning.dataset.layout import TEMPORARY

# Called as checkpoint("before write", path) around every write, sync and rename; the way for a test to kill there.
Checkpoint = Callable[[str, Path], None]

# f_type of local file systems whose syncfs writes everything back: ext2/3/4, XFS, Btrfs, F2FS, tmpfs. On any other
# (overlayfs, NFS, Lustre, FUSE) each file is synced by itself.
_SYNCFS_TYPES = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994})


class StorageFailure(RuntimeError):
    """The disk refused a write (full, over quota, not writable); what was finished is kept."""

    exit_code: ClassVar[int] = 1


def no_checkpoint(stage: str, path: Path) -> None:
    """Do nothing."""


class Disk:
    """The operations that a data set is written with.

    Attributes:
        checkpoint: called before and after each of them.
    """

    def __init__(self, checkpoint: Checkpoint = no_checkpoint) -> None:
        """Write with `checkpoint` called around every step."""
        self.checkpoint = checkpoint

    def write(self, path: Path, data: bytes) -> None:
        """Write a new file; it is durable only after a sync."""
        self.checkpoint("before write", path)
        with open(path, "xb", buffering=0) as file:
            view = memoryview(data)
            while len(view):
                view = view[file.write(view) :]
        self.checkpoint("after write", path)

    def sync_folder(self, folder: Path) -> None:
        """Bring a folder's files and entries to the disk.

        A shard has thousands of small files. One `syncfs` flushes them in one pass of the journal, where an fsync
        per file waits for the journal each time; it is used where it is known to be as safe (a local file system,
        and a kernel that reports write-back and journal errors through it, Linux 5.17). Elsewhere every file is synced.
        """
        self.checkpoint("before sync", folder)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if not _syncfs(descriptor, folder):
                for entry in folder.iterdir():
                    _fsync(entry)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.checkpoint("after sync", folder)

    def rename(self, source: Path, target: Path) -> None:
        """Give a synced file or folder its name."""
        self.checkpoint("before rename", target)
        os.replace(source, target)
        self.checkpoint("after rename", target)

    def publish(self, path: Path, data: bytes) -> None:
        """Write a file whole or not at all: temporary file, sync, rename, sync of the folder."""
        temporary = path.with_name(f"{TEMPORARY}{path.name}")
        temporary.unlink(missing_ok=True)
        try:
            self.write(temporary, data)
            _fsync(temporary)
            self.rename(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync(path.parent)

    def settle(self, folder: Path) -> None:
        """Bring a folder's own entries (renames) to the disk."""
        _fsync(folder)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle to sync a folder by
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _syncfs(descriptor: int, folder: Path) -> bool:
    """Sync the whole file system of an open folder; False where that is not safe."""
    libc = _libc()
    if libc is None or _file_system(libc, folder) not in _SYNCFS_TYPES:
        return False
    if libc.syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(folder))
    return True


@cache
def _libc() -> ctypes.CDLL | None:
    """Return the C library if the kernel's syncfs reports errors."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    major, minor = (int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2])
    libc = ctypes.CDLL(None, use_errno=True)
    return libc if (major, minor) >= (5, 17) and hasattr(libc, "syncfs") and hasattr(libc, "statfs") else None


def _file_system(libc: ctypes.CDLL, folder: Path) -> int:
    buffer = (ctypes.c_ulong * 64)()  # struct statfs is 120 bytes here; its first word is f_type
    return int(buffer[0]) if libc.statfs(os.fsencode(folder), buffer) == 0 else 0
