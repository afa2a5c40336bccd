"""Which target is trained and from which inputs: each that a patient has, each non-empty subset of the others."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from .settings import ModelConfig


class DroppingConfig(BaseModel):
    """What is left out in training.

    Attributes:
        inputs: `subsets` shows each non-empty subset of the inputs equally often, `none` always shows all.
        whole: share of the examples that show all inputs whatever `inputs` says.
        labels: share of the examples with a segmentation that are not told of it.
        facts: share of the examples that are not told age and sex.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    inputs: Literal["subsets", "none"] = "subsets"
    whole: float = Field(0.0, ge=0, le=1)
    labels: float = Field(0.5, ge=0, le=1)
    facts: float = Field(0.5, ge=0, le=1)


def inputs_beside(
    there: Float[Tensor, "b n"], target: Float[Tensor, "b m"], model: ModelConfig
) -> Float[Tensor, "b s"]:
    """Return which sources are present and not what is wanted.

    Args:
        there: which arrays are present, in the order of `model.names`.
        target: one-hot.
        model: names.
    """
    same = torch.tensor([[float(a == b) for b in model.sources] for a in model.targets], device=there.device)
    return there[:, : len(model.sources)] * (1 - target @ same)


def drawn_target(there: Float[Tensor, "b n"], uniform: Float[Tensor, " b"], model: ModelConfig) -> Float[Tensor, "b m"]:
    """Return one of the targets that each example has and that leave it an input, as one-hot."""
    able = []
    for k, name in enumerate(model.targets):
        one = torch.zeros(len(there), len(model.targets), device=there.device)
        one[:, k] = 1
        able.append(there[:, model.names.index(name)] * (inputs_beside(there, one, model).sum(1) > 0))
    rank = torch.stack(able, 1).cumsum(1)
    chosen = (uniform * rank[:, -1]).floor() + 1
    first = (rank >= chosen[:, None]).float().argmax(1)
    return torch.nn.functional.one_hot(first, len(model.targets)).float()


def drawn_subset(present: Float[Tensor, "b s"], uniform: Float[Tensor, " b"]) -> Float[Tensor, "b s"]:
    """Return a non-empty subset of each example's inputs, all 2^n - 1 of them equally likely."""
    number = present.sum(1)
    code = (uniform.double() * (2**number - 1)).floor().long() + 1
    place = (present.cumsum(1) - 1).clamp(min=0).long()  # rank of each input among those present
    return present * ((code[:, None] >> place) & 1)
