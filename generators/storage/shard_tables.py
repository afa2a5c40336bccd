"""The tables of a shard: the manifest, one row a sample, and the truth of all its samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from ...conditioning.dataset.layout import MANIFEST, address
from ...conditioning.dataset.reader import DIGEST
from ...conditioning.dataset.schema import Layout
from ...conditioning.dataset.tables import table_bytes
from ...conditioning.plan.columns import Column, arrow_type, columns_of
from ...conditioning.record import Record, Table

if TYPE_CHECKING:
    import pyarrow as pa


_OWN = ("sample_id", "seed", "file", "condition", "truth", "provenance")


class ShardTables:
    """Collects the rows of one shard."""

    def __init__(self, layout: Layout, k: int, condition_type: type[BaseModel]) -> None:
        """Collect for shard k of samples with that condition."""
        self._layout, self._k = layout, k
        columns = columns_of(condition_type).values()
        # Nested fields, and a field that is called like one of the manifest's own columns, are in `condition` alone.
        self._flat: list[Column] = [c for c in columns if c.kind != "object" and c.name not in _OWN]
        self._rows: list[dict[str, Any]] = []
        self._suffixes: dict[str, None] = {}  # a set that keeps its order
        self._scores: dict[str, None] = {}
        self._truth: dict[str, list[tuple[int, Table]]] = {}

    def add(self, record: Record, seed: int, digests: Mapping[str, str], scores: Mapping[str, float]) -> None:
        """Add a written sample.

        Args:
            record: what was written.
            seed: the plan's seed.
            digests: sha256 per suffix of its files.
            scores: quality scores, finite or NaN.
        """
        self._suffixes |= dict.fromkeys(digests)
        self._scores |= dict.fromkeys(scores)
        condition = {} if record.condition is None else record.condition.model_dump(mode="json")
        row: dict[str, Any] = {c.name: condition.get(c.name) for c in self._flat}
        row |= {
            "sample_id": record.record_id,
            "seed": seed,
            "file": address(self._layout, self._k, f"{record.record_id}.{next(iter(digests))}"),
            "condition": json.dumps(condition, separators=(",", ":")),
            "truth": to_json(record.truth),
            "provenance": to_json(record.provenance),
        }
        row |= {DIGEST + suffix: digest for suffix, digest in digests.items()}
        self._rows.append(row | dict(scores))
        for name, table in record.tables.items():
            self._truth.setdefault(name, []).append((len(self._rows) - 1, table))

    def encode(self) -> dict[str, bytes]:
        """Return the tables as Parquet, by file name."""
        tables = {MANIFEST: self._manifest()} | {name: self._joined(name) for name in sorted(self._truth)}
        return {f"{name}.parquet": table_bytes(table) for name, table in tables.items()}

    def _manifest(self) -> pa.Table:
        import pyarrow as pa

        text, number = pa.string(), pa.float64()
        types: dict[str, pa.DataType] = {"sample_id": text, "seed": pa.int64(), "file": text}
        types |= {DIGEST + suffix: text for suffix in self._suffixes}
        types |= {c.name: arrow_type(c) for c in self._flat}
        types |= dict.fromkeys(self._scores, number) | dict.fromkeys(("condition", "truth", "provenance"), text)
        return pa.table({name: pa.array([row.get(name) for row in self._rows], kind) for name, kind in types.items()})

    def _joined(self, name: str) -> pa.Table:
        """Return a truth table of all samples, each row under its sample's id."""
        import pyarrow as pa

        # A sample without rows says nothing of the columns' types.
        parts = [(i, table) for i, table in self._truth[name] if _length(table)] or self._truth[name][:1]
        lengths = [_length(table) for _, table in parts]
        ids = pa.array([self._rows[i]["sample_id"] for i, _ in parts], pa.string())
        which = pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), lengths))
        found: dict[str, pa.Array] = {"sample_id": pa.DictionaryArray.from_arrays(which, ids).cast(pa.string())}
        for column in parts[0][1]:
            found[column] = _arrow(np.concatenate([np.asarray(table[column]) for _, table in parts]))
        return pa.table(found)


def _length(table: Table) -> int:
    return len(next(iter(table.values()), ()))


def _arrow(values: np.ndarray) -> pa.Array:
    import pyarrow as pa

    # Arrow reads Python strings faster than NumPy's fixed-width ones; NaN stays NaN.
    return pa.array(values.astype(object), pa.string()) if values.dtype.kind in "UO" else pa.array(values)


def to_json(values: Mapping[str, Any]) -> str:
    """Return a mapping as JSON; NumPy scalars become numbers, a NaN becomes null."""
    return json.dumps(_plain(values), separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
