"""How far one part is, and the place where it stops when asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...conditioning.dataset.layout import part_shards, shard_count, shard_samples
from ...conditioning.dataset.schema import DatasetInfo
from .stop import Interrupted


class Progress:
    """Counts the samples of one part.

    Attributes:
        shards: the part's shards.
        total: samples of the part.
        made: shards made by this call.
        stop: says whether to stop.
    """

    def __init__(
        self,
        root: Path,
        info: DatasetInfo,
        part: tuple[int, int],
        stop: Callable[[], bool],
        tell: Callable[[int, int], None],
    ) -> None:
        """Count part (w, W) of a data set; `tell` hears (samples done, samples of the part)."""
        self.shards = part_shards(shard_count(info.n, info.shard_size), part)
        self.total = sum(len(shard_samples(k, info.n, info.shard_size)) for k in self.shards)
        self.made = 0
        self.stop = stop
        self._root, self._tell = root, tell
        self._done = self._kept = self._shards_done = 0

    def before_batch(self) -> None:
        """Stop here if asked.

        Raises:
            Interrupted: the message says how much is left.
        """
        if self.stop():
            done = f"{self._shards_done} of {len(self.shards)} shards of this part are finished"
            left = f"{self.total - self._kept} samples are left"
            raise Interrupted(f"{self._root}: stopped; {done}, {left}; run the same command again to go on")

    def one(self) -> None:
        """Count a sample."""
        self._done += 1
        self._tell(self._done, self.total)

    def finished(self, samples_found: int, made: bool) -> None:
        """Count a shard that has its receipt; `samples_found` were finished before this call."""
        self._done += samples_found
        self._kept = self._done
        self._shards_done += 1
        self.made += made
        if samples_found:
            self._tell(self._done, self.total)
