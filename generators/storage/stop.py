"""Stopping on request: Ctrl-C or SIGTERM sets a flag that is looked at between batches."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar


class Interrupted(Exception):
    """Generation was stopped with work left; the same command goes on where it stood."""

    exit_code: ClassVar[int] = 75


class StopFlag:
    """A flag that says stop; calling it tells whether it is set."""

    def __init__(self) -> None:
        """Start unset."""
        self._event = threading.Event()

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._event.is_set()

    def set(self) -> None:
        """Ask for a stop."""
        self._event.set()


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Yield a flag that Ctrl-C and SIGTERM set; a second Ctrl-C interrupts at once.

    Works in the main thread only; in another thread the flag is never set by a signal.
    """
    flag = StopFlag()

    def ask(number: int, frame: FrameType | None) -> None:
        if flag() and number == signal.SIGINT:
            raise KeyboardInterrupt
        flag.set()

    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
