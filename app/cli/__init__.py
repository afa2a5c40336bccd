"""The command line: one program, few verbs, the same names as in `clinsynth.app.jobs`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from ..failures import STOPPED, USAGE, told

DEBUG = "CLINSYNTH_DEBUG"
_INTERRUPTED = 130  # what the command-line library makes of a KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code."""
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _like_ctrl_c)
    code = run(sys.argv[1:] if arguments is None else arguments)
    if code == STOPPED:
        # An interrupt that fell into a C extension's import leaves a mark by which Python would end as if by SIGINT.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; an error is one line on standard error."""
    try:
        from .program import app

        code = app(args=list(arguments), prog_name="clinsynth", standalone_mode=False)
        sys.stdout.flush()
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        return int(code or 0)
    except BrokenPipeError:  # the reader of a pipe has gone (clinsynth models | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a bare `clinsynth`: its help as it is
            print(error.format_message(), file=sys.stderr)  # type: ignore[union-attr]
            return USAGE
        code, line = told(error, _verb(arguments))
        if os.environ.get(DEBUG):
            traceback.print_exc()
        print(f"clinsynth: {line}" if not line.startswith("clinsynth") else line, file=sys.stderr)
        return code


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")


def _like_ctrl_c(number: int, frame: object) -> None:
    raise KeyboardInterrupt
