"""What each kind of task minimises; rare classes count as much as common ones, and what is not said counts nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .centres import centre_loss
from .rows import Kind, Rows

MOST_WEIGHT = 10.0  # a class of one row in a thousand does not count a thousandfold


def class_weight(rows: Rows, outputs: int) -> Float[np.ndarray, " outputs"]:
    """Return what a class counts, or what a positive of a label counts, 0.1 to 10; ones for the other kinds."""
    w = rows.weight / rows.weight.sum()
    if rows.kind == "classification":
        share = np.bincount(rows.y, weights=w, minlength=outputs)
        ratio = np.divide(1 / outputs, share, out=np.ones(outputs), where=share > 0)
    elif rows.kind == "multilabel":
        up, down = (((rows.y == c) * w[:, None]).sum(axis=0) for c in (1, 0))
        ratio = np.divide(down, up, out=np.ones(outputs), where=(up > 0) & (down > 0))
    else:
        ratio = np.ones(outputs)
    return np.clip(ratio, 1 / MOST_WEIGHT, MOST_WEIGHT)


def task_loss(kind: Kind, said: Tensor, batch: Mapping[str, Tensor], weight: Tensor) -> Tensor:
    """Return the loss of a batch.

    Args:
        kind: of the task.
        said: what the network gives.
        batch: `y`, or the maps of `centre_targets`.
        weight: from `class_weight`.
    """
    if kind == "detection":
        return centre_loss(said, dict(batch))
    if kind == "classification":
        loss: Tensor = functional.cross_entropy(said, batch["y"], weight)
        return loss
    if kind == "multilabel":
        return _labels(said, batch["y"], weight)
    if kind == "regression":
        near: Tensor = functional.smooth_l1_loss(said[:, 0], batch["y"])
        return near
    return _overlap(said, batch["y"])


def _labels(said: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    known = ~torch.isnan(label)
    each = functional.binary_cross_entropy_with_logits(
        said, torch.nan_to_num(label), pos_weight=weight, reduction="none"
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def _overlap(said: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy and one minus the soft Dice of each class but the background, over the batch."""
    p = said.softmax(1)
    truth = functional.one_hot(mask, said.shape[1]).movedim(-1, 1).to(p.dtype)
    axes = (0, *range(2, said.ndim))
    dice = (2 * (p * truth).sum(axes) + 1) / (p.sum(axes) + truth.sum(axes) + 1)
    return functional.cross_entropy(said, mask) + 1 - dice[1:].mean()
