"""What `fit` says at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FitReport:
    """The outcome of a training run.

    Attributes:
        run: the run's folder.
        step: steps done, those before a resume included.
        steps: steps asked for.
        interrupted: whether it was stopped with steps left; the same call goes on.
        resumed_from: the step of the checkpoint it started from, None for a fresh start.
        loss: by phase, the mean over the steps of the last logged window of this call; empty if none was logged.
        validation_loss: by phase, of the averaged weights after the last step; empty without validation data or
            when interrupted.
        checkpoint: folder of the newest checkpoint.
        model: folder of the generator with the averaged weights, None when interrupted.
    """

    run: Path
    step: int
    steps: int
    interrupted: bool
    resumed_from: int | None
    loss: dict[str, float] = field(default_factory=dict)
    validation_loss: dict[str, float] = field(default_factory=dict)
    checkpoint: Path | None = None
    model: Path | None = None
