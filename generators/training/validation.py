"""The loss of the averaged weights on held-out patients, with the same random numbers every time."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator

from .config import TrainingConfig
from .draws import of_validation
from .examples import Examples
from .gradient import MicroBatch, per_example
from .order import cuts
from .trainee import Networks, Phase


def validation_loss(
    accelerator: Accelerator,
    phases: tuple[Phase, ...],
    networks: Networks,
    examples: Examples,
    config: TrainingConfig,
) -> dict[str, float]:
    """Return each phase's mean loss over all examples; the processes share the work.

    Args:
        accelerator: of this process.
        phases: whose losses to take.
        networks: the averaged networks, which need no gradient (a loss may still take one by its inputs).
        examples: held-out data.
        config: seed, batch size and accumulation are used.
    """
    totals = torch.zeros(len(phases), dtype=torch.float64)
    for rows in _shares(len(examples), accelerator, config):
        batch = {key: value.to(accelerator.device) for key, value in examples.batch(rows).items()}
        micro = MicroBatch(batch, of_validation(config.seed, rows, accelerator.device))
        for i, phase in enumerate(phases):
            totals[i] += per_example(phase, networks, micro).detach().double().sum().cpu()
    totals = accelerator.reduce(totals.to(accelerator.device), "sum").cpu()
    return {phase.name: float(total) / len(examples) for phase, total in zip(phases, totals, strict=True)}


def _shares(n: int, accelerator: Accelerator, config: TrainingConfig) -> list[np.ndarray]:
    """Return this process's rows, cut as finely as in training."""
    rank, world = accelerator.process_index, accelerator.num_processes
    shares = []
    for first in range(0, n, config.batch_size):
        for cut in cuts(config.batch_size, rank, world, config.accumulation):
            rows = np.arange(first + cut.start, min(first + cut.stop, n))
            if len(rows):
                shares.append(rows)
    return shares
