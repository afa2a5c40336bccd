"""A bridge from a start that is known to the data: x_t = (1 - t) s + t x + sigma sqrt(t (1 - t)) eps, t from 0 to 1.

The network says x (given x_t, t and what else it is told), so one step from the start is plain regression, and more
steps are draws from the Brownian bridge that ends where the network says.

Source: Albergo et al. 2023, arXiv 2303.08797 (stochastic interpolants); Delbracio and Milanfar 2023, arXiv 2303.11435
(steps of an estimate of the end); the start as the mean of the inputs in wavelet space: WFM, arXiv 2604.21146.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from .preconditioning import alongside

# (x (b, ...), t (b,) in [0, 1)) -> the network's x at t = 1.
PredictEnd = Callable[[Tensor, Tensor], Tensor]


class BridgeConfig(BaseModel):
    """The bridge.

    Attributes:
        sigma: twice the largest standard deviation of the noise, which is in the middle; 0 is none.
        at_start: share of the training examples that stand at t = 0, where a walk of one step asks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sigma: float = Field(0.5, ge=0, le=10)
    at_start: float = Field(0.5, ge=0, le=1)

    def drawn(self, uniform: Tensor) -> Tensor:
        """Return t for each number of [0, 1): 0 for the share at the start, else uniform in [0, 1)."""
        return (uniform - self.at_start).clamp(min=0) / max(1e-6, 1 - self.at_start)

    def between(self, start: Tensor, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """Return x_t.

        Args:
            start: s, (b, ...).
            x: data in that shape.
            t: (b,) in [0, 1].
            eps: standard normal noise.
        """
        u = alongside(t, x)
        return (1 - u) * start + u * x + self.sigma * torch.sqrt(u * (1 - u)) * eps


@torch.no_grad()
def crossed(
    predict: PredictEnd, start: Tensor, config: BridgeConfig, n: int, eta: float, fresh: Callable[[], Tensor]
) -> Tensor:
    """Return the end of the bridge in n calls of the network.

    The step from t to t + d draws from N(x + d / (1 - t) (end - x), sigma^2 d (1 - t - d) / (1 - t)), the bridge given
    its end; the last step, d = 1 - t, is the network's word itself, and with n = 1 there is no other.

    Args:
        predict: the network's end at (x, t).
        start: s.
        config: the bridge.
        n: calls, at least 1.
        eta: share of the standard deviation that is drawn, 0 to 1; 0 makes the walk a function of the start.
        fresh: standard normal noise in the shape of the start.
    """
    x = start
    for k in range(n):
        t, d = k / n, 1 / n
        end = predict(x, x.new_full((len(x),), t))
        if k == n - 1:
            return end
        x = x + d / (1 - t) * (end - x)
        spread = eta * config.sigma * (d * (1 - t - d) / (1 - t)) ** 0.5
        if spread > 0:
            x = x + spread * fresh()
    raise ValueError(f"steps = {n}: a bridge needs at least 1")
