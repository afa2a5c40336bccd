"""What happens when one record of many cannot be read, and when a path is not what it should be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

from ..record import Record

T = TypeVar("T")
OnError = Literal["raise", "skip"]


def each(
    items: Iterable[T],
    read_one: Callable[[T], Record],
    on_error: OnError,
    skipped: list[str] | None,
) -> Iterator[Record]:
    """Yield `read_one(item)` for every item; a faulty one stops the reading or is left out.

    Args:
        items: what the records are read from.
        read_one: raises ValueError or OSError, naming the file, for an item that cannot be read.
        on_error: `raise` or `skip`.
        skipped: receives the reason for each item left out; without it a warning tells.

    Raises:
        ValueError: an unknown `on_error` at once, a faulty item while iterating.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error = {on_error!r} is not known (allowed: raise, skip)")
    return _each(items, read_one, on_error == "skip", skipped)


def _each(
    items: Iterable[T], read_one: Callable[[T], Record], skip: bool, skipped: list[str] | None
) -> Iterator[Record]:
    for item in items:
        try:
            record = read_one(item)
        except (ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            if not skip:
                raise ValueError(reason) from error
            if skipped is None:
                warnings.warn(f"skipped: {reason}", stacklevel=2)
            else:
                skipped.append(reason)
            continue
        yield record


def folder(path: str | Path) -> Path:
    """Return `path` as a folder that exists, or raise ValueError."""
    found = Path(path).expanduser()
    if not found.exists():
        raise ValueError(f"{path} does not exist; a folder was expected")
    if not found.is_dir():
        raise ValueError(f"{path} is a file; a folder was expected")
    return found


def file(path: str | Path) -> Path:
    """Return `path` as a file that exists, or raise ValueError."""
    found = Path(path).expanduser()
    if not found.exists():
        raise ValueError(f"{path} does not exist; a file was expected")
    if not found.is_file():
        raise ValueError(f"{path} is a folder; a file was expected")
    return found


def inside(root: Path, name: str, what: str) -> Path:
    """Return `root / name`, refusing a name that leads out of `root`.

    Only the name counts: a symbolic link inside the folder is its owner's business.

    Raises:
        ValueError: the name is empty, absolute, or climbs above the folder.
    """
    path = Path(name.replace("\\", "/"))
    if not name.strip() or "\0" in name:
        raise ValueError(f"{what} {name!r} is not a file name")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{what} {name!r} leads out of its folder; only names below it are read")
    return root / path
