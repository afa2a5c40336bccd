"""How a network becomes a denoiser: scalings that keep its input, output and gradients near variance one.

Source: Karras et al. 2022, arXiv 2206.00364, equation 7 and table 1 (column EDM).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# (x (b, ...), sigma (b,)) -> the mean of x0 given x, (b, ...).
Denoise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Preconditioning:
    """The four scalings as functions of the noise level.

    Attributes:
        sigma_data: standard deviation of the data as the network's scale has them; above 0.
    """

    sigma_data: float = 0.5

    def c_skip(self, sigma: Tensor) -> Tensor:
        """Return the share of the noised input in the estimate."""
        return self.sigma_data**2 / (sigma**2 + self.sigma_data**2)

    def c_out(self, sigma: Tensor) -> Tensor:
        """Return the scale of the network's output."""
        return sigma * self.sigma_data / torch.sqrt(sigma**2 + self.sigma_data**2)

    def c_in(self, sigma: Tensor) -> Tensor:
        """Return the scale of the network's input."""
        return 1 / torch.sqrt(sigma**2 + self.sigma_data**2)

    def c_noise(self, sigma: Tensor) -> Tensor:
        """Return the noise level as the network is told it."""
        return torch.log(sigma) / 4

    def denoiser(self, network: Denoise) -> Denoise:
        """Return D(x, sigma) = c_skip x + c_out F(c_in x, c_noise).

        Args:
            network: F, maps (scaled x, c_noise (b,)) to the shape of x.
        """

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            s = alongside(sigma, x)
            return self.c_skip(s) * x + self.c_out(s) * network(self.c_in(s) * x, self.c_noise(sigma)).float()

        return denoise


def alongside(sigma: Tensor, x: Tensor) -> Tensor:
    """Return sigma, (b,), as (b, 1, ...) with as many axes as x."""
    return sigma.reshape(-1, *(1,) * (x.ndim - 1))
