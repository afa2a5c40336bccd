"""A variance-preserving schedule that ends in pure noise, and v-prediction along it.

Source: Lin et al. 2023, arXiv 2305.08891, algorithm 1 (zero terminal SNR); Salimans and Ho 2022, arXiv 2202.00512
(v = alpha eps - sigma x0); Hang et al. 2023, arXiv 2303.09556 (min-SNR weights).
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ..training import Draws
from .preconditioning import alongside


class ZeroSnrConfig(BaseModel):
    """The schedule that v-prediction is trained along.

    Attributes:
        steps: time steps.
        beta_start: first beta of the scaled-linear schedule before it is rescaled.
        beta_end: last beta of it.
        gamma: largest signal-to-noise ratio at which a step has its full weight.
        floor: no step weighs less than one of this signal-to-noise ratio; without it the last step, whose ratio is 0,
            would not be learned at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(1000, ge=2)
    beta_start: float = Field(0.00085, gt=0, lt=1)
    beta_end: float = Field(0.012, gt=0, lt=1)
    gamma: float = Field(5.0, gt=0)
    floor: float = Field(0.01, gt=0, lt=1)

    def alpha_sigma(self) -> tuple[Tensor, Tensor]:
        """Return alpha and sigma of each step, (steps,) float64; alpha^2 + sigma^2 = 1 and the last alpha is 0."""
        root = torch.linspace(self.beta_start**0.5, self.beta_end**0.5, self.steps, dtype=torch.float64)
        alpha = torch.cumprod(1 - root.square(), 0).sqrt()
        alpha = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
        return alpha, (1 - alpha.square()).sqrt()

    def weights(self) -> Tensor:
        """Return the weight of each step's squared error of v, (steps,) float64.

        min(SNR, gamma) / (SNR + 1) is the min-SNR weight for v; it is held at its value for SNR = floor from below.
        """
        alpha, sigma = self.alpha_sigma()
        snr = alpha.square() / sigma.square()
        return min_snr(snr, self.gamma).clamp(min=float(min_snr(torch.tensor(self.floor), self.gamma)))


def min_snr(snr: Tensor, gamma: float) -> Tensor:
    """Return the min-SNR weight of the squared error of v at a signal-to-noise ratio."""
    return snr.clamp(max=gamma) / (snr + 1)


def v_loss(network_out: Tensor, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean squared error of v of each example, (b,).

    Args:
        network_out: the network's v at alpha x0 + sigma eps, in the shape of x0.
        x0: clean data, (b, ...).
        eps: standard normal noise in that shape.
        alpha: of each example's step, (b,).
        sigma: likewise.
        weight: likewise.
    """
    v = alongside(alpha, x0) * eps - alongside(sigma, x0) * x0
    return weight * (network_out.float() - v).square().flatten(1).mean(1)


def drawn_steps(config: ZeroSnrConfig, draws: Draws) -> Tensor:
    """Return a time step per example, (b,) int64, each equally likely."""
    return (draws.uniform("t", ()) * config.steps).long().clamp(max=config.steps - 1)
