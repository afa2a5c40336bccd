"""Random numbers for the examples of a batch, the same however the batch is cut and wherever it is computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int

from ...conditioning.seeds import stream


class Draws:
    """Numbers keyed by (seed, step, position in the global batch, name) alone, never by process or device.

    The same name gives the same numbers again: two independent draws of one step need two names.
    """

    def __init__(self, seed: int, key: str, positions: Int[np.ndarray, " b"], device: torch.device) -> None:
        """Draw for the examples at `positions`; `key` names the step."""
        self._names = [f"training.draws/{key}/{int(position)}" for position in positions]
        self._seed = seed
        self._device = device

    def normal(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return standard normal numbers, (b, *shape) float32, on the batch's device."""
        return self._each(name, lambda source: source.standard_normal(shape, np.float32))

    def uniform(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Return numbers uniform in [0, 1), (b, *shape) float32, on the batch's device."""
        return self._each(name, lambda source: source.random(shape, np.float32))

    def _each(self, name: str, draw: Callable[[np.random.Generator], np.ndarray | float]) -> torch.Tensor:
        numbers = np.stack([np.asarray(draw(stream(self._seed, f"{key}/{name}"))) for key in self._names])
        return torch.from_numpy(numbers.astype(np.float32, copy=False)).to(self._device)


def of_step(seed: int, step: int, positions: Int[np.ndarray, " b"], device: torch.device) -> Draws:
    """Return the numbers of training step `step`, counted from 0."""
    return Draws(seed, f"step-{step}", positions, device)


def of_validation(seed: int, rows: Int[np.ndarray, " b"], device: torch.device) -> Draws:
    """Return the numbers of validation rows: the same at every validation of a run."""
    return Draws(seed, "validation", rows, device)
