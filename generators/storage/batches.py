"""Runs a generator over one shard's rows in batches, and halves a batch that does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pydantic import BaseModel

from ...conditioning.record import Record
from ..protocol import Generator


class Batches:
    """The records of one shard, made batch by batch.

    Attributes:
        smallest: size of the smallest batch, if one was halved; else None.
    """

    def __init__(self, generator: Generator, batch_size: int, before_batch: Callable[[], None]) -> None:
        """Make records with `generator`; `before_batch` is called before each batch and may raise."""
        self.smallest: int | None = None
        self._generator = generator
        self._batch_size = batch_size
        self._before_batch = before_batch

    def records(
        self, sample_ids: Sequence[str], conditions: Sequence[BaseModel], seeds: Sequence[int]
    ) -> Iterator[Record]:
        """Yield one record per sample, in order, under the sample's id.

        Raises:
            ValueError: the generator refuses a condition; the message names the sample or its batch.
            RuntimeError: the generator does not yield one record per condition.
        """
        size, done = self._batch_size, 0
        while done < len(sample_ids):
            self._before_batch()
            cut = slice(done, min(done + size, len(sample_ids)))
            try:
                for record in self._batch(sample_ids[cut], conditions[cut], seeds[cut]):
                    done += 1
                    yield record
            except Exception as error:  # torch has its own class for a full device
                if not _out_of_memory(error):
                    raise
                size = self._halved(size)

    def _halved(self, size: int) -> int:
        """Return half the batch; a generator whose passes have a fixed size halves that instead, as long as it can.

        Must be called while the error is handled: a batch of one that does not fit is the error itself.
        """
        halve: Callable[[], int | None] = getattr(self._generator, "halve_pass", lambda: None)
        passes = halve()
        if passes is None and size == 1:
            raise
        smaller = max(1, size // 2) if passes is None else min(size, passes)
        self.smallest = min(smaller, self.smallest or smaller)
        return smaller

    def _batch(
        self, sample_ids: Sequence[str], conditions: Sequence[BaseModel], seeds: Sequence[int]
    ) -> Iterator[Record]:
        made = 0
        try:
            for record in self._generator.generate(conditions, seeds):
                if made == len(sample_ids):
                    raise RuntimeError(f"generator {self._generator.name} yields more records than conditions")
                yield replace(record, record_id=sample_ids[made])
                made += 1
        except ValueError as error:
            left = sample_ids[made:]
            which = f"sample {left[0]!r}" if len(left) == 1 else f"one of the samples {left[0]!r} to {left[-1]!r}"
            raise ValueError(f"{which}: {error}") from error
        if made < len(sample_ids):
            asked = f"{len(sample_ids)} conditions"
            raise RuntimeError(f"generator {self._generator.name} yields {made} records for {asked}")


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
