"""Checkpoints that are whole or absent: written under another name, renamed, and vouched for by a receipt."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...conditioning.dataset.layout import TEMPORARY
from ...conditioning.dataset.schema import sha256_of
from ..storage.disk import Disk, remove

RECEIPT = "receipt.json"
_NAME = re.compile(r"step-(\d{6,})", re.ASCII)


def name_of(step: int) -> str:
    """Return the name of a step's checkpoint and sample grid."""
    return f"step-{step:06d}"


def save(root: Path, step: int, write: Callable[[Path], None], disk: Disk) -> Path:
    """Write a checkpoint and return its folder; before its receipt is there it does not count.

    Args:
        root: folder of the run's checkpoints.
        step: steps done.
        write: writes the files into a folder.
        disk: how files get to the disk.
    """
    root.mkdir(parents=True, exist_ok=True)
    target, temporary = root / name_of(step), root / f"{TEMPORARY}{name_of(step)}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    try:
        write(temporary)
        body = {"step": step, "files": {path.name: _sha256(path) for path in sorted(temporary.iterdir())}}
        disk.sync_folder(temporary)
        remove(target)  # it has no receipt, or it would have been resumed from
        disk.rename(temporary, target)
    except BaseException:
        remove(temporary)
        raise
    disk.settle(root)
    disk.publish(target / RECEIPT, (json.dumps(body | {"sha256": sha256_of(body)}, indent=1) + "\n").encode())
    return target


def checkpoints(root: Path) -> list[tuple[int, Path]]:
    """Return (step, folder) of every folder with a receipt, the oldest first; receipts are not checked."""
    if not root.is_dir():
        return []
    named = ((_NAME.fullmatch(path.name), path) for path in root.iterdir())
    return sorted((int(match[1]), path) for match, path in named if match and (path / RECEIPT).is_file())


def verify(folder: Path) -> int:
    """Return a checkpoint's step if its receipt and all its files are as they were written.

    Raises:
        ValueError: no receipt, or a file is missing, altered or not of this checkpoint; the message names it.
    """
    receipt = _receipt(folder)
    for name, digest in receipt["files"].items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing; remove the folder to go on from an older checkpoint")
        if _sha256(path) != digest:
            raise ValueError(f"{path} is not as it was written; remove the folder to go on from an older checkpoint")
    for path in folder.iterdir():
        if path.name not in {*receipt["files"], RECEIPT} and not path.name.startswith("."):
            raise ValueError(f"{path} does not belong to the checkpoint; remove it")
    return int(receipt["step"])


def _receipt(folder: Path) -> dict[str, Any]:
    path = folder / RECEIPT
    if not path.is_file():
        raise ValueError(f"{folder} is not a checkpoint: it has no {RECEIPT}")
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        seal = body.pop("sha256")
        intact = seal == sha256_of(body) and isinstance(body["files"], dict) and isinstance(body["step"], int)
    except (ValueError, KeyError, TypeError, AttributeError):
        intact = False
    if not intact or any(Path(name).name != name for name in body["files"]):
        raise ValueError(f"{path} is not as it was written; remove the folder to go on from an older checkpoint")
    if (named := _NAME.fullmatch(folder.name)) and int(named[1]) != body["step"]:
        raise ValueError(f"{path} is of step {body['step']}; the folder's name says {int(named[1])}")
    return dict(body)


def prune(root: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints."""
    for _, folder in checkpoints(root)[:-keep]:
        discard(folder)


def discard(folder: Path) -> None:
    """Remove a checkpoint, its receipt first: what a kill leaves behind counts as none."""
    (folder / RECEIPT).unlink(missing_ok=True)
    remove(folder)


def sweep(root: Path, after: int) -> None:
    """Remove checkpoints later than step `after`, and what kills have left behind."""
    for path in list(root.iterdir()) if root.is_dir() else []:
        named = _NAME.fullmatch(path.name)
        whole = named is not None and (path / RECEIPT).is_file() and int(named[1]) <= after
        if not whole and (named or path.name.startswith(TEMPORARY)):
            discard(path)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
