"""The training loss of a denoiser.

Source: Karras et al. 2022, arXiv 2206.00364, equation 8. With the weight lambda = 1 / c_out^2 the loss
lambda |D(x0 + sigma eps) - x0|^2 equals |F - (x0 - c_skip x) / c_out|^2, which is what is computed.
"""

from __future__ import annotations

from torch import Tensor

from .preconditioning import Denoise, Preconditioning, alongside


def denoising_loss(network: Denoise, x0: Tensor, sigma: Tensor, eps: Tensor, scaling: Preconditioning) -> Tensor:
    """Return the weighted mean squared error of each example, (b,); 1 for a network that says nothing.

    Args:
        network: F, maps (scaled x, c_noise (b,)) to the shape of x0.
        x0: clean data, (b, ...), with standard deviation `scaling.sigma_data`.
        sigma: noise levels, (b,).
        eps: standard normal noise in the shape of x0.
        scaling: the preconditioning.
    """
    s = alongside(sigma, x0)
    x = x0 + s * eps
    target = (x0 - scaling.c_skip(s) * x) / scaling.c_out(s)
    said = network(scaling.c_in(s) * x, scaling.c_noise(sigma)).float()
    return (said - target).square().flatten(1).mean(1)
