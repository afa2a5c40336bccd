"""What is read from a source, once: a row per record with its condition, its patient and its numbers in half precision.

In memory, or in a folder that every process of a run, and the next run, reads from the disk: the first one that comes
makes it while the others wait.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from ...conditioning.radiograph import RadiographCondition
from ...conditioning.record import Record
from ..storage.disk import Disk

_ROWS, _ABOUT = "rows.f16", "rows.json"


@dataclass(frozen=True)
class Table:
    """Rows of a source.

    Attributes:
        rows: float16, (n, ...).
        conditions: one per row.
        patients: one name per row.
    """

    rows: np.ndarray
    conditions: tuple[RadiographCondition, ...]
    patients: tuple[str, ...]


Made = Callable[[], Iterator[tuple[Record, np.ndarray]]]


def table_of(make: Made, settings: Mapping[str, Any], cache: Path | None) -> Table:
    """Return the rows that `make` yields, from the cache if they are there.

    Args:
        make: yields records with their numbers, all in one shape.
        settings: JSON-able, all that decides the numbers.
        cache: a folder of its own for them; None keeps them in memory.

    Raises:
        ValueError: there are no rows, a record is no radiograph, or the cache was made with other settings.
    """
    if cache is None:
        rows, about = list[np.ndarray](), _About()
        for record, numbers in make():
            rows.append(numbers.astype(np.float16))
            about.add(record)
        if not rows:
            raise ValueError(f"{settings['source']} has no records to train on")
        return Table(np.stack(rows), *about.parsed())
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):
        if not (cache / _ABOUT).is_file():
            _write(make, settings, cache)
        return _read(settings, cache)


class _About:
    """What is known of rows beside their numbers, as JSON values."""

    def __init__(self) -> None:
        self.conditions: list[dict[str, Any]] = []
        self.patients: list[str] = []

    def add(self, record: Record) -> None:
        condition = record.condition
        if not isinstance(condition, RadiographCondition):
            raise ValueError(f"{record.record_id} is no radiograph: its condition is {type(condition).__name__}")
        self.conditions.append(condition.model_dump(mode="json", exclude_none=True))
        patient = record.provenance.get("patient_id") or condition.patient_id or record.record_id
        self.patients.append(str(patient))

    def parsed(self) -> tuple[tuple[RadiographCondition, ...], tuple[str, ...]]:
        return tuple(map(RadiographCondition.model_validate, self.conditions)), tuple(self.patients)


def _write(make: Made, settings: Mapping[str, Any], cache: Path) -> None:
    about, shape = _About(), ()
    with (cache / f".{_ROWS}").open("wb") as file:
        for record, numbers in make():
            shape = numbers.shape
            file.write(np.ascontiguousarray(numbers, np.float16).tobytes())
            about.add(record)
    if not about.patients:
        raise ValueError(f"{settings['source']} has no records to train on")
    (cache / f".{_ROWS}").rename(cache / _ROWS)
    body = {
        "settings": dict(settings),
        "shape": list(shape),
        "conditions": about.conditions,
        "patients": about.patients,
    }
    Disk().publish(cache / _ABOUT, json.dumps(body).encode())  # last: what it speaks of is there


def _read(settings: Mapping[str, Any], cache: Path) -> Table:
    path = cache / _ABOUT
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        made, shape = body["settings"], (len(body["patients"]), *body["shape"])
        about = _About()
        about.conditions, about.patients = body["conditions"], body["patients"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is damaged; remove {cache} to make it anew") from None
    for key, value in settings.items():
        if made.get(key) != value:
            raise ValueError(
                f"cache {cache} was made with {key} = {made.get(key)!r}, not {value!r}; name another folder"
            )
    if not (cache / _ROWS).is_file() or (cache / _ROWS).stat().st_size != 2 * int(np.prod(shape)):
        raise ValueError(f"{cache / _ROWS} is missing or cut short; remove {cache} to make it anew")
    return Table(np.memmap(cache / _ROWS, np.float16, "r", shape=shape), *about.parsed())
