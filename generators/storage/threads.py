"""Holds array libraries to the number of threads that the data set's settings fix."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Limit BLAS and OpenMP, numba and torch to `threads` threads, those of them that are loaded.

    Sums in another order differ in the last bits, so the number of threads belongs to the recipe. All
    libraries get back what they had.
    """
    numba, torch = sys.modules.get("numba"), sys.modules.get("torch")
    with ExitStack() as after:  # undone from the last to the first
        if torch:
            # Asked before numba is: that starts numba's threads, which sets the OpenMP that torch counts by.
            after.callback(torch.set_num_threads, torch.get_num_threads())
        after.enter_context(threadpool_limits(threads))
        if numba:
            after.callback(numba.set_num_threads, numba.get_num_threads())
            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
            after.enter_context(threadpool_limits(threads))
        if torch:
            torch.set_num_threads(threads)
        yield
