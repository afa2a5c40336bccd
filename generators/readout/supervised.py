"""One small loop for networks that read something out of data: seeded, on one device, minutes at most."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...conditioning.seeds import stream

if TYPE_CHECKING:
    import torch
    from torch import nn

Batch = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: optimiser steps.
        learning_rate: its peak; a tenth of the steps rise to it, the rest fall as a cosine.
        weight_decay: of AdamW.
        clip_norm: largest norm of a gradient.
        ema_decay: of the average of the weights that is returned; warmed up.
    """

    steps: int
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    clip_norm: float = 1.0
    ema_decay: float = 0.99

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        rise = max(1, self.steps // 10)
        if step < rise:
            return self.learning_rate * (step + 1) / rise
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))


def initialise(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Return a network whose weights are a function of `seed` alone; torch's own state is left as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, "readout.initial").integers(2**31)))
        return make()


def train(
    network: nn.Module,
    batch: Callable[[np.random.Generator], Batch],
    loss: Callable[[nn.Module, Batch], torch.Tensor],
    schedule: Schedule,
    seed: int,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """Return a trained copy of `network` with averaged weights, in evaluation mode.

    Args:
        network: where training starts; not changed.
        batch: draws a batch of tensors from a stream of random numbers.
        loss: the scalar to minimise.
        schedule: how long and how fast; 0 steps return the copy as it is.
        seed: of the batches; step k draws from its own stream, so runs can be compared step by step.
        on_step: told each step and its loss.

    Raises:
        ValueError: the loss became infinite or NaN.
    """
    import torch

    network = copy.deepcopy(network).train()
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay)
    for step in range(schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        value = loss(network, batch(stream(seed, f"readout.batch/{step}")))
        if not torch.isfinite(value):
            raise ValueError(f"training diverged: the loss is {value.item()} at step {step}")
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.clip_norm)
        optimiser.step()
        _follow(average, network, min(schedule.ema_decay, (1 + step) / (10 + step)))
        if on_step is not None:
            on_step(step, float(value.detach()))
    return average.eval()


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    import torch

    with torch.no_grad():
        for mean, now in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)
