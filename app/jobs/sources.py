"""One side of an evaluation: records of anybody's, wherever they come from, and what is known of their making."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

GENERIC = ("image", "volume", "signal")  # kinds of tables that are of no modality of the studio's

if TYPE_CHECKING:
    from ...conditioning.dataset import DatasetReader
    from ...conditioning.dataset.schema import Quarantined
    from ...conditioning.record import Record


@dataclass(frozen=True)
class Side:
    """Records of one side, and where they come from.

    Attributes:
        source: as it was named: a folder, READER:PATH or embedded:NAME.
        name: what a page calls it.
        records: those that could be read.
        unreadable: a line for each that could not.
        dataset: the data set, where the studio wrote it.
        n_read: how many could be read, when some of them were left out since.
    """

    source: str
    name: str
    records: tuple[Record, ...]
    unreadable: tuple[str, ...] = ()
    dataset: DatasetReader | None = field(default=None, repr=False)
    n_read: int = 0

    @property
    def n(self) -> int:
        """Return how many records the source holds; those that it was read for, where it does not say."""
        if self.dataset is not None:
            return len(self.dataset)
        return max(self.n_read, len(self.records)) + len(self.unreadable)

    @property
    def quarantined(self) -> Sequence[Quarantined]:
        """Return what the studio made and did not write; nothing of a stranger's."""
        return [] if self.dataset is None else self.dataset.quarantined

    def facts(self) -> dict[str, Any]:
        """Return what is known of how the records were made, for a page."""
        if self.dataset is None:
            told = {"source": self.source, "samples": self.n, "unreadable": len(self.unreadable)}
            made = sorted({str(r.provenance["generator"]) for r in self.records if r.provenance.get("generator")})
            return told | ({"generator": ", ".join(made)} if made else {"generator": "not stated"})
        info = self.dataset.info
        return {
            "generator": info.generator,
            "samples": info.n,
            "quarantined": len(self.quarantined),
            "run seed": info.run_seed,
            "plan sha256": info.plan_sha256,
            "recipe sha256": info.recipe_sha256,
        }


@dataclass
class Opened:
    """A source whose name was found to be right; `read` reads it, once."""

    source: str
    records: Iterator[Record]
    skipped: list[str]
    dataset: DatasetReader | None

    def condition(self) -> str | None:
        """Return the class name of the condition type: that of the data set, or of the first record with one.

        Raises:
            ValueError: no record can be read.
        """
        if self.dataset is not None:
            return self.dataset.info.condition
        seen: list[Record] = []
        for record in self.records:
            seen.append(record)
            if record.condition is not None:
                break
        self.records = chain(seen, self.records)
        if not seen:
            raise ValueError(self._none_read())
        last = seen[-1].condition
        return None if last is None else type(last).__name__

    def read(self, limit: int | None = None) -> Side:
        """Read the records; a data set of the studio's is held against its receipts first.

        Args:
            limit: the first so many; all when None.

        Raises:
            DamagedDataset: a receipt or a hash does not fit.
            ValueError: the data set is unfinished, or nothing can be read.
        """
        if self.dataset is not None:
            _check_receipts(self.dataset, self.source)
        records = tuple(islice(self.records, limit))
        if not records:
            raise ValueError(self._none_read())
        name = Path(self.source.partition("?")[0].partition(":")[2] or self.source).stem
        if self.dataset is not None:
            name = self.dataset.info.name
        return Side(self.source, name, records, tuple(self.skipped), self.dataset, len(records))

    def _none_read(self) -> str:
        if self.skipped:
            return f"none of the {len(self.skipped)} records of {self.source} can be read; {self.skipped[0]}"
        return f"{self.source} holds no records"


def _check_receipts(dataset: DatasetReader, source: str) -> None:
    from ...conditioning.dataset import DamagedDataset, verify

    if not dataset.complete:
        raise ValueError(f"{source} is unfinished; run the command that makes it again, then evaluate")
    problems = verify(dataset.root).problems
    if problems:
        raise DamagedDataset(problems[0])


def open_sources(sources: Mapping[str, str], lenient: Sequence[str] = ()) -> dict[str, Opened]:
    """Find sources by their names, before anything is read.

    A table of paths alone says nothing of its kind; then it is of the kind of the other tables.

    Args:
        sources: by the side that they are.
        lenient: sides of which a record that cannot be read is counted and left out, unless an option says otherwise;
            in tables it always is.

    Raises:
        ValueError: a source that is missing or not of its kind.
    """
    kinds = {side: _kind_of(source) for side, source in sources.items()}
    free = next((kind for kind in kinds.values() if kind in GENERIC), None)
    return {
        side: _opened(source, side in lenient, None if kinds[side] in GENERIC else free)
        for side, source in sources.items()
    }


def _opened(source: str, lenient: bool, kind: str | None) -> Opened:
    from ...conditioning.readers import READERS, read
    from ...conditioning.readers.options import split_options

    if Path(source).is_dir():
        reader = import_module("clinsynth.conditioning.dataset").open_dataset(source)
        return Opened(source, iter(reader), [], reader)
    base, behind = split_options(source)
    name = base.partition(":")[0]
    skipped: list[str] = []
    if name == "phantom":
        return Opened(source, import_module("clinsynth.generators.mri.phantom").read_brains(source), [], None)
    options: dict[str, Any] = {}
    if name in READERS and ":" in base:
        module, function = READERS[name].split(":")
        takes = inspect.signature(getattr(import_module(module), function)).parameters
        options |= {"skipped": skipped} if "skipped" in takes else {}
        if "on_error" in takes and "on_error" not in behind and (lenient or name == "table"):
            options["on_error"] = "skip"
        if name == "table" and kind is not None and "kind" not in behind:
            options["kind"] = kind
    return Opened(source, read(source, **options), skipped, None)


def _kind_of(source: str) -> str | None:
    """Return what the files of a table are of; None for other sources."""
    from ...conditioning.readers.options import split_options
    from ...conditioning.readers.table_kinds import kind_of_table

    base, behind = split_options(source)
    if not base.startswith("table:") or base == "table:":
        return None
    return kind_of_table(base.removeprefix("table:"), behind.get("kind"), behind.get("fs_hz"))
