"""The settings that decide what the learned generator is and how it draws."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ...diffusion import SamplerConfig
from .condition import ConditionConfig
from .network import NetworkConfig
from .signal import ScaleConfig


class ModelConfig(BaseModel):
    """What is trained.

    Attributes:
        network: the denoiser.
        condition: what it is told.
        scale: the unit that it works in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkConfig = NetworkConfig()
    condition: ConditionConfig = ConditionConfig()
    scale: ScaleConfig = ScaleConfig()


class SamplingConfig(BaseModel):
    """How a trained model draws.

    Attributes:
        sampler: method, noise levels and guidance.
        source: whose examples to resemble, `real` or `artificial` (the simulator's); None says neither.
        beats: whether the beats come at times that the simulator's rhythm process draws for the condition; else the
            network is not told any and sets them itself.
        records_per_pass: records that go through the network together. A pass always has as many, the last one filled
            up, so that a record does not depend on those beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampler: SamplerConfig = SamplerConfig()
    source: Literal["real", "artificial"] | None = "real"
    beats: bool = True
    records_per_pass: int = Field(4, ge=1, le=1024)
