"""What a failure is called on the command line: an exit code and one line."""

from __future__ import annotations

import errno

DONE, FAILURE, USAGE, QUARANTINED, DAMAGED, STOPPED = 0, 1, 2, 3, 4, 75


# Verbs whose finished parts are kept when they are stopped.
RESUMED = frozenset({"sample", "submit", "fit", "demo", "evaluate"})


def told(error: BaseException, verb: str = "sample") -> tuple[int, str]:
    """Return (exit code, one line) for an exception.

    Args:
        error: what was raised.
        verb: that was run; one that keeps nothing when it is stopped says so.

    Errors of a user's making are ValueErrors and missing files (2); an exception may bring its own `exit_code`.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if hasattr(error, "format_message"):  # a wrong flag, in the words of the command-line library
        context = getattr(error, "ctx", None)
        return USAGE, f"{context.command_path if context else 'clinsynth'}: {_sentence(error.format_message())}"
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        after = "the same command goes on" if verb in RESUMED else "nothing is kept, the same command begins anew"
        return STOPPED, f"stopped; {after}"
    if isinstance(getattr(error, "setting", None), str):
        return USAGE, f"{flag_of(error.setting)} {error.said}"  # type: ignore[attr-defined]
    if isinstance(getattr(error, "exit_code", None), int):
        return error.exit_code, text  # type: ignore[attr-defined]
    if isinstance(error, OSError):
        return _told_by_system(error, text)
    if isinstance(error, ValueError):
        return USAGE, text
    if isinstance(error, MemoryError):
        return FAILURE, "out of memory; a smaller --batch-size or fewer --workers need less"
    return FAILURE, f"{type(error).__name__}: {text} (CLINSYNTH_DEBUG=1 shows where)"


def flag_of(setting: str) -> str:
    """Return the flag of a job's argument, such as `--shard-size` of `shard_size`."""
    return "--format" if setting == "file_format" else "--" + setting.replace("_", "-")


def _told_by_system(error: OSError, text: str) -> tuple[int, str]:
    if error.errno == errno.ENOSPC:
        return FAILURE, f"no space left on the disk{_place(error)}; what is finished is kept, the same command goes on"
    named = isinstance(
        error, FileNotFoundError | NotADirectoryError | IsADirectoryError | FileExistsError | PermissionError
    )
    line = f"{error.filename}: {(error.strerror or '').lower()}" if error.filename else text
    return (USAGE if named else FAILURE), line


def _place(error: OSError) -> str:
    return f" of {error.filename}" if error.filename else ""


def _sentence(text: str) -> str:
    return " ".join(text.split())
