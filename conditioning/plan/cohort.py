"""The cohort plan: which samples are asked for, one row each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..words import one_line
from .columns import columns_of

if TYPE_CHECKING:
    import pyarrow as pa

C = TypeVar("C", bound=BaseModel)
KEYS = ("sample_id", "seed")


@dataclass(frozen=True)
class CohortPlan:
    """A cohort: one row a sample, in order.

    Attributes:
        table: columns `sample_id` (string), `seed` (int64, 63 bits) and those of the condition.
        run_seed: what the seeds were derived from, or None where a user's file brought its own.
        rules: the rules that made it (JSON values), empty for a user's file.
    """

    table: pa.Table
    run_seed: int | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def sample_ids(self) -> list[str]:
        """Names of the samples, unique, in order."""
        return [str(value) for value in self.table.column("sample_id").to_pylist()]

    @property
    def seeds(self) -> list[int]:
        """Seeds of the samples, 0 to 2^63 - 1, in order."""
        return [int(value) for value in self.table.column("seed").to_pylist()]

    def conditions(self, condition_type: type[C], start: int = 0, stop: int | None = None) -> list[C]:
        """Return the conditions of the rows from `start` up to `stop`, as the generator takes them.

        Args:
            condition_type: pydantic model of one sample's condition.
            start: first row, from 0.
            stop: row after the last one; None for all.

        Raises:
            ValueError: a row does not validate; the message names the row, the column and what is allowed.
        """
        stop = len(self) if stop is None else stop
        part = self.table.slice(start, max(0, stop - start))
        nested = {c.name for c in columns_of(condition_type).values() if c.kind == "object"}
        return [
            condition_of(row, condition_type, nested, where=f"row {start + i + 1} (sample {row['sample_id']})")
            for i, row in enumerate(part.to_pylist())
        ]

    @property
    def sha256(self) -> str:
        """Hash of the content: ids, seeds and conditions, whatever the file's format and column order."""
        digest = hashlib.sha256()
        for name in sorted(self.table.column_names):
            column = self.table.column(name)
            if column.null_count < len(column):
                digest.update(json.dumps([name, column.to_pylist()], separators=(",", ":")).encode())
        return digest.hexdigest()

    @classmethod
    def read(
        cls,
        path: str | Path,
        condition_type: type[BaseModel] | None = None,
        *,
        run_seed: int | None = None,
        validate: bool = True,
    ) -> CohortPlan:
        """Read a plan from Parquet or CSV (lists as `a|b`, an empty list cell is an empty list, `?` left out).

        Args:
            path: a .parquet or .csv file.
            condition_type: model of the rows; a CSV file needs it, and unknown columns are refused by it.
            run_seed: derives the seeds of a file without a `seed` column; a file with seeds takes none.
            validate: also build every row's condition (a million rows take some seconds).

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is no plan, or has its own seeds beside `run_seed`; the message names the row
                and the column.
        """
        from .files import read_plan

        plan = read_plan(Path(path), condition_type, run_seed)
        if validate and condition_type is not None:
            plan.conditions(condition_type)
        return plan

    def write(self, path: str | Path) -> None:
        """Write the plan to a .parquet or .csv file, whole or not at all.

        Raises:
            ValueError: the name ends in neither.
            OSError: it cannot be written; the error names `path`.
        """
        from .files import write_plan

        write_plan(self, Path(path))


def condition_of(row: Mapping[str, Any], condition_type: type[C], nested: set[str], where: str) -> C:
    """Return one row as a condition; empty cells are left out.

    Raises:
        ValueError: the row does not validate; the message starts with `where`.
    """
    given = {name: value for name, value in row.items() if value is not None and name not in KEYS}
    for name in nested & given.keys():
        given[name] = json.loads(given[name])
    try:
        return condition_type(**given)
    except ValidationError as error:
        raise ValueError(f"{where}: {one_line(error, condition_type)}") from None
