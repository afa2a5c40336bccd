"""One step of one optimiser; a function of its own, so that private training can put another in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from .config import TrainingConfig
from .draws import Draws
from .shares import is_share, whole
from .trainee import Networks, Phase


@dataclass(frozen=True)
class MicroBatch:
    """A part of the global batch, on the device.

    Attributes:
        batch: tensors, each (m, ...).
        draws: random numbers for these m examples.
    """

    batch: dict[str, Tensor]
    draws: Draws


# (accelerator, phase, networks, optimiser, micro-batches, config) -> loss, grad_norm and what else is to be logged.
GradientStep = Callable[[Accelerator, Phase, Networks, Any, Sequence[MicroBatch], TrainingConfig], Mapping[str, float]]


def gradient_step(
    accelerator: Accelerator,
    phase: Phase,
    networks: Networks,
    optimiser: Any,
    micro_batches: Sequence[MicroBatch],
    config: TrainingConfig,
) -> dict[str, float]:
    """Move one phase's networks down the gradient of the mean loss over the global batch.

    Args:
        accelerator: of this process.
        phase: whose loss to minimise.
        networks: all networks by name; the phase's own are wrapped for many processes.
        optimiser: of the phase, its learning rate set.
        micro_batches: this process's share of the global batch.
        config: `batch_size` and `clip_norm` are used.

    Returns:
        `loss`, the mean over the global batch, and `grad_norm`, the gradient's 2-norm before clipping.

    Raises:
        ValueError: the loss is not one number per example.
    """
    optimiser.zero_grad(set_to_none=True)
    total = torch.zeros((), device=accelerator.device)
    for i, micro in enumerate(micro_batches):
        with _synchronised(accelerator, phase, networks, last=i == len(micro_batches) - 1):
            losses = per_example(phase, networks, micro)
            # Processes are averaged, so a share of the mean over the global batch counts once per process.
            share = losses.float().sum() * (accelerator.num_processes / config.batch_size)
            accelerator.backward(share)
        total = total + share.detach()
    norm = _clipped(accelerator, optimiser, math.inf if config.clip_norm is None else config.clip_norm)
    optimiser.step()
    return {"loss": float(accelerator.reduce(total, "mean")), "grad_norm": float(norm)}


def _clipped(accelerator: Accelerator, optimiser: Any, max_norm: float) -> Tensor:
    """Clip the gradient and return the 2-norm it had, over all processes where each holds a share."""
    accelerator.unscale_gradients()
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return whole(torch.nn.utils.clip_grad_norm_(parameters, max_norm))


def per_example(phase: Phase, networks: Networks, micro: MicroBatch) -> Tensor:
    """Return a phase's loss of each example, (m,).

    Raises:
        ValueError: the loss is not one number per example.
    """
    losses = phase.loss(networks, micro.batch, micro.draws)
    m = len(next(iter(micro.batch.values())))
    if losses.shape != (m,):
        raise ValueError(f"the loss of phase {phase.name!r} has shape {tuple(losses.shape)}; it should be ({m},)")
    return losses


@contextmanager
def _synchronised(accelerator: Accelerator, phase: Phase, networks: Networks, last: bool) -> Iterator[None]:
    """Let the processes exchange gradients in the last part only, unless each keeps its share of them alone."""
    with ExitStack() as stack:
        if not last:
            for name in phase.networks:
                if not any(map(is_share, networks[name].parameters())):
                    stack.enter_context(accelerator.no_sync(networks[name]))
        yield
