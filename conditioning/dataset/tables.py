"""Parquet in and out: deterministic bytes, and columns as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .schema import DamagedDataset

if TYPE_CHECKING:
    import pyarrow as pa

# pyarrow is imported where it is used: a command that reads no table does not wait for it.


def table_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet; the same table gives the same bytes under one version of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", version="2.6")
    return sink.getvalue().to_pybytes()


def read_table(path: Path) -> pa.Table:
    """Read a Parquet file.

    Raises:
        DamagedDataset: the file is missing, cut or not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open(path, "rb") as file:
            return pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise DamagedDataset(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]


def columns(table: pa.Table) -> dict[str, np.ndarray]:
    """Return a table's columns as NumPy arrays; text becomes fixed-width Unicode."""
    return {name: _column(table.column(name)) for name in table.column_names}


def _column(column: pa.ChunkedArray) -> np.ndarray:
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return column.to_numpy()
    coded = column.combine_chunks().dictionary_encode()  # text repeats: decode each word once
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    words = np.array(coded.dictionary.to_pylist(), dtype=str)
    return words[coded.indices.to_numpy()] if len(coded) else np.empty(0, dtype="<U1")


class BySample:
    """A truth table cut by sample, without a search: rows of one sample follow each other."""

    def __init__(self, table: pa.Table) -> None:
        """Index a table whose first column is `sample_id`."""
        self._columns = columns(table)
        ids = self._columns.pop("sample_id")
        starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if len(ids) else np.empty(0, int)
        stops = np.r_[starts[1:], len(ids)].astype(int)
        self._rows = {str(ids[a]): slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True)}

    def of(self, sample_id: str) -> Mapping[str, np.ndarray]:
        """Return the columns of one sample; empty ones if the table has no row of it."""
        rows = self._rows.get(sample_id, slice(0, 0))
        return {name: values[rows] for name, values in self._columns.items()}

    def __iter__(self) -> Iterator[str]:
        """Iterate over the samples that have rows."""
        return iter(self._rows)
