"""Which noise levels training looks at.

Source: Karras et al. 2022, arXiv 2206.00364, table 1 (noise distribution).
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ..training import Draws


class LogNormal(BaseModel):
    """ln(sigma) is normal.

    Attributes:
        p_mean: mean of ln(sigma).
        p_std: standard deviation of ln(sigma).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    p_mean: float = -1.2
    p_std: float = Field(1.2, gt=0)

    def sigma(self, draws: Draws) -> Tensor:
        """Return a noise level per example, (b,), from the draws named `sigma`."""
        return torch.exp(self.p_mean + self.p_std * draws.normal("sigma", ()))
