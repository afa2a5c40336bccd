"""Reads a data set, sample by sample, from the shards that have a receipt and from no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..record import Record
from ..words import one_line
from .formats import condition_type, decoder
from .layout import INFO, MANIFEST, PLAN, receipt_path, shard_count, shard_file
from .schema import DamagedDataset, DatasetInfo, Quarantined, Receipt, unseal
from .shard_files import shard_files
from .tables import BySample, read_table

if TYPE_CHECKING:
    import pyarrow as pa

DIGEST = "sha256_"  # manifest column per file suffix: sha256_hea, sha256_dat, ...


def read_info(root: Path) -> DatasetInfo:
    """Read `dataset.json`.

    Raises:
        ValueError: the folder is not a data set.
        DamagedDataset: it is one, and the file does not verify.
    """
    try:
        text = (root / INFO).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"{root} is not a data set: it has no {INFO}") from error
    return unseal(text, DatasetInfo, str(root / INFO))


def read_receipt(root: Path, k: int) -> Receipt | None:
    """Read shard k's receipt; None if the shard is not done.

    Raises:
        DamagedDataset: the receipt does not verify.
    """
    path = receipt_path(root, k)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    return unseal(text, Receipt, str(path))


def read_shard_table(root: Path, info: DatasetInfo, k: int, name: str) -> pa.Table:
    """Read a table of shard k, such as `manifest` or `waves`."""
    return read_table(shard_file(root, info.layout, k, f"{name}.parquet"))


class DatasetReader:
    """A data set as a lazy sequence of records.

    Attributes:
        root: the data set's folder.
        info: what `dataset.json` says.
        receipts: receipt per finished shard.
    """

    def __init__(self, root: Path, condition: type[BaseModel] | None = None) -> None:
        """Read `dataset.json` and the receipts of the data set in `root`."""
        self.root = root
        self.info = read_info(root)
        found = ((k, read_receipt(root, k)) for k in range(shard_count(self.info.n, self.info.shard_size)))
        self.receipts: dict[int, Receipt] = {k: receipt for k, receipt in found if receipt is not None}
        self._condition = condition or condition_type(self.info.condition)
        self._decode = decoder(self.info.file_format)
        self._last: _OpenShard | None = None

    @property
    def complete(self) -> bool:
        """Whether every shard has its receipt."""
        return len(self.receipts) == shard_count(self.info.n, self.info.shard_size)

    @property
    def quarantined(self) -> list[Quarantined]:
        """The samples that were made and not written."""
        return [q for receipt in self.receipts.values() for q in receipt.quarantined]

    @cached_property
    def ids(self) -> list[str]:
        """The ids of the written samples, in the plan's order."""
        return [i for receipt in self.receipts.values() for i in receipt.written_ids]

    @cached_property
    def _shard_of(self) -> dict[str, int]:
        return {i: k for k, receipt in self.receipts.items() for i in receipt.written_ids}

    def __len__(self) -> int:
        """The number of written samples."""
        return sum(receipt.count for receipt in self.receipts.values())

    def __iter__(self) -> Iterator[Record]:
        """Yield every record, in the plan's order, holding one shard's tables at a time."""
        for k in self.receipts:
            yield from _OpenShard(self, k)

    def shard(self, k: int) -> Iterator[Record]:
        """Yield the records of one finished shard.

        Raises:
            ValueError: the shard has no receipt.
        """
        if k not in self.receipts:
            raise ValueError(f"shard {k} of {self.root} is not finished; finished are {len(self.receipts)}")
        return iter(_OpenShard(self, k))

    def record(self, sample_id: str) -> Record:
        """Return one record by its id.

        Raises:
            ValueError: no such sample, or it was quarantined.
        """
        if sample_id not in self._shard_of:
            bad = next((q.detail for q in self.quarantined if q.sample_id == sample_id), None)
            why = f"was quarantined: {bad}" if bad else "is not in a finished shard"
            raise ValueError(f"sample {sample_id!r} of {self.root} {why}")
        return self._open(self._shard_of[sample_id]).record(sample_id)

    def _open(self, k: int) -> _OpenShard:
        if self._last is None or self._last.k != k:  # neighbours are often asked for in turn
            self._last = _OpenShard(self, k)
        return self._last

    def manifest(self) -> pa.Table:
        """Return one row a written sample: address, hashes, condition, seed, quality scores."""
        return self.table(MANIFEST)

    def table(self, name: str) -> pa.Table:
        """Return a table over all finished shards, such as `waves`, `beats`, `rhythms`.

        Raises:
            ValueError: no shard has such a table.
        """
        import pyarrow as pa

        file = f"{name}.parquet"
        parts = [read_shard_table(self.root, self.info, k, name) for k, r in self.receipts.items() if file in r.files]
        if not parts:
            known = sorted({f.removesuffix(".parquet") for r in self.receipts.values() for f in r.files})
            raise ValueError(f"{self.root} has no table {name!r} (there are: {', '.join(known) or 'none yet'})")
        return pa.concat_tables([part for part in parts if part.num_rows] or parts[:1], promote_options="default")

    def condition_of(self, row: Mapping[str, Any]) -> BaseModel:
        """Return the condition of a row of the manifest.

        Raises:
            ValueError: it is not one of the data set's condition type.
        """
        try:
            return self._condition.model_validate_json(row["condition"])
        except ValidationError as error:
            said = one_line(error, self._condition)
            raise ValueError(f"condition of sample {row['sample_id']!r}: {said}") from error

    def plan(self) -> pa.Table:
        """Return the plan's rows."""
        return read_table(self.root / PLAN)


class _OpenShard:
    """One shard with its tables in memory; files of samples are read when they are asked for."""

    def __init__(self, reader: DatasetReader, k: int) -> None:
        self.k = k
        self._reader = reader
        root, info, files = reader.root, reader.info, reader.receipts[k].files
        manifest = read_shard_table(root, info, k, MANIFEST)
        self._suffixes = [c.removeprefix(DIGEST) for c in manifest.column_names if c.startswith(DIGEST)]
        self._rows = {row["sample_id"]: row for row in manifest.to_pylist()}
        names = [f.removesuffix(".parquet") for f in files if f.endswith(".parquet") and f != f"{MANIFEST}.parquet"]
        self._tables = {name: BySample(read_shard_table(root, info, k, name)) for name in names}
        self._files = shard_files(root, info.layout, k)

    def __iter__(self) -> Iterator[Record]:
        return (self.record(sample_id) for sample_id in self._rows)

    def record(self, sample_id: str) -> Record:
        if sample_id not in self._rows:
            raise DamagedDataset(f"{self._reader.root}: the manifest of shard {self.k} has no row of {sample_id!r}")
        row = self._rows[sample_id]
        members = {s: self._files.read(f"{sample_id}.{s}") for s in self._suffixes if row[DIGEST + s] is not None}
        arrays, geometry = self._reader._decode(sample_id, members)
        return Record(
            sample_id,
            arrays,
            self._reader.condition_of(row),
            geometry,
            json.loads(row["provenance"]),
            {name: table.of(sample_id) for name, table in self._tables.items()},
            json.loads(row["truth"]),
        )


def open_dataset(path: str | Path, condition: type[BaseModel] | None = None) -> DatasetReader:
    """Open a data set for reading.

    Args:
        path: the data set's folder.
        condition: condition type; by default the one that `dataset.json` names.

    Raises:
        ValueError: the folder is not a data set, or its condition type or file format is unknown.
        DamagedDataset: `dataset.json` or a receipt does not verify.
    """
    return DatasetReader(Path(path), condition)
