"""Runs worker processes: hands each its part, adds up their progress, stops them together."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..progress import Progress

# Libraries that would otherwise start a thread per core in every worker.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_PATIENCE_S = 20.0


class WorkerFailed(RuntimeError):
    """A worker ended without saying why: killed from outside, or out of memory."""


def run_workers(specs: Sequence[dict[str, Any]], threads: int, progress: Progress) -> None:
    """Run one process per spec until all are done.

    Args:
        specs: what each worker is to do; see `worker`.
        threads: threads that array libraries may use in each worker.
        progress: called with the sums of (done, total) over the workers.

    Raises:
        ValueError, Interrupted, ...: what the first failing worker raised, under the same exit code.
        WorkerFailed: a worker was killed.
    """
    said: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
    crew = [_Worker(i, spec, threads, said) for i, spec in enumerate(specs)]
    try:
        with _forwarding(crew):
            _listen(crew, said, progress)
    finally:
        for worker in crew:
            worker.end()


def _listen(crew: Sequence[_Worker], said: queue.SimpleQueue[tuple[int, dict[str, Any]]], progress: Progress) -> None:
    """Add up progress until every worker has ended; raise the first failure after all have stopped."""
    counts = [(0, 0)] * len(crew)
    failures: list[dict[str, Any]] = []
    running = set(range(len(crew)))
    while running:
        try:
            i, message = said.get(timeout=0.2)  # a timeout lets signal handlers run
        except queue.Empty:
            continue
        if "done" in message:
            counts[i] = (message["done"], message["total"])
            if all(total for _, total in counts):  # before that the total is not known
                progress(sum(done for done, _ in counts), sum(total for _, total in counts))
        elif "error" in message:
            failures.append(message)
            for other in crew:  # no use in going on: the same command will go on where they stop
                other.signal(signal.SIGTERM)
        elif "ended" in message:
            running.discard(i)
            if message["ended"] != 0 and not crew[i].spoke:
                failures.append({"error": _death(message["ended"]), "kind": "WorkerFailed", "exit": 1})
                for other in crew:
                    other.signal(signal.SIGTERM)
    if failures:
        raise _as_exception(min(failures, key=lambda f: f["exit"] == 75))  # a cause before its consequences


def _death(code: int) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"a worker {how}; finished shards are kept, the same command goes on"


def _as_exception(failure: dict[str, Any]) -> Exception:
    """Return a worker's failure as an exception with its exit code."""
    text = failure["error"]
    if failure["exit"] == 2:
        return ValueError(text)
    raised = WorkerFailed(text)
    raised.exit_code = failure["exit"]  # type: ignore[attr-defined]
    return raised


@contextmanager
def _forwarding(crew: Sequence[_Worker]) -> Iterator[None]:
    """Hand Ctrl-C and SIGTERM on to the workers; they finish or drop what is open and say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hand_on(number: int, frame: object) -> None:
        for worker in crew:
            worker.signal(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker: few threads, and modules found where this process finds them."""
    found = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads)), "PYTHONPATH": found}


class _Worker:
    """One process; its standard input stays open for as long as its parent lives."""

    def __init__(
        self, index: int, spec: dict[str, Any], threads: int, said: queue.SimpleQueue[tuple[int, dict[str, Any]]]
    ) -> None:
        self.spoke = False
        self._index, self._said = index, said
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "clinsynth.app.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(threads),
            start_new_session=True,  # a terminal's Ctrl-C comes through the parent, once
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(spec).encode() + b"\n")
        self._process.stdin.flush()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        """Pass on what the worker says, line by line, and at last that it ended."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            self.spoke = self.spoke or "error" in message
            self._said.put((self._index, message))
        self._said.put((self._index, {"ended": self._process.wait()}))

    def signal(self, number: int) -> None:
        """Send a signal, if the process still runs."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def end(self) -> None:
        """Make sure that the process is gone."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._thread.join(_PATIENCE_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
