"""Plans as files: Parquet keeps types, run seed and rules; CSV is what a spreadsheet writes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from ..seeds import sample_seed
from ..words import unknown
from .cohort import KEYS, CohortPlan
from .columns import Column, arrow_type, columns_of

SAMPLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
META = b"clinsynth"
LEFT_OUT = "?"
PARQUET, CSV = (".parquet", ".pq"), (".csv",)


def read_plan(path: Path, condition_type: type[BaseModel] | None, run_seed: int | None) -> CohortPlan:
    """Read a plan's file; see `CohortPlan.read`."""
    if not path.is_file():
        raise FileNotFoundError(f"plan {str(path)!r} is not a file")
    suffix = path.suffix.lower()
    if suffix not in PARQUET + CSV:
        raise ValueError(f"plan {str(path)!r} is neither .parquet nor .csv")
    if suffix in CSV and condition_type is None:
        raise ValueError(f"plan {str(path)!r}: a CSV file can only be read for a named generator")
    try:
        raw, meta = _read_csv(path) if suffix in CSV else _read_parquet(path)
        kept = meta.get("run_seed")
        if run_seed is not None and (kept is not None or "seed" in raw.column_names):
            raise ValueError(f"the file has its own seeds; leave --seed {run_seed} out")
        return _checked(raw, condition_type, run_seed if kept is None else kept, meta.get("rules", {}))
    except ValueError as error:  # pyarrow's own errors are ValueErrors too
        raise ValueError(f"plan {str(path)!r}: {str(error).splitlines()[0]}") from None


def write_plan(plan: CohortPlan, path: Path) -> None:
    """Write a plan's file; see `CohortPlan.write`."""
    suffix = suffix_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = plan_bytes(plan, suffix)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:  # names the temporary file, of which the user knows nothing
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def suffix_of(path: Path) -> str:
    """Return the suffix, in lower case, of the file that a plan is to be written to.

    Raises:
        ValueError: it is neither CSV's nor Parquet's.
    """
    suffix = path.suffix.lower()
    if suffix not in PARQUET + CSV:
        raise ValueError(f"plan {str(path)!r} must end in .parquet or .csv")
    return suffix


def plan_bytes(plan: CohortPlan, suffix: str) -> bytes:
    """Return what a plan's file with that suffix holds, `.csv` or one of Parquet's."""
    if suffix in CSV:
        return _csv_text(plan.table).encode()
    meta = json.dumps({"run_seed": plan.run_seed, "rules": dict(plan.rules)}, sort_keys=True)
    out = io.BytesIO()
    pq.write_table(plan.table.replace_schema_metadata({META: meta.encode()}), out)
    return out.getvalue()


def build_table(cells: dict[str, list[Any]], condition_type: type[BaseModel]) -> pa.Table:
    """Return cells in the condition's own types as a table: keys first, then the model's order; empty columns go."""
    columns = columns_of(condition_type)
    arrays = {"sample_id": pa.array(cells["sample_id"], pa.string()), "seed": pa.array(cells["seed"], pa.int64())}
    for name, column in columns.items():
        if name in cells and any(value is not None for value in cells[name]):
            arrays[name] = pa.array(cells[name], arrow_type(column))
    return pa.table(arrays)


