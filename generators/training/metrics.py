"""The log of a run: one JSON line per step that is reported, and none twice."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..storage.disk import Disk


class Metrics:
    """Appends lines to `metrics.jsonl`."""

    def __init__(self, path: Path) -> None:
        """Log into `path`."""
        self._path = path

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line; infinite and NaN values become null."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(line), allow_nan=False) + "\n")

    def sync(self) -> None:
        """Bring the lines to the disk."""
        if self._path.exists():
            with self._path.open("a", encoding="utf-8") as file:
                os.fsync(file.fileno())

    def cut(self, step: int) -> None:
        """Drop the lines of later steps, and a last line that a kill cut short."""
        if not self._path.exists():
            return
        lines = self._path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if (at := _step_of(line)) is not None and at <= step]
        if kept != lines:
            Disk().publish(self._path, b"".join(kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, in order; a last line that a kill cut short is left out."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if _step_of(line) is not None]


def _step_of(line: bytes) -> int | None:
    try:
        return int(json.loads(line)["step"]) if line.endswith(b"\n") else None
    except (ValueError, KeyError, TypeError):
        return None


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Window:
    """Means over the steps since the last line; it goes into checkpoints, so that a resumed log is the same."""

    def __init__(self, sums: Mapping[str, Mapping[str, float]] | None = None, count: int = 0) -> None:
        """Start empty, or from a state."""
        self._sums = {key: dict(by_phase) for key, by_phase in (sums or {}).items()}
        self._count = count

    def add(self, values: Mapping[str, Mapping[str, float]]) -> None:
        """Take in one step's values: phase -> name -> value."""
        self._count += 1
        for phase, named in values.items():
            for key, value in named.items():
                by_phase = self._sums.setdefault(key, {})
                by_phase[phase] = by_phase.get(phase, 0.0) + value

    def means(self) -> dict[str, dict[str, float]]:
        """Return name -> phase -> mean."""
        return {key: {phase: total / self._count for phase, total in sums.items()} for key, sums in self._sums.items()}

    def state(self) -> dict[str, Any]:
        """Return what `Window(**state)` goes on from, JSON-able where all values are finite."""
        return {"sums": self._sums, "count": self._count}
