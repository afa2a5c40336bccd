"""Adapts a classifier to a site without labels there and without the data that it was trained on.

    shot    the head stays, the body learns to be sure of each sample and to use all classes, with labels from the
            nearest centroid of its own features
    tent    only the scales and offsets of the norms learn to be sure

Source: Liang, Hu, Feng 2020, arXiv 2002.08546 (SHOT); Wang et al. 2021, arXiv 2006.10726 (TENT). Group norms have no
statistics of a batch to replace, so TENT is its entropy alone here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..supervised import Schedule, train
from .networks import TableNetwork
from .rows import Rows
from .teaching import features_of, said_of, seeded

Adaptation = Literal["shot", "tent"]
PSEUDO = 0.3  # what a pseudo-label counts beside the information maximised
ROUNDS = 2  # times that the pseudo-labels are made anew


def adapted(net: TableNetwork, rows: Rows, how: Adaptation, schedule: Schedule, batch: int, seed: int) -> TableNetwork:
    """Return a classifier adapted to samples; their labels are not looked at.

    Args:
        net: a trained classifier of one class a sample; left as it was.
        rows: the site's samples.
        how: `shot` or `tent`.
        schedule: how long and how fast.
        batch: samples a step.
        seed: of the batches.

    Raises:
        ValueError: not a classifier, or a way that is not known.
    """
    if net.kind != "classification":
        raise ValueError(f"a network of {net.kind} cannot be adapted without labels; classification can")
    if how not in ("shot", "tent"):
        raise ValueError(f"how = {how!r} of adaptation; give shot or tent")
    made = _free(copy.deepcopy(net), how)
    rounds = ROUNDS if how == "shot" else 1
    part = Schedule(max(1, schedule.steps // rounds), learning_rate=schedule.learning_rate)
    for k in range(rounds):
        pseudo = pseudo_labels(said_of(made, rows.x, 2), features_of(made, rows.x)) if how == "shot" else None
        made = cast(TableNetwork, seeded(partial(_round, made, rows, pseudo, part, batch, seed + k), seed))
    for parameter in made.parameters():
        parameter.requires_grad_(True)
    return made.eval()


def pseudo_labels(
    chance: Float[np.ndarray, "n classes"], features: Float[np.ndarray, "n features"], rounds: int = 2
) -> Int[np.ndarray, " n"]:
    """Return the class whose centroid each sample is nearest to, by the angle between features.

    Args:
        chance: of each class, by the classifier.
        features: of each sample.
        rounds: the first centroids are weighted by the chances, later ones by the labels found.
    """
    f = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    weight, present = chance, np.ones(chance.shape[1], dtype=bool)
    label = chance.argmax(1)
    for _ in range(rounds):
        centre = weight.T @ f / (weight.sum(0)[:, None] + 1e-8)
        likeness = f @ (centre / (np.linalg.norm(centre, axis=1, keepdims=True) + 1e-8)).T
        label = np.where(present, likeness, -np.inf).argmax(1)
        weight = np.eye(chance.shape[1])[label]
        present = weight.sum(0) > 0
    return np.asarray(label, dtype=np.int64)


def information(logits: Tensor) -> Tensor:
    """Return how unsure a classifier is of each sample, less how evenly it uses the classes."""
    p = logits.softmax(1)
    mean = p.mean(0)
    return _entropy(p).mean() - _entropy(mean[None]).sum()


def _round(
    net: TableNetwork, rows: Rows, pseudo: np.ndarray | None, schedule: Schedule, batch: int, seed: int
) -> nn.Module:
    device = next(net.parameters()).device

    def drawn(rng: np.random.Generator) -> Mapping[str, Tensor]:
        at = rng.choice(len(rows), size=batch)
        made = {"x": torch.from_numpy(rows.x[at]).to(device)}
        return made if pseudo is None else made | {"y": torch.from_numpy(pseudo[at]).to(device)}

    def cost(n: nn.Module, b: Mapping[str, Tensor]) -> Tensor:
        logits = n(b["x"])
        if "y" not in b:
            return _entropy(logits.softmax(1)).mean()
        return information(logits) + PSEUDO * functional.cross_entropy(logits, b["y"])

    return train(net, drawn, cost, schedule, seed)


def _free(net: TableNetwork, how: Adaptation) -> TableNetwork:
    """Let only the parameters learn that the way allows."""
    for parameter in net.parameters():
        parameter.requires_grad_(how == "shot")
    if how == "tent":
        for module in net.modules():
            if isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
                for parameter in module.parameters():
                    parameter.requires_grad_(True)
    for parameter in net.head.parameters():
        parameter.requires_grad_(False)
    return net


def _entropy(p: Tensor) -> Tensor:
    return -(p * torch.log(p + 1e-8)).sum(1)
