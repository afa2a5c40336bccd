"""evaluate and report: a synthetic data set beside real data, on one page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..progress import Progress, silent

FIRST_LOOK = "first_look.json"
PAGE = "report.html"


def evaluate(
    real: str,
    synthetic: str,
    out: str | Path,
    *,
    seed: int = 0,
    workers: int = 1,
    limit: int | None = None,
    progress: Progress = silent,
) -> Path:
    """Measure a synthetic data set and real data alike, and write first_look.json and report.html.

    Args:
        real: READER:PATH, embedded:NAME or a data set's folder.
        synthetic: a data set's folder.
        out: folder for the results.
        seed: seed of the halves and resamples.
        workers: processes that measure.
        limit: at most this many records of each side.
        progress: called with (records measured, records).

    Returns:
        The page.

    Raises:
        ValueError: a source is missing or not of its kind, or holds nothing to measure.
    """
    raise NotImplementedError


def report(evaluations: Sequence[str | Path], out: str | Path) -> Path:
    """Put evaluations on one page.

    Args:
        evaluations: folders that `evaluate` wrote.
        out: the .html file.

    Raises:
        ValueError: a folder holds no evaluation.
    """
    raise NotImplementedError
