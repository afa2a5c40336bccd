"""`fit`: trains a generator into a run folder, on one CPU or many GPUs, and goes on where a run was stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .config import TrainingConfig
from .examples import Examples, check_examples, fingerprint
from .gradient import GradientStep, gradient_step
from .order import cuts
from .processes import let_go, make_accelerator, on_main, own_random_state, tracked
from .report import FitReport
from .run_folder import Resume, RunFolder, record_of
from .sharding import sharding_of
from .state import TrainingState
from .steps import Course
from .trainee import Trainee, check_trainee


def never() -> bool:
    """Return that nobody asks for a stop."""
    return False


def ignore(line: Mapping[str, Any]) -> None:
    """Do nothing with a line of the log."""


def fit(
    trainee: Trainee,
    train: Examples,
    validation: Examples | None,
    config: TrainingConfig,
    run: Path,
    *,
    model_config: Mapping[str, Any],
    resume: Resume = "latest",
    gradient_step: GradientStep = gradient_step,
    stop: Callable[[], bool] = never,
    on_log: Callable[[Mapping[str, Any]], None] = ignore,
) -> FitReport:
    """Train and return how it ended; the generator with the averaged weights lies in `run/model`.

    In one process on a CPU a run that was stopped or killed and started again ends with the weights, bit for bit, of
    one that was not. Under `accelerate launch` (GPUs) or `torchrun` (GPUs, or the cores of a CPU) every process calls
    this; the run folder must be one that all can read. With FSDP asked of the launcher each process holds its share of
    the weights, gradients, moments and averages; a run may go on with other processes, with FSDP or without.

    Args:
        trainee: networks, losses and how to save them; its own networks stay as they are.
        train: rows to learn from.
        validation: rows of other patients, or None.
        config: how to train.
        run: the run's folder.
        model_config: JSON-able settings of the model; a run that goes on must have the same.
        resume: "latest" goes on from the newest checkpoint if there is one, "never" asks for an empty folder, a path
            names the checkpoint; later ones of the same run are then removed.
        gradient_step: moves one phase's networks by one batch.
        stop: asked before each step; True makes a checkpoint and ends the call.
        on_log: told each line of the log, in the main process.

    Raises:
        ValueError: data, settings, folder or checkpoint are not as they should be, or training diverged.
    """
    check_trainee(trainee)
    check_examples(train, validation)
    run = Path(run)
    accelerator = make_accelerator(config, run)
    sharding = sharding_of(accelerator)
    cuts(config.batch_size, 0, accelerator.num_processes, config.accumulation)
    folder = RunFolder(run)
    data = {"train": fingerprint(train), "validation": fingerprint(validation)}
    environment = getattr(trainee, "environment", {})
    record = record_of(config, model_config, data, accelerator.num_processes, environment, sharding is not None)
    with folder.held(accelerator), own_random_state(accelerator):
        source = on_main(accelerator, lambda: folder.open(record, resume))
        state = TrainingState(accelerator, trainee, config, sharding)
        if source is not None:
            state.read(source)
        course = Course(accelerator, trainee, train, validation, config, folder, state, record, gradient_step, on_log)
        try:
            with tracked(accelerator, record):
                return course.run(stop, source)
        finally:
            let_go(accelerator)
