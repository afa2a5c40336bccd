"""A metric that is learned from people seen more than once: two records of one patient lie together, others apart.

The first is linear on features that someone else computed; a network on pixels is `readout.radiograph.verifier`.

Source: Chen et al. 2020, arXiv 2002.05709 (NT-Xent); Packhäuser et al. 2022, arXiv 2103.08562 (patients are verified
by a siamese network on their radiographs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .supervised import Schedule, initialise, train

TEMPERATURE = 0.1
_SHRINK = 0.3  # of the spread within patients towards a ball, since few patients cannot tell all its axes


class LinearMetric:
    """Features projected so that cosines tell whose they are."""

    def __init__(self, weight: Float[np.ndarray, "r d"], mean: Float[np.ndarray, " d"]) -> None:
        """Project (x - mean) by `weight`."""
        self.weight, self.mean = weight, mean

    def embed(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n r"]:
        """Return rows of length 1."""
        z = (x - self.mean) @ self.weight.T
        return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))

    @classmethod
    def trained(
        cls, x: Float[np.ndarray, "n d"], patients: Sequence[str], *, seed: int = 0, steps: int = 150, width: int = 64
    ) -> LinearMetric:
        """Return the metric of people seen more than once.

        It starts where the spread within patients is a ball and learns from there by contrast.

        Args:
            x: features.
            patients: whose each is.
            seed: of the batches.
            steps: of training.
            width: of the projection, at most.

        Raises:
            ValueError: fewer than four patients have two records.
        """
        mean = x.mean(axis=0)
        start = whitening(x - mean, patients, width)
        draw = pairs_of(patients)
        layer = initialise(lambda: nn.Linear(x.shape[1], len(start), bias=False), seed)
        assert isinstance(layer, nn.Linear)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(start))
        rows = torch.from_numpy((x - mean).astype(np.float32))

        def batch(rng: np.random.Generator) -> Mapping[str, Tensor]:
            return {"x": rows[torch.from_numpy(draw(rng, 32))]}

        def loss(network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
            return contrast(network(batch["x"]), TEMPERATURE)

        rate = 0.02 * float(np.abs(start).mean())
        learned = train(layer, batch, loss, Schedule(steps, learning_rate=rate, weight_decay=0.0), seed)
        assert isinstance(learned, nn.Linear)
        return cls(learned.weight.detach().double().numpy(), mean)


def whitening(x: Float[np.ndarray, "n d"], patients: Sequence[str], width: int) -> Float[np.ndarray, "r d"]:
    """Return the projection on the axes along which patients differ most, where each patient's own spread is 1.

    Args:
        x: centred features.
        patients: whose each is.
        width: axes, at most.
    """
    names, code = np.unique(np.asarray(patients), return_inverse=True)
    means = np.stack([np.bincount(code, column) for column in x.T], axis=1) / np.bincount(code)[:, None]
    within = x - means[code]
    free = max(1, len(x) - len(names))
    w = within.T @ within / free
    w = (1 - _SHRINK) * w + _SHRINK * max(np.trace(w) / len(w), 1e-12) * np.eye(len(w))
    value, axis = np.linalg.eigh(w)
    white = (axis / np.sqrt(np.maximum(value, 1e-12))).T
    _, _, turn = np.linalg.svd(means @ white.T, full_matrices=False)
    return np.asarray(turn[:width] @ white, dtype=np.float32)


def pairs_of(patients: Sequence[str]) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Return a function that draws two records of each of up to n patients: first records, then second ones.

    Raises:
        ValueError: fewer than four patients have two records.
    """
    names, code = np.unique(np.asarray(patients), return_inverse=True)
    rows = [np.flatnonzero(code == k) for k in range(len(names))]
    several = [mine for mine in rows if len(mine) > 1]
    if len(several) < 4:
        raise ValueError(f"{len(several)} patients have two records; four are needed to learn who is who")

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        chosen = rng.permutation(len(several))[:n]
        pairs = np.stack([rng.permutation(several[k])[:2] for k in chosen])
        return np.concatenate([pairs[:, 0], pairs[:, 1]])

    return draw


def contrast(z: Float[Tensor, "twice_n d"], temperature: float) -> Tensor:
    """Return NT-Xent of n pairs, row k with row n + k: how surely each row's partner is told from all others."""
    z = F.normalize(z, dim=1)
    n = len(z) // 2
    likeness = (z @ z.T / temperature).masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
    return F.cross_entropy(likeness, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))
