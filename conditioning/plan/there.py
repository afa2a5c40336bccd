"""A cohort plan from what is there: a row for each record of a reader that leaves something to make.

References to files are sealed with the SHA-256 of their content, so that the plan's hash covers the inputs: a data set
whose inputs have changed is another one, and a run that finds a changed file refuses it by name.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..record import Record
from ..seeds import sample_seed
from ..words import one_line, unknown
from .cohort import CohortPlan
from .columns import checked
from .files import CSV, PARQUET, build_table

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]+")
_READER = re.compile(r"[a-z][a-z0-9-]+")
_LONGEST_ID = 50  # what a WFDB record can be called
# Conditions whose fields are files: how their references are sealed, and how what they point to is read and checked.
_SEALS = {"MriCondition": "clinsynth.conditioning.mri.references:sealed"}
_READS = {"MriCondition": "clinsynth.conditioning.mri.subject:subject_of"}


def names_a_reader(text: str) -> bool:
    """Return whether a plan is named as READER:PATH or embedded:NAME, and not as a file.

    Raises:
        ValueError: it has the form, and there is no such reader; the nearest word is named.
    """
    from ..readers import READERS

    name, colon, _ = text.partition(":")
    if not colon or Path(text).exists() or not _READER.fullmatch(name) or Path(text).suffix in (*PARQUET, *CSV):
        return name in READERS and bool(colon) and not Path(text).exists()
    if name not in (*READERS, "embedded"):
        raise ValueError(unknown("reader", name, [*READERS, "embedded"]))
    return True


def plan_there(
    source: str,
    condition_type: type[BaseModel],
    *,
    fixed: Mapping[str, Any] | None = None,
    seed: int = 0,
    read_files: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
    warn: Callable[[str], None] = lambda line: None,
) -> CohortPlan:
    """Return a plan with a row per record of a source that leaves something to make.

    A patient of whom everything is there, or nothing, is left out and told by name. Any other fault is raised, unless
    the source says `?on_error=skip`; then it is told, too.

    Args:
        source: `READER:PATH` or `embedded:NAME`, with options behind a `?`.
        condition_type: what the generator takes.
        fixed: fields that all rows have, such as `wanted`.
        seed: run seed.
        read_files: read and check every file; else only its content is hashed.
        progress: called with (records looked at, records).
        warn: called with a sentence on each record that is left out.

    Raises:
        ValueError: the source cannot be read, a record has another kind of condition or cannot be used, or nothing is
            left to make; it is named.
    """
    from ..readers.mri_record import NO_CONTRAST
    from ..readers.options import split_options

    lenient = split_options(source)[1].get("on_error") == "skip"
    parsed = {name: checked(condition_type, name, value) for name, value in (fixed or {}).items()}
    records, skipped = _records(source)
    for line in skipped:
        if not lenient and not line.endswith(NO_CONTRAST):
            raise ValueError(f"{line} ({_advice(source)})")
        warn(f"left out: {line}")
    rows = _Rows(condition_type, seed)
    for done, record in enumerate(records, start=1):
        try:
            condition = _condition(record, condition_type, parsed, read_files)
        except ValueError as error:
            if not lenient:
                raise ValueError(f"{record.record_id}: {error} ({_advice(source)})") from error
            warn(f"left out: {record.record_id}: {error}")
        else:
            if condition is None:
                warn(f"left out: {record.record_id}: has everything; nothing is left to make")
            else:
                rows.add(record.record_id, condition)
        progress(done, len(records))
    if not rows.cells["sample_id"]:
        raise ValueError(f"{source}: of {len(records) + len(skipped)} records none leaves anything to make")
    rules = {"from": source, "seed": seed, "fixed": {name: str(value) for name, value in (fixed or {}).items()}}
    return CohortPlan(build_table(rows.cells, condition_type), seed, rules)


def _advice(source: str) -> str:
    mark = "&" if "?" in source else "?"
    return f"{source}{mark}on_error=skip leaves such out"


def _records(source: str) -> tuple[list[Record], list[str]]:
    """Return the records of a source without their arrays, and a line for each that cannot be one."""
    from ..embedded import EMBEDDED
    from ..readers import READERS, read
    from ..readers.options import split_options

    base, behind = split_options(source)
    name, _, rest = base.partition(":")
    target = EMBEDDED.get(rest, "") if name == "embedded" else READERS[name]
    takes: Any = ()
    if target:
        module, function = target.split(":")
        takes = inspect.signature(getattr(import_module(module), function)).parameters
    skipped: list[str] = []
    options: dict[str, Any] = {"skipped": skipped} if "skipped" in takes else {}
    options |= {"on_error": "skip"} if "on_error" in takes and "on_error" not in behind else {}
    options |= {"images": False} if "images" in takes and "images" not in behind else {}
    return list(_without_arrays(read(source, **options))), skipped


def _without_arrays(records: Iterator[Record]) -> Iterator[Record]:
    for record in records:
        yield Record(record.record_id, {}, record.condition, record.geometry, record.provenance)


def _condition(
    record: Record, condition_type: type[BaseModel], fixed: Mapping[str, Any], read_files: bool
) -> BaseModel | None:
    """Return a record's condition as the plan holds it; None where nothing is left to make."""
    found = record.condition
    if not isinstance(found, condition_type):
        raise ValueError(f"has a {type(found).__name__}; the generator takes {condition_type.__name__}")
    try:
        condition = condition_type.model_validate({**found.model_dump(), **fixed})
    except ValidationError as error:
        raise ValueError(one_line(error, condition_type)) from error
    if not getattr(condition, "targets", True):
        return None
    condition = _at(_SEALS, condition_type, condition)
    if read_files:
        _at(_READS, condition_type, condition)
    return condition


def _at(registry: Mapping[str, str], condition_type: type[BaseModel], condition: BaseModel) -> Any:
    if condition_type.__name__ not in registry:
        return condition
    module, function = registry[condition_type.__name__].split(":")
    return getattr(import_module(module), function)(condition)


class _Rows:
    """Collects the plan's cells; every sample has an id that files can be named after."""

    def __init__(self, condition_type: type[BaseModel], seed: int) -> None:
        self.cells: dict[str, list[Any]] = {name: [] for name in ("sample_id", "seed", *condition_type.model_fields)}
        self._seed = seed
        self._taken: set[str] = set()

    def add(self, record_id: str, condition: BaseModel) -> None:
        """Add a record's row."""
        sample_id = sample_id_of(record_id)
        if sample_id in self._taken:
            raise ValueError(f"two records are called {record_id!r}; each needs a name of its own")
        self._taken.add(sample_id)
        cells = condition.model_dump(mode="json") | {"sample_id": sample_id, "seed": sample_seed(self._seed, sample_id)}
        for name, column in self.cells.items():
            column.append(cells[name])


def sample_id_of(record_id: str) -> str:
    """Return a record's name in the letters of a sample id; one that must be changed gets a piece of its hash."""
    plain = _NOT_IN_AN_ID.sub("-", record_id)
    if plain == record_id and len(plain) <= _LONGEST_ID:
        return plain
    return f"{plain[: _LONGEST_ID - 9]}-{hashlib.sha256(record_id.encode()).hexdigest()[:8]}"
