"""Training on the paper's ladder of sets.

Real is a real tuning half with alternans put in; artificial the simulator's own; arrhythmia the
simulator's rhythms, learnt first. Source: Sadiq et al., arXiv 2112.15442.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ....generators.readout.alternans import BeatNetwork, Beats, stack
from ....generators.readout.supervised import Batch, Schedule, initialise, train
from .examples import LONG_BEATS, RHYTHMS, SHORT_BEATS, Examples

_LONG_SHARE = 0.25  # of the batches
_LONG_BATCH, _SHORT_BATCH = 8, 32
LADDER = ("real", "real + arrhythmia", "real + artificial", "all")
CONTROLS = ("real, same compute", "artificial")


def batches(examples: Examples, *, augment: bool = False) -> Callable[[np.random.Generator], Batch]:
    """Return the drawing of batches: as many of each class, 8 to 16 beats in most of them and 64 in the others.

    Args:
        examples: rows to draw from.
        augment: whether each row's height changes by about a fifth and each beat gets noise of up to 20 uV.
    """
    answer = np.array(examples.answer)
    rows = [np.flatnonzero(answer == c) for c in np.unique(answer)]
    long = [r[[len(examples.beats[i]) >= LONG_BEATS - 4 for i in r]] for r in rows]

    def draw(rng: np.random.Generator) -> Batch:
        wide = all(len(r) for r in long) and rng.random() < _LONG_SHARE
        beats, size = (LONG_BEATS, _LONG_BATCH) if wide else (int(rng.integers(8, SHORT_BEATS + 1)), _SHORT_BATCH)
        start = int(rng.integers(len(rows)))
        chosen = [(long if wide else rows)[(start + k) % len(rows)] for k in range(size)]
        picked = np.array([r[rng.integers(len(r))] for r in chosen])
        chosen_beats = [_crop(examples.beats[i], beats, rng) for i in picked]
        signal, mask = stack([_augmented(b, rng) for b in chosen_beats] if augment else chosen_beats, beats)
        return {
            "signal": torch.from_numpy(signal), "mask": torch.from_numpy(mask),
            "answer": torch.from_numpy(answer[picked]),
        }  # fmt: skip

    return draw


def _crop(beats: Beats, count: int, rng: np.random.Generator) -> Beats:
    return beats.part(int(rng.integers(max(0, len(beats) - count) + 1)), count)


def _augmented(beats: Beats, rng: np.random.Generator) -> Beats:
    gain, noise_uv = np.exp(0.2 * rng.standard_normal()), rng.uniform(0, 20)
    x = gain * beats.x_uv + noise_uv * rng.standard_normal(beats.x_uv.shape)
    return dataclasses.replace(beats, x_uv=x.astype(np.float32))


def _loss(network: nn.Module, batch: Batch) -> torch.Tensor:
    logits = network(batch["signal"], batch["mask"])
    if logits.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], batch["answer"].float())
    return nn.functional.cross_entropy(logits, batch["answer"])


@dataclass(frozen=True)
class Steps:
    """Optimiser steps of each stage."""

    arrhythmia: int
    artificial: int
    real: int

    @property
    def total(self) -> int:
        """All of them: what the control on real records alone gets."""
        return self.arrhythmia + self.artificial + self.real


@dataclass(frozen=True)
class Sets:
    """What the ladder is trained on."""

    real: Examples
    artificial: Examples
    arrhythmia: Examples


def ladder(sets: Sets, steps: Steps, seed: int) -> dict[str, BeatNetwork]:
    """Return the trained networks of one seed; all start from the same weights and end on the same real batches.

    `real`, `real + arrhythmia`, `real + artificial` and `all` are the paper's; `artificial` saw no
    real record, and `real, same compute` takes on real records as many steps as `all` takes in sum.
    """
    blank = initialise(BeatNetwork, seed)
    assert isinstance(blank, BeatNetwork)

    def stage(start: BeatNetwork, examples: Examples, count: int) -> BeatNetwork:
        return taught(start, examples, count, seed)

    rhythms = stage(blank.with_head(len(RHYTHMS)), sets.arrhythmia, steps.arrhythmia).with_head(1)
    artificial = stage(blank, sets.artificial, steps.artificial)
    both = stage(rhythms, sets.artificial, steps.artificial)
    return {
        "real": stage(blank, sets.real, steps.real),
        "real, same compute": stage(blank, sets.real, steps.total),
        "real + arrhythmia": stage(rhythms, sets.real, steps.real),
        "real + artificial": stage(artificial, sets.real, steps.real),
        "all": stage(both, sets.real, steps.real),
        "artificial": artificial,
    }


def taught(start: BeatNetwork, examples: Examples, steps: int, seed: int, *, augment: bool = False) -> BeatNetwork:
    """Return a copy of a network trained on from its weights; its head must fit the examples' answers."""
    out = train(start, batches(examples, augment=augment), _loss, Schedule(steps), seed)
    assert isinstance(out, BeatNetwork)
    return out


def logits(network: BeatNetwork, rows: Sequence[Beats], beats: int) -> np.ndarray:
    """Return the network's score of each row, on its first `beats` beats."""
    out = []
    for first in range(0, len(rows), 16):
        signal, mask = stack(rows[first : first + 16], beats)
        with torch.inference_mode():
            out.append(network(torch.from_numpy(signal), torch.from_numpy(mask))[:, 0].numpy())
    return np.concatenate(out)
