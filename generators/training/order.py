"""Which rows make which batch: a pure function, so that a resumed run needs no memory of where it stood."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Int

from ...conditioning.seeds import stream


def rows_of(seed: int, step: int, n: int, batch_size: int) -> Int[np.ndarray, " b"]:
    """Return the row numbers of one batch, int64 in [0, n).

    Every row comes once an epoch, in an order drawn from (seed, epoch). Epochs run on across the borders of batches.

    Args:
        seed: of the run.
        step: of the batch, counted from 0.
        n: number of rows.
        batch_size: b.

    Raises:
        ValueError: there are no rows.
    """
    if n < 1:
        raise ValueError("there are no examples to train on")
    position = np.arange(step * batch_size, (step + 1) * batch_size, dtype=np.int64)
    epoch, within = np.divmod(position, n)
    epochs = range(int(epoch[0]), int(epoch[-1]) + 1)
    return np.concatenate([_order(seed, e, n)[within[epoch == e]] for e in epochs])


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, n: int) -> Int[np.ndarray, " n"]:
    keys = stream(seed, f"training.order/{epoch}").integers(2**64, size=n, dtype=np.uint64)
    order = np.argsort(keys, kind="stable")
    order.setflags(write=False)
    return order


def cuts(batch_size: int, rank: int, world: int, accumulation: int) -> list[slice]:
    """Return the parts of a global batch that one process takes, in turn.

    Args:
        batch_size: of the global batch.
        rank: of the process.
        world: number of processes.
        accumulation: parts per process.

    Raises:
        ValueError: the batch is too small to give each part an example.
    """
    if batch_size < world * accumulation:
        raise ValueError(
            f"batch_size {batch_size} is too small for {world} processes with accumulation {accumulation}: "
            f"it needs at least {world * accumulation}"
        )
    first, last = rank * batch_size // world, (rank + 1) * batch_size // world
    edges = [first + i * (last - first) // accumulation for i in range(accumulation + 1)]
    return [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
