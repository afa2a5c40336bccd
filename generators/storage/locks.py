"""One writer per shard: a second one waits, and finds the shard done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ...conditioning.dataset.layout import RUN
from .stop import Interrupted

_POLL_S = 0.2


@contextmanager
def locked(root: Path, name: str, stop: Callable[[], bool], wait_s: float) -> Iterator[None]:
    """Hold the lock `name` of a data set; the kernel frees it when its holder dies.

    Args:
        root: the data set's folder.
        name: what is locked.
        stop: looked at while waiting.
        wait_s: how long to wait.

    Raises:
        ValueError: another writer held it all that time.
        Interrupted: `stop` said so.
    """
    folder = root / RUN / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    end = time.monotonic() + wait_s
    while True:
        try:
            lock.acquire(timeout=max(0.0, min(_POLL_S, end - time.monotonic())), poll_interval=0.02)
            break
        except Timeout:
            if stop():
                raise Interrupted(f"{root}: stopped while it waited for another writer") from None
            if time.monotonic() >= end:
                said = f"{root}: another writer has held {name} for {wait_s:g} s"
                raise ValueError(f"{said}; let it end, or stop it, and run the same command again") from None
    try:
        yield
    finally:
        lock.release()
