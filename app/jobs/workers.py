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
from contextlib import contextmanager, suppress
from typing import Any

from ..failures import FAILURE, STOPPED, USAGE
from ..progress import Progress

# Libraries that would otherwise start a thread per core in every worker.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_PATIENCE_S = 20.0


Said = queue.SimpleQueue[tuple[int, dict[str, Any]]]


class WorkerFailed(RuntimeError):
    """A worker failed, or ended without saying why: killed from outside, or out of memory."""

    exit_code = FAILURE


class Stopped(RuntimeError):
    """Stopped by Ctrl-C or SIGTERM with work left."""

    exit_code = STOPPED


_STOPPED_EARLY = {"error": "stopped before the first shard; the same command goes on", "exit": STOPPED}


def run_workers(specs: Sequence[dict[str, Any]], threads: int, progress: Progress) -> None:
    """Run one process per spec until all are done.

    Args:
        specs: what each worker is to do; see `worker`.
        threads: threads that array libraries may use in each worker.
        progress: called with the sums of (done, total) over the workers.

    Raises:
        ValueError, Stopped, ...: what the first failing worker raised, under the same exit code.
        WorkerFailed: a worker was killed.
    """
    crew = _Crew(progress, len(specs))
    try:
        with _handed_on(crew):
            crew.start(specs, threads)
            crew.listen()
    finally:
        crew.end()


class _Crew:
    """The workers of one run: starts them, adds up their progress, and stops all when one fails or a person asks."""

    def __init__(self, progress: Progress, size: int) -> None:
        self._progress = progress
        self._said: Said = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._counts = [(0, 0)] * size
        self._failures: list[dict[str, Any]] = []
        self._asked = 0  # how often a stop was asked for

    def start(self, specs: Sequence[dict[str, Any]], threads: int) -> None:
        """Start a worker per spec, unless a stop comes first."""
        for i, spec in enumerate(specs):
            if not self._asked:
                self._workers.append(_Worker(i, spec, threads, self._said))
        if self._asked:  # it may have come before the last worker was known
            self.stop()

    def stop(self) -> None:
        """Ask every worker to stop: at its next batch, or at once when asked again."""
        self._asked += 1
        for worker in self._workers:
            worker.signal(signal.SIGTERM if self._asked == 1 else signal.SIGINT)

    def listen(self) -> None:
        """Hear the workers until all have ended, then raise the first failure."""
        running = {worker.index for worker in self._workers}
        while running:
            try:
                i, message = self._said.get(timeout=0.2)  # a timeout lets signal handlers run
            except queue.Empty:
                continue
            if "done" in message:
                self._count(i, message["done"], message["total"])
            elif "error" in message:
                self._failed(message)
            else:
                running.discard(i)
                if message["ended"] != 0 and not self._workers[i].spoke:
                    self._failed(self._death(message["ended"]))
        if self._asked and not self._failures and len(self._workers) < len(self._counts):
            self._failures.append(_STOPPED_EARLY)
        if self._failures:
            raise _as_exception(min(self._failures, key=lambda f: f["exit"] == STOPPED))  # causes before consequences

    def end(self) -> None:
        """Make sure that every process is gone."""
        for worker in self._workers:
            worker.end()

    def _count(self, i: int, done: int, total: int) -> None:
        self._counts[i] = (done, total)
        if all(total for _, total in self._counts):  # before that the total is not known
            self._progress(sum(done for done, _ in self._counts), sum(total for _, total in self._counts))

    def _failed(self, failure: dict[str, Any]) -> None:
        """Keep a failure and stop the others: the same command will go on where they stop."""
        self._failures.append(failure)
        if not self._asked:
            self.stop()

    def _death(self, code: int) -> dict[str, Any]:
        if self._asked and -code in (signal.SIGTERM, signal.SIGINT):  # it had not yet begun to listen
            return _STOPPED_EARLY
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return {"error": f"a worker {how}; finished shards are kept, the same command goes on", "exit": FAILURE}


def _as_exception(failure: dict[str, Any]) -> Exception:
    """Return a worker's failure as an exception with its exit code."""
    text = failure["error"]
    if failure["exit"] in (USAGE, STOPPED):
        return ValueError(text) if failure["exit"] == USAGE else Stopped(text)
    raised = WorkerFailed(text)
    raised.exit_code = failure["exit"]
    return raised


@contextmanager
def _handed_on(crew: _Crew) -> Iterator[None]:
    """Hand Ctrl-C and SIGTERM on to the workers; they finish or drop what is open and say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, lambda number, frame: crew.stop()) for n in (signal.SIGINT, signal.SIGTERM)}
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

    def __init__(self, index: int, spec: dict[str, Any], threads: int, said: Said) -> None:
        self.index, self.spoke = index, False
        self._said = said
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "clinsynth.app.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(threads),
            start_new_session=True,  # a terminal's Ctrl-C comes through the parent, once
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died already; its end will be heard
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
            self._said.put((self.index, message))
        self._said.put((self.index, {"ended": self._process.wait()}))

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
                with suppress(BrokenPipeError):
                    stream.close()