def _read_parquet(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    table = pq.read_table(path)
    try:
        meta = json.loads((table.schema.metadata or {}).get(META, b"{}"))
    except ValueError:
        meta = {}
    return table.replace_schema_metadata(None), meta if isinstance(meta, dict) else {}


def _read_csv(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Return a CSV file's cells as text columns."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8 text") from None
    rows = list(csv.reader(io.StringIO(text), strict=True)) if text.strip() else []
    rows = [row for row in rows if row]
    if not rows:
        raise ValueError("the file is empty")
    head, body = [name.strip() for name in rows[0]], rows[1:]
    _refuse_twice(head, "column")
    for i, row in enumerate(body):
        if len(row) != len(head):
            raise ValueError(f"row {i + 1} has {len(row)} cells, the head has {len(head)}")
    return pa.table({name: pa.array([row[j].strip() for row in body], pa.string()) for j, name in enumerate(head)}), {}


def _checked(
    raw: pa.Table, condition_type: type[BaseModel] | None, run_seed: int | None, rules: dict[str, Any]
) -> CohortPlan:
    """Return a plan from raw columns after the checks that need no condition."""
    if "sample_id" not in raw.column_names:
        raise ValueError("there is no column sample_id")
    ids = [None if value is None else str(value) for value in raw.column("sample_id").to_pylist()]
    _check_ids(ids)
    if "seed" in raw.column_names:
        seeds = [_seed(value, i) for i, value in enumerate(raw.column("seed").to_pylist())]
    elif run_seed is None:
        raise ValueError("there is no column seed; name a run seed (--seed) to derive the seeds from the sample ids")
    else:
        seeds = [sample_seed(run_seed, str(name)) for name in ids]
    if condition_type is None:
        keys = {"sample_id": pa.array(ids, pa.string()), "seed": pa.array(seeds, pa.int64())}
        others = {name: raw.column(name) for name in raw.column_names if name not in KEYS}
        return CohortPlan(pa.table({**keys, **others}), run_seed, rules)
    cells: dict[str, list[Any]] = {"sample_id": list(ids), "seed": list(seeds)}
    cells |= _typed(raw, columns_of(condition_type))
    return CohortPlan(build_table(cells, condition_type), run_seed, rules)


def _check_ids(ids: Sequence[str | None]) -> None:
    if not ids:
        raise ValueError("there are no rows")
    for i, name in enumerate(ids):
        if name is None or SAMPLE_ID.fullmatch(name) is None:
            raise ValueError(f"row {i + 1}: sample_id {name!r} must be 1 to 64 letters, digits, '_' or '-'")
    _refuse_twice([str(name) for name in ids], "sample_id")


def _refuse_twice(names: Sequence[str], kind: str) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        first, second = [i + 1 for i, other in enumerate(names) if other == name][:2]
        place = f", in rows {first} and {second}" if kind == "sample_id" else ""
        raise ValueError(f"{kind} {name!r} stands {count} times{place}")


def _seed(value: Any, row: int) -> int:
    try:
        seed = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"row {row + 1}: seed {value!r} is not a whole number") from None
    if not 0 <= seed < 2**63 or (isinstance(value, float) and value != seed):
        raise ValueError(f"row {row + 1}: seed {value!r} is not a whole number from 0 to 2^63 - 1")
    return seed


def _typed(raw: pa.Table, columns: dict[str, Column]) -> dict[str, list[Any]]:
    """Return the condition's columns in their own types.

    Raises:
        ValueError: a column is not known, or a cell is not of its column's type.
    """
    cells: dict[str, list[Any]] = {}
    for name in raw.column_names:
        if name in KEYS:
            continue
        if name not in columns:
            raise ValueError(unknown("column", name, [*KEYS, *columns]))
        column, values = columns[name], raw.column(name).to_pylist()
        typed = raw.schema.field(name).type == arrow_type(column) and column.kind in ("integer", "boolean")
        cells[name] = values if typed and not column.listed else _parsed(column, values)
    return cells


def _parsed(column: Column, values: Sequence[Any]) -> list[Any]:
    parse: Callable[[Any], Any] = column.parse
    done: list[Any] = []
    for i, value in enumerate(values):
        if value is None or value == LEFT_OUT or (value == "" and not column.listed) or value != value:
            done.append(None)
            continue
        try:
            done.append(parse(value))
        except (ValueError, TypeError) as error:
            raise ValueError(f"row {i + 1}: {error}") from None
    return done


def _csv_text(table: pa.Table) -> str:
    """Return a plan as CSV text with one line a sample."""
    names = table.column_names
    lists = {name for name in names if pa.types.is_list(table.schema.field(name).type)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in table.to_pylist():
        writer.writerow([_cell(row[name], name in lists) for name in names])
    return out.getvalue()


def _cell(value: Any, listed: bool) -> str:
    if value is None:
        return LEFT_OUT if listed else ""
    return "|".join(str(item) for item in value) if listed else str(value)
