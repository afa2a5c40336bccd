"""From what the network is told to the target's volume."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ...diffusion.bridge import crossed
from ...diffusion.linear_beta import walked
from .asked import Asked, Network, from_bands, to_bands
from .settings import Bridge, ModelConfig, SamplingConfig

BRIDGE_TIME = 1000.0  # t in [0, 1) as the network is told it


@torch.no_grad()
def draw(
    network: Network, asked: Asked, inside: Tensor, top: float, model: ModelConfig, sampling: SamplingConfig,
    fresh: Callable[[], Tensor],
) -> Float[Tensor, "b 1 x y z"]:  # fmt: skip
    """Return target volumes as the network has them, in [0, top] and 0 outside the foreground.

    Args:
        network: the U-Net.
        asked: what it is told.
        inside: the foreground, (b, 1, x, y, z), 1 or 0.
        top: the largest value there can be.
        model: objective and scaling.
        sampling: how to draw.
        fresh: standard normal bands, (b, 8, i, j, k), other ones at each call.
    """

    def held(bands: Tensor) -> Tensor:
        """Return bands of the volume that is nearest to them among those that can be."""
        return to_bands(_possible(bands, inside, top, model), model.low_scale) if sampling.clamp else bands

    objective = model.objective
    if isinstance(objective, Bridge):

        def end(x: Tensor, t: Tensor) -> Tensor:
            return held(network(x, BRIDGE_TIME * t, asked))

        bands = crossed(end, asked.start(), objective.bridge, sampling.steps, sampling.eta, fresh)
    else:
        schedule = objective.schedule

        def predict(x: Tensor, step: Tensor) -> Tensor:
            return held(network(x, schedule.time(step), asked))

        bands = walked(predict, fresh(), schedule, sampling.steps, sampling.walk, sampling.eta, fresh)
    return _possible(bands, inside, top, model)


def _possible(bands: Tensor, inside: Tensor, top: float, model: ModelConfig) -> Tensor:
    return from_bands(bands, model.low_scale).clamp(0, top) * inside
