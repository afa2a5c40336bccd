"""The loss of a network that reads many attributes, each from the records that say something of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .attributes import Attributes, Said

AGE_MEAN, AGE_SD = 50.0, 20.0  # years; what the network gives is in these units
SMOOTHING = 0.05  # of labels: those mined from reports are wrong now and then


def parted(outputs: Tensor, attributes: Attributes) -> dict[str, Tensor]:
    """Return a network's outputs by name: `male`, `age` (mean and log scale), `race`, `view`, `findings`.

    Args:
        outputs: (b, attributes.outputs).
        attributes: what they mean.
    """
    widths = {
        "male": int(attributes.sex),
        "age": 2 * int(attributes.age),
        "race": len(attributes.races),
        "view": len(attributes.views),
        "findings": len(attributes.findings),
    }
    return dict(zip(widths, outputs.split(list(widths.values()), dim=1), strict=True))


def targets(said: Said) -> dict[str, Tensor]:
    """Return what records say as tensors, age in the network's units."""
    age = (said.age_years - AGE_MEAN) / AGE_SD
    return {
        "male": torch.from_numpy(said.male.astype(np.float32))[:, None],
        "age": torch.from_numpy(age.astype(np.float32)),
        "race": torch.from_numpy(said.race),
        "view": torch.from_numpy(said.view),
        "findings": torch.from_numpy(said.findings.astype(np.float32)),
    }


def balance(said: Said, attributes: Attributes) -> dict[str, Tensor]:
    """Return weights that let the classes of an attribute count alike: of both states, or of each value."""
    return {
        "male": _both(said.male[:, None]),
        "race": _each(said.race, len(attributes.races)),
        "view": _each(said.view, len(attributes.views)),
        "findings": _both(said.findings),
    }


def loss(outputs: Tensor, batch: Mapping[str, Tensor], weights: Mapping[str, Tensor], attributes: Attributes) -> Tensor:
    """Return the sum over attributes of the mean loss over the records that say something.

    Args:
        outputs: (b, attributes.outputs).
        batch: of `targets`, rows as in outputs.
        weights: of `balance`.
        attributes: what the outputs mean.
    """
    given = parted(outputs, attributes)
    total = outputs.sum() * 0
    if attributes.sex:
        total = total + _states(given["male"], batch["male"], weights["male"]).sum()
    if attributes.findings:
        total = total + _states(given["findings"], batch["findings"], weights["findings"]).mean() * 2
    for name in ("race", "view"):
        if given[name].shape[1]:
            total = total + _classes(given[name], batch[name], weights[name])
    return total + _age(given["age"], batch["age"]) if attributes.age else total


def _states(logit: Tensor, state: Tensor, weight: Tensor) -> Tensor:
    known = ~state.isnan()
    there = torch.where(known, state, torch.zeros_like(state))
    smooth = there * (1 - SMOOTHING) + SMOOTHING / 2
    each = F.binary_cross_entropy_with_logits(logit, smooth, reduction="none")
    each = each * torch.where(there > 0.5, weight[1], weight[0]) * known
    return each.sum(0) / known.sum(0).clamp(min=1)


def _classes(logits: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    known = index >= 0
    if not known.any():
        return logits.sum() * 0
    value: Tensor = F.cross_entropy(logits[known], index[known], weight, label_smoothing=SMOOTHING)
    return value


def _age(given: Tensor, age: Tensor) -> Tensor:
    """Negative log likelihood of a Laplace distribution, whose error is not squared: outliers pull less."""
    known = ~age.isnan()
    error = (given[:, 0] - torch.where(known, age, torch.zeros_like(age))).abs()
    log_scale = given[:, 1].clamp(-3, 2)
    each = error * torch.exp(-log_scale) + log_scale
    return (each * known).sum() / known.sum().clamp(min=1)


def _both(state: np.ndarray) -> Tensor:
    """Return (2, columns): a half over the share of each state."""
    known = ~np.isnan(state)
    share = (np.where(known, state, 0).sum(0) + 1) / (known.sum(0) + 2)
    return torch.from_numpy((0.5 / np.stack([1 - share, share])).astype(np.float32))


def _each(index: np.ndarray, values: int) -> Tensor:
    """Return (values,): the share that each value would have if all were as common, over its own."""
    count = np.bincount(index[index >= 0], minlength=values) + 1.0
    return torch.from_numpy((count.sum() / (max(1, values) * count)).astype(np.float32))
