"""The linear-beta diffusion against diffusers' schedulers, closed forms, and its few-step schedules."""

import numpy as np
import pytest
import torch
from clinsynth.generators.diffusion.linear_beta import LinearBetaConfig, walked
from diffusers import DDIMScheduler, DDPMScheduler

PLAIN = LinearBetaConfig()
OF_DIFFUSERS = {"beta_start": 1e-4, "beta_end": 0.02, "prediction_type": "sample", "clip_sample": False}
WALKS = ("ancestral", "ddim", "dpm_solver_2m", "heun")


def test_levels_are_those_of_diffusers():
    want = DDPMScheduler(**OF_DIFFUSERS).alphas_cumprod.double().numpy()
    assert np.abs(PLAIN.alpha_bar() - want).max() < 1e-6


def test_few_steps_as_fast_diffusion_has_them():
    sampled = LinearBetaConfig(steps=10, few="sampled").alpha_bar()
    assert sampled == pytest.approx(PLAIN.alpha_bar()[np.linspace(0, 999, 10).astype(int)], rel=1e-9)
    direct = LinearBetaConfig(steps=10, few="direct").alpha_bar()
    assert direct[0] == pytest.approx(1 - 0.01) and (np.diff(direct) < 0).all() and direct[-1] > 0
    for few in ("direct", "sampled"):
        assert LinearBetaConfig(steps=1000, few=few).alpha_bar() == pytest.approx(PLAIN.alpha_bar(), rel=1e-6)


def test_noising_has_the_schedules_moments():
    x0, step = torch.full((4000, 4), 2.0), torch.full((4000,), 400)
    xt = PLAIN.noised(x0, step, torch.randn(4000, 4, generator=torch.Generator().manual_seed(0)))
    kept = PLAIN.alpha_bar()[400]
    assert float(xt.mean()) == pytest.approx(2 * kept**0.5, abs=0.03)
    assert float(xt.var()) == pytest.approx(1 - kept, abs=0.03)


@pytest.mark.parametrize("how", WALKS)
@pytest.mark.parametrize("config", [PLAIN, LinearBetaConfig(steps=10), LinearBetaConfig(steps=10, few="sampled")])
@pytest.mark.parametrize("n", [1, 2, 10])
def test_a_network_that_knows_the_data_is_believed(how, config, n):
    x0 = torch.randn(2, 3, 4)
    calls = []

    def predict(x, step):
        calls.append(int(step[0]))
        return x0

    made = walked(predict, torch.randn(2, 3, 4), config, n, how, 0.5, lambda: torch.randn(2, 3, 4))
    assert torch.allclose(made, x0, atol=1e-5)
    assert len(calls) == (2 * n - 1 if how == "heun" else n) and calls[0] == config.steps - 1


@pytest.mark.parametrize("kind", ["ddim", "ancestral"])
def test_steps_are_those_of_diffusers(kind):
    """The same fresh noise, the same predictions: the same walk, but for the last step, where x0 is the answer."""
    scheduler = (
        DDIMScheduler(**OF_DIFFUSERS, timestep_spacing="linspace", steps_offset=0)
        if kind == "ddim"
        else DDPMScheduler(**OF_DIFFUSERS)
    )
    config, n = (PLAIN, 5) if kind == "ddim" else (LinearBetaConfig(steps=1000), 1000)
    scheduler.set_timesteps(n)
    start = torch.randn(1, 8, generator=torch.Generator().manual_seed(1))
    wanted = start.clone()
    noise = iter(torch.randn(2000, 1, 8, generator=torch.Generator().manual_seed(2)))
    kept = [next(noise) for _ in range(1000)]
    seen = []

    def predict(x, step):
        seen.append((x.clone(), int(step[0])))
        return torch.tanh(x)

    draws = iter(kept)
    walked(predict, start, config, n, kind, 0.0, lambda: next(draws))
    steps = [int(t) for t in scheduler.timesteps]
    assert [step for _, step in seen] == steps
    draws = iter(kept)
    for k, t in enumerate(steps[:-1]):
        if kind == "ddim":
            # diffusers steps by 1000 // n, ours along the whole range: take its algebra with our neighbours
            a, b = (float(scheduler.alphas_cumprod[s]) for s in (t, steps[k + 1]))
            x0 = torch.tanh(wanted)
            wanted = b**0.5 * x0 + (1 - b) ** 0.5 * (wanted - a**0.5 * x0) / (1 - a) ** 0.5
        else:
            mean = scheduler.step(torch.tanh(wanted), t, wanted, generator=torch.Generator().manual_seed(0)).prev_sample
            own = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
            spread = float(scheduler._get_variance(t)) ** 0.5
            wanted = mean - spread * own + spread * next(draws)
        assert torch.allclose(seen[k + 1][0], wanted, atol=2e-3)


@pytest.mark.parametrize("how", WALKS)
def test_the_best_denoiser_of_a_gaussian_draws_it(how):
    mean, spread, kept = 1.5, 0.4, torch.from_numpy(PLAIN.alpha_bar()).float()
    source = torch.Generator().manual_seed(0)

    def predict(x, step):
        a = kept[step].reshape(-1, 1)
        gain = a.sqrt() * spread**2 / (a * spread**2 + 1 - a)
        return mean + gain * (x - a.sqrt() * mean)

    fresh = lambda: torch.randn(20_000, 1, generator=source)  # noqa: E731
    made = walked(predict, fresh(), PLAIN, 200, how, 0.0, fresh)
    assert float(made.mean()) == pytest.approx(mean, abs=0.02)
    assert float(made.std()) == pytest.approx(spread, rel=0.05)


def test_more_steps_than_were_trained_are_refused():
    with pytest.raises(ValueError, match="1 to 10"):
        LinearBetaConfig(steps=10).walk(11)
