"""Schedules and samplers against data whose denoiser and flow have a closed form."""

import numpy as np
import pytest
import torch
from clinsynth.generators.diffusion import SamplerConfig, dpm_solver_2m, guided, heun, karras_sigmas, sample
from clinsynth.generators.diffusion.sampler import METHODS

MU, S = 1.5, 0.7


def gaussian(x, sigma):
    """The exact denoiser of N(MU, S^2)."""
    s2 = sigma.reshape(-1, *(1,) * (x.ndim - 1)) ** 2
    return (S**2 * x + s2 * MU) / (S**2 + s2)


def flow(x, now, after):
    """Where the probability flow of N(MU, S^2) carries x."""
    return MU + (x - MU) * np.sqrt((S**2 + after**2) / (S**2 + now**2))


def points(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 2)))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_exact_gaussian_denoiser_gives_the_gaussian(method):
    config = SamplerConfig(method=method, steps=60, sigma_min=0.01, sigma_max=200)
    x = sample(gaussian, points(20_000), config)
    assert x.dtype == torch.float64 and x.shape == (20_000, 2)
    assert abs(float(x.mean()) - MU) < 0.02 and abs(float(x.std()) - S) < 0.02
    exact = flow(200 * points(20_000), 200, 0)
    assert (x - exact).abs().max() < 0.02


@pytest.mark.parametrize("solver", [heun, dpm_solver_2m])
def test_halving_the_steps_quarters_the_error(solver):
    x = 10 * points(50)
    exact = flow(x, 10, 0.05)
    errors = []
    for steps in (20, 40, 80, 160):
        levels = karras_sigmas(steps, 0.05, 10)[:-1]
        errors.append(float((solver(gaussian, x, levels) - exact).abs().max()))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2) < 0.35), orders


@pytest.mark.parametrize("method", sorted(METHODS))
def test_data_on_two_points_are_found_at_both(method):
    def two_points(x, sigma):
        return torch.tanh(x / sigma[:, None] ** 2)

    x = sample(two_points, points(2000), SamplerConfig(method=method, steps=40, sigma_max=80))
    assert torch.allclose(x.abs(), torch.ones_like(x), atol=1e-3)
    assert 0.45 < float((x > 0).double().mean()) < 0.55


def test_rows_are_sampled_apart():
    eps, config = points(6), SamplerConfig(steps=8)
    together = sample(gaussian, eps, config)
    apart = torch.cat([sample(gaussian, row[None], config) for row in eps])
    assert torch.equal(together, apart)


def test_calls_of_the_denoiser():
    calls = []

    def counted(x, sigma):
        calls.append(float(sigma[0]))
        return gaussian(x, sigma)

    sample(counted, points(1), SamplerConfig(method="dpm_solver_2m", steps=12))
    assert len(calls) == 12
    calls.clear()
    sample(counted, points(1), SamplerConfig(method="heun", steps=12))
    assert len(calls) == 23 and min(calls) > 0


def test_the_schedule_falls_between_its_ends_evenly_in_its_power():
    levels = karras_sigmas(10, 0.01, 50, rho=5)
    assert levels.shape == (11,) and levels[-1] == 0
    assert levels[0] == pytest.approx(50) and levels[-2] == pytest.approx(0.01)
    assert np.allclose(np.diff(levels[:-1] ** (1 / 5), 2), 0)
    assert np.allclose(np.diff(karras_sigmas(5, 1, 9, rho=1))[:-1], -2)


def test_wrong_levels_are_refused():
    for wrong in ((1, 0.1, 1, 7), (5, 0, 1, 7), (5, 2, 1, 7), (5, 0.1, 1, 0)):
        with pytest.raises(ValueError, match="steps = "):
            karras_sigmas(*wrong)
    with pytest.raises(ValueError, match="sigma_min"):
        SamplerConfig(sigma_min=3, sigma_max=2)


def test_guidance_leads_from_the_unasked_through_the_asked():
    asked = []

    def denoise(x, sigma, cond):
        asked.append(len(x))
        return x * 0.5 + cond

    x, sigma = points(3), torch.ones(3)
    cond, free = points(3, 1), points(3, 2)
    for weight in (0.0, 0.5, 1.0, 3.0):
        expected = 0.5 * x + free + weight * (cond - free)
        assert torch.allclose(guided(denoise, cond, free, weight)(x, sigma), expected)
    assert asked == [3, 6, 3, 6]
