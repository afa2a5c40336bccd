"""The log of one worker's runs: time, host, device and batch, which hashed files must not hold."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ...conditioning.dataset.schema import DatasetInfo, Receipt


class RunLog:
    """Appends one JSON line per event to `run/part-w-of-W.jsonl`."""

    def __init__(self, folder: Path, part: tuple[int, int], info: DatasetInfo, device: str) -> None:
        """Log the run of worker w of W into `folder`."""
        self._path = folder / f"part-{part[0]}-of-{part[1]}.jsonl"
        self._start = {"batch_size": info.batch_size, "threads": info.threads, "device": device}

    def __enter__(self) -> RunLog:
        """Open the log."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", encoding="utf-8")
        machine = {"host": platform.node(), "machine": platform.machine(), "pid": os.getpid()}
        self._say("start", **machine, **self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log how the run ended."""
        try:
            self._say("end", outcome="done" if kind is None else f"{kind.__name__}: {error}")
        except OSError:
            if kind is None:
                raise
        finally:
            self._file.close()

    @contextmanager
    def shard(self, k: int) -> Iterator[Callable[[Receipt], None]]:
        """Time the making of shard k; the caller hands in the receipt."""
        began = time.perf_counter()

        def note(receipt: Receipt) -> None:
            seconds = round(time.perf_counter() - began, 3)
            bad = len(receipt.quarantined)
            batch = receipt.batch_size_used or self._start["batch_size"]
            self._say("shard", shard=k, written=receipt.count, quarantined=bad, seconds=seconds, batch=batch)

        yield note

    def _say(self, event: str, **values: Any) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **values}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
