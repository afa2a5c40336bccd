"""What is judged: a function from inputs to probabilities, with a gradient where it has one, and means of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    import torch
    from torch import nn

Predict = Callable[[np.ndarray], np.ndarray]
Gradient = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Model:
    """One arm's model.

    Attributes:
        predict: inputs (n, ...) to probabilities: (n, classes), (n,) of the second of two, or (n, labels).
        gradient: inputs and labels to the gradient of the loss over the inputs; None where it has none.
    """

    predict: Predict
    gradient: Gradient | None = None


def ensemble(members: Sequence[Model]) -> Model:
    """Return the mean of members' probabilities; its gradient is the mean of theirs, where all have one.

    Source: Lakshminarayanan et al. 2017, arXiv 1612.01474.

    Raises:
        ValueError: no members.
    """
    if not members:
        raise ValueError("an ensemble needs a member at least")
    gradients = [m.gradient for m in members]

    def predict(x: np.ndarray) -> np.ndarray:
        return np.mean([m.predict(x) for m in members], axis=0)

    def gradient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.mean([g(x, y) for g in gradients if g is not None], axis=0)

    return Model(predict, gradient if all(g is not None for g in gradients) else None)


@dataclass(frozen=True)
class TorchModel:
    """A torch network as a `Model`'s functions.

    Attributes:
        network: gives logits: (n, classes), or (n, labels) with `multilabel`, or (n, 1) of the second of two classes.
        prepared: inputs (n, ...) to the network's tensor, inside the graph, so that gradients reach the inputs.
        multilabel: whether each output is a label of its own.
        batch: inputs at once.
        device: where to compute.
    """

    network: nn.Module
    prepared: Callable[[torch.Tensor], torch.Tensor] | None = None
    multilabel: bool = False
    batch: int = 64
    device: str = "cpu"

    def model(self) -> Model:
        """Return both functions."""
        return Model(self.predict, self.gradient)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities."""
        import torch

        with torch.no_grad():
            parts = [self._chances(self._logits(torch.from_numpy(b))).cpu().numpy() for b in self._batches(x)]
        return np.concatenate(parts).astype(np.float64)

    def gradient(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the gradient of each input's own loss."""
        import torch

        parts, start = [], 0
        for b in self._batches(x):
            leaf = torch.from_numpy(b).requires_grad_(True)
            loss = self._loss(self._logits(leaf), y[start : start + len(b)])
            (found,) = torch.autograd.grad(loss, leaf)
            parts.append(found.cpu().numpy())
            start += len(b)
        return np.concatenate(parts).astype(np.float64)

    def _batches(self, x: np.ndarray) -> list[np.ndarray]:
        x = np.array(x, dtype=np.float32)
        return [x[k : k + self.batch] for k in range(0, len(x), self.batch)]

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self.device)
        logits: torch.Tensor = self.network(x[:, None] if self.prepared is None else self.prepared(x))
        return logits

    def _chances(self, logits: torch.Tensor) -> torch.Tensor:
        if self.multilabel or logits.ndim == 1 or logits.shape[1] == 1:
            return logits.sigmoid() if self.multilabel else logits.reshape(len(logits)).sigmoid()
        return logits.softmax(dim=1)

    def _loss(self, logits: torch.Tensor, y: np.ndarray) -> torch.Tensor:
        import torch
        from torch.nn import functional

        if self.multilabel or logits.ndim == 1 or logits.shape[1] == 1:
            label = torch.from_numpy(np.nan_to_num(np.asarray(y, dtype=np.float32))).reshape(logits.shape)
            known = torch.from_numpy(np.isfinite(np.asarray(y, dtype=np.float32))).reshape(logits.shape)
            each = functional.binary_cross_entropy_with_logits(
                logits, label.to(logits.device), weight=known.to(logits), reduction="sum"
            )
            return each
        return functional.cross_entropy(logits, torch.from_numpy(y.astype(np.int64)).to(logits.device), reduction="sum")


def probabilities(found: Any, rows: int, multilabel: bool) -> Float[np.ndarray, "n k"]:
    """Return what a model gave as (n, k): probabilities of two classes or more, or of labels.

    Raises:
        ValueError: another shape, or a number outside 0 to 1; NaN is passed on.
    """
    p = np.asarray(found, dtype=np.float64)
    if p.ndim == 2 and p.shape[1] == 1 and not multilabel:
        p = p[:, 0]
    if p.ndim == 1 and not multilabel:
        p = np.column_stack([1 - p, p])
    if p.ndim != 2 or len(p) != rows:
        raise ValueError(f"the model gave {p.shape} of {rows} inputs; (n, classes) or (n,) is needed")
    known = p[np.isfinite(p)]
    if len(known) and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise ValueError(f"the model gave {known.min():g} to {known.max():g}; probabilities are 0 to 1")
    return np.clip(p, 0, 1)
