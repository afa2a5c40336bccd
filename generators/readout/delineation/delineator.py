"""A delineator that can be trained: its network, its loss, its batches, and its reading of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ....conditioning.record import Record, SignalGeometry
from ..supervised import Schedule, initialise, train
from .decoding import Waves, decode
from .examples import FS_HZ, UNKNOWN, Traces, prepare
from .network import DelineationUNet

CROP = 1024  # samples at 250 Hz: 4.1 s
BATCH = 32


@dataclass(frozen=True)
class Delineator:
    """A network that marks P, QRS and T in any lead.

    Attributes:
        network: its weights.
        steps: how long it was trained so far.
    """

    network: nn.Module
    steps: int = 0

    @classmethod
    def initial(cls, seed: int) -> Delineator:
        """Return an untrained delineator; the same seed gives the same weights."""
        return cls(initialise(DelineationUNet, seed))

    def trained(
        self, examples: Traces, schedule: Schedule, seed: int, *, augment: bool = False,
        on_step: Callable[[int, float], None] | None = None,
    ) -> Delineator:  # fmt: skip
        """Return a delineator trained on from these weights.

        Args:
            examples: leads with labels.
            schedule: how long and how fast.
            seed: of the batches.
            augment: classical augmentation of each crop: gain, drift, noise and stretching in time.
            on_step: told each step and its loss.
        """
        known = np.flatnonzero((examples.label != UNKNOWN).any(axis=1))
        if not len(known):
            raise ValueError("no lead carries marked waves: there is nothing to learn from")

        stride = int(self.network.stride)
        size = min(CROP, examples.signal.shape[-1] // stride * stride)
        if not size:
            raise ValueError(f"records of {examples.signal.shape[-1] / FS_HZ:.2f} s are too short to learn from")

        def batch(rng: np.random.Generator) -> Mapping[str, torch.Tensor]:
            return _batch(examples, known, size, rng, augment)

        network = train(self.network, batch, _loss, schedule, seed, on_step=on_step)
        return Delineator(network, self.steps + schedule.steps)

    def chances(self, signal: np.ndarray) -> np.ndarray:
        """Return (leads, 4, samples) chances of (leads, 2, samples) prepared leads."""
        n = signal.shape[-1]
        more = -n % int(self.network.stride)
        x = torch.from_numpy(np.pad(signal, ((0, 0), (0, 0), (0, more)), mode="edge"))
        with torch.inference_mode():
            parts = [torch.softmax(self.network(x[k : k + 24]), dim=1) for k in range(0, len(x), 24)]
        return torch.cat(parts).numpy()[:, :, :n]

    def read(self, record: Record) -> dict[str, dict[str, Waves]]:
        """Return the waves of each lead of an ECG, by lead and kind."""
        assert isinstance(record.geometry, SignalGeometry)
        signal = prepare(record)
        chances = self.chances(signal)
        return {lead: decode(chances[k], signal[k, 0], FS_HZ) for k, lead in enumerate(record.geometry.leads)}


def _batch(
    examples: Traces, known: np.ndarray, size: int, rng: np.random.Generator, augment: bool
) -> Mapping[str, torch.Tensor]:
    rows = known[rng.integers(len(known), size=BATCH)]
    n = examples.signal.shape[-1]
    signal = np.empty((BATCH, 2, size), np.float32)
    label = np.empty((BATCH, size), np.int64)
    for k, row in enumerate(rows):
        start = int(rng.integers(n - size + 1))
        signal[k], label[k] = examples.signal[row, :, start : start + size], examples.label[row, start : start + size]
        if augment:
            signal[k], label[k] = _augmented(signal[k], label[k], rng)
    return {"signal": torch.from_numpy(signal), "label": torch.from_numpy(label)}


def _augmented(signal: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Stretch a crop in time by up to 25 %, scale it, and add drift and noise."""
    n = signal.shape[-1]
    stretch = np.exp(rng.uniform(-0.22, 0.22))
    at = (np.arange(n) - n / 2) * stretch + n / 2
    inside = (at >= 0) & (at <= n - 1)
    near = np.clip(np.rint(at), 0, n - 1).astype(int)
    out = np.stack([np.interp(at, np.arange(n), row) for row in signal]).astype(np.float32)
    t = np.arange(n) / FS_HZ
    drift = 0.15 * rng.standard_normal() * np.sin(2 * np.pi * (rng.uniform(0.2, 0.7) * t + rng.random()))
    out[0] += (drift + rng.uniform(0, 0.06) * rng.standard_normal(n)).astype(np.float32)
    out *= np.float32(np.exp(0.2 * rng.standard_normal()))
    return out, np.where(inside, label[near], UNKNOWN)


def _loss(network: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return nn.functional.cross_entropy(network(batch["signal"]), batch["label"], ignore_index=UNKNOWN)
