"""Teaches one network to read: batches that no patient rules, changed as a radiograph may change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ....conditioning.seeds import stream
from ..supervised import Schedule, initialise, train
from .attributes import Attributes, Said
from .augmentation import AugmentConfig, augmented
from .losses import balance, loss, targets
from .networks import NetworkConfig, RadiographNetwork


class TeachingConfig(BaseModel):
    """How a network is taught.

    Attributes:
        steps: of the optimiser.
        batch: images a step.
        learning_rate: its peak.
        weight_decay: of AdamW.
        augment: how images are changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(300, ge=0)
    batch: int = Field(32, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    augment: AugmentConfig = AugmentConfig()


def taught(
    images: Float[Tensor, "n 1 h w"], said: Said, weight: Float[np.ndarray, " n"], attributes: Attributes,
    network: NetworkConfig, teaching: TeachingConfig, seed: int,
    on_step: Callable[[int, float], None] | None = None,
) -> RadiographNetwork:  # fmt: skip
    """Return a network taught what records say of their images.

    Args:
        images: of the network's size.
        said: what is known of each.
        weight: how often each is drawn, relatively.
        attributes: what to read.
        network: its kind and size.
        teaching: how long and how.
        seed: of weights and batches; the same seed gives the same network on the same machine.
        on_step: told each step and its loss.
    """
    aims, weights, chance = targets(said), balance(said, attributes), weight / weight.sum()

    def batch(rng: np.random.Generator) -> Mapping[str, Tensor]:
        rows = rng.choice(len(images), size=teaching.batch, p=chance)
        return {"x": augmented(images[rows], rng, teaching.augment)} | {name: aim[rows] for name, aim in aims.items()}

    def cost(net: torch.nn.Module, drawn: Mapping[str, Tensor]) -> Tensor:
        return loss(net(drawn["x"]), drawn, weights, attributes)

    start = initialise(lambda: RadiographNetwork(network, attributes.outputs), seed)
    plan = Schedule(teaching.steps, teaching.learning_rate, teaching.weight_decay)
    with torch.random.fork_rng(devices=[]):  # dropout takes torch's own random numbers
        torch.manual_seed(int(stream(seed, "readout.dropout").integers(2**31)))
        return cast(RadiographNetwork, train(start, batch, cost, plan, seed, on_step=on_step))
