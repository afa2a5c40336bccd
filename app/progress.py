"""Progress on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called with (done, total).
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def on_stderr(label: str, quiet: bool = False) -> Iterator[Progress]:
    """Yield a function that shows how far the work is.

    Args:
        label: what is being done.
        quiet: show nothing.
    """
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        yield from _bar(label)
    else:
        yield _Lines(label)


class _Lines:
    """One line for each tenth of the work."""

    def __init__(self, label: str) -> None:
        self.label, self.shown = label, -1

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > self.shown:
            self.shown = tenth
            print(f"{self.label}: {done} of {total}", file=sys.stderr, flush=True)


def _bar(label: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
