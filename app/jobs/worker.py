"""One worker process: reads what to do from standard input, says how far it is on standard output, as JSON lines."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..failures import STOPPED, told

Say = Callable[[dict[str, Any]], None]
_EVERY = 20  # samples between two messages


def work(spec: dict[str, Any], say: Say) -> None:
    """Write one part of a data set.

    Args:
        spec: `model`, `control`, `device`, `plan` (a validated Parquet file), `out`, `config`, `run_seed`, `part`.
        say: sends {"done", "total"}.
    """
    from ...conditioning.plan import CohortPlan
    from ...generators.storage import StorageConfig, stop_on_signals, write_part
    from .models import Control, build, controlled, placed, weights_of

    control = Control.model_validate(spec.get("control", {}))
    generator = placed(controlled(build(spec["model"]), control), spec.get("device", "auto"))
    plan = CohortPlan.read(spec["plan"], generator.condition_type, validate=False)

    def progress(done: int, total: int) -> None:
        if done % _EVERY == 0 or done in (1, total):
            say({"done": done, "total": total})

    config = StorageConfig(**spec["config"])
    with stop_on_signals() as stop:
        write_part(
            generator,
            plan,
            spec["out"],
            config,
            run_seed=spec["run_seed"],
            part=tuple(spec["part"]),
            weights_sha256=weights_of(generator),
            stop=stop,
            progress=progress,
        )


def main() -> int:
    """Run one worker and return its exit code."""
    line = sys.stdin.readline()
    if not line.endswith("\n"):  # the parent ended before it said what to do
        return STOPPED
    spec = json.loads(line)
    out, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints must not break the lines
    threading.Thread(target=_end_with_parent, args=(sys.stdin.fileno(),), daemon=True).start()
    lock = threading.Lock()

    def say(message: dict[str, Any]) -> None:
        with lock, suppress(BrokenPipeError):  # the parent is gone; its closed standard input asks for a stop
            print(json.dumps(message), file=out, flush=True)

    try:
        work(spec, say)
    except BaseException as error:
        code, text = told(error)
        if os.environ.get("CLINSYNTH_DEBUG"):
            raise
        say({"error": text, "exit": code})
        return code
    return 0


def _end_with_parent(stdin: int) -> None:
    """Ask for a stop when the parent is gone: nobody would start the rest, and two writers would meet.

    Reads the descriptor itself: a thread inside a buffered reader aborts the interpreter when it ends.
    """
    while os.read(stdin, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # All files are closed and all messages sent. Ending here spares the tear-down of native thread
    # pools, which now and then aborts a process whose work is done.
    os._exit(code)
