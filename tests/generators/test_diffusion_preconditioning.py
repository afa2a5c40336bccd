"""The scalings of a denoiser, the loss and the noise levels."""

import numpy as np
import pytest
import torch
from clinsynth.generators.diffusion import LogNormal, Preconditioning, denoising_loss
from clinsynth.generators.training import Draws
from pydantic import ValidationError

SIGMA = torch.logspace(-3, 3, 61, dtype=torch.float64)
P = Preconditioning(0.7)


def draws(n):
    return Draws(0, "test", np.arange(n), torch.device("cpu"))


def test_input_and_target_have_variance_one():
    assert torch.allclose(P.c_in(SIGMA) ** 2 * (0.7**2 + SIGMA**2), torch.ones_like(SIGMA))
    target = (1 - P.c_skip(SIGMA)) ** 2 * 0.7**2 + P.c_skip(SIGMA) ** 2 * SIGMA**2
    assert torch.allclose(target / P.c_out(SIGMA) ** 2, torch.ones_like(SIGMA))


def test_no_other_skip_leaves_less_to_the_network():
    def left(skip):
        return (1 - skip) ** 2 * 0.7**2 + skip**2 * SIGMA**2

    for other in (P.c_skip(SIGMA) * 0.99, P.c_skip(SIGMA) * 1.01):
        assert torch.all(left(other) > left(P.c_skip(SIGMA)))


def test_without_noise_the_input_is_the_answer_whatever_the_network_says():
    x = torch.randn(4, 2, 5, dtype=torch.float64)
    denoise = P.denoiser(lambda scaled, c_noise: 10 * torch.ones_like(scaled))
    assert torch.allclose(denoise(x, torch.full((4,), 1e-9, dtype=torch.float64)), x, atol=1e-6)


def test_each_row_has_its_own_noise_level():
    x, sigma = torch.randn(3, 2, 5), torch.tensor([0.1, 1.0, 10.0])
    seen = []

    def network(scaled, c_noise):
        seen.append(c_noise)
        return torch.sin(scaled)

    together = P.denoiser(network)(x, sigma)
    assert torch.allclose(seen[0], sigma.log() / 4)
    for k in range(3):
        assert torch.allclose(together[k], P.denoiser(network)(x[k : k + 1], sigma[k : k + 1])[0])


def test_the_loss_is_the_denoisers_error_over_c_out_squared():
    x0, eps = torch.randn(6, 2, 9, dtype=torch.float64), torch.randn(6, 2, 9, dtype=torch.float64)
    sigma = torch.logspace(-2, 2, 6, dtype=torch.float64)

    def network(scaled, c_noise):
        return torch.cos(scaled.float()) * c_noise[:, None, None].float()

    loss = denoising_loss(network, x0, sigma, eps, P)
    error = P.denoiser(network)(x0 + sigma[:, None, None] * eps, sigma) - x0
    weight = (sigma**2 + 0.7**2) / (sigma * 0.7) ** 2
    assert torch.allclose(loss, weight * error.square().mean((1, 2)), rtol=1e-6)


def test_a_silent_network_has_loss_one_at_every_noise_level():
    n = 4000
    x0 = 0.7 * draws(n).normal("x0", (16,))
    for sigma in (0.01, 0.5, 50.0):
        silent = denoising_loss(lambda x, c: 0 * x, x0, torch.full((n,), sigma), draws(n).normal("eps", (16,)), P)
        assert float(silent.mean()) == pytest.approx(1, abs=0.05)


def test_noise_levels_are_log_normal_and_keyed_by_position():
    sigma = LogNormal(p_mean=-0.5, p_std=0.8).sigma(draws(4000))
    assert sigma.shape == (4000,) and torch.all(sigma > 0)
    assert float(sigma.log().mean()) == pytest.approx(-0.5, abs=0.05)
    assert float(sigma.log().std()) == pytest.approx(0.8, abs=0.04)
    assert torch.equal(LogNormal(p_mean=-0.5, p_std=0.8).sigma(draws(10)), sigma[:10])
    with pytest.raises(ValidationError):
        LogNormal(p_std=0)
