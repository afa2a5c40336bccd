"""Holds array libraries to the number of threads that the data set's settings fix."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Limit BLAS and OpenMP, numba and torch to `threads` threads, those of them that are loaded.

    Sums in another order differ in the last bits, so the number of threads belongs to the recipe.
    """
    numba, torch = sys.modules.get("numba"), sys.modules.get("torch")
    before = numba.get_num_threads() if numba else 0, torch.get_num_threads() if torch else 0
    with threadpool_limits(threads):
        try:
            if numba:
                numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
            if torch:
                torch.set_num_threads(threads)
            yield
        finally:
            if numba:
                numba.set_num_threads(before[0])
            if torch:
                torch.set_num_threads(before[1])
