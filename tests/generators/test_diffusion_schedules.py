"""Zero terminal SNR, its weights, v-prediction, guidance by attribute, and diffusers' schedulers told the truth."""

import pytest
import torch
from clinsynth.generators.diffusion.guidance import guided, guided_apart
from clinsynth.generators.diffusion.schedulers import able, scheduler_for, step_arguments, step_sources
from clinsynth.generators.diffusion.zero_snr import ZeroSnrConfig, min_snr, v_loss
from clinsynth.generators.radiograph.latent.drawing import TIME_SCALE, Told, draw, objective_config
from clinsynth.generators.radiograph.latent.settings import Edm, SamplingConfig, VPrediction
from diffusers import DDIMScheduler

SCHEDULE = ZeroSnrConfig()


def test_the_schedule_ends_in_pure_noise_and_agrees_with_diffusers():
    alpha, sigma = SCHEDULE.alpha_sigma()
    assert alpha[-1] == 0 and torch.allclose(alpha**2 + sigma**2, torch.ones_like(alpha)) and (alpha.diff() < 0).all()
    scheduler = DDIMScheduler(
        beta_start=SCHEDULE.beta_start, beta_end=SCHEDULE.beta_end, beta_schedule="scaled_linear",
        rescale_betas_zero_snr=True,
    )  # fmt: skip
    assert torch.allclose(scheduler.alphas_cumprod.double().sqrt(), alpha, atol=2e-5)


def test_no_step_weighs_less_than_one_of_snr_001():
    alpha, sigma = SCHEDULE.alpha_sigma()
    weights, snr = SCHEDULE.weights(), alpha**2 / sigma**2
    least = 0.01 / 1.01
    assert weights[-1] == pytest.approx(least) and weights.min() == pytest.approx(least)
    inside = (snr > 0.01) & (snr < 400)  # where neither the floor nor the cap's far end holds
    assert torch.allclose(weights[inside], min_snr(snr[inside], 5.0))
    assert snr[-1] == 0 and min_snr(snr[-1], 5.0) == 0  # without the floor the last step would not count


def test_v_loss_is_zero_for_the_true_v():
    x0, eps = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    alpha, sigma = torch.tensor([0.9, 0.5, 0.0]), torch.tensor([0.19**0.5, 0.75**0.5, 1.0])
    v = alpha[:, None, None, None] * eps - sigma[:, None, None, None] * x0
    assert v_loss(v, x0, eps, alpha, sigma, torch.ones(3)).abs().max() < 1e-12
    assert torch.allclose(v_loss(v + 2, x0, eps, alpha, sigma, torch.tensor([1.0, 2.0, 3.0])), 4 * torch.arange(1.0, 4))


def linear(x, sigma, cond):
    return cond.sum(1)[:, None] + 0 * x


def test_guidance_apart_is_linear_in_each_weight():
    x, sigma = torch.zeros(2, 3), torch.ones(2)
    cond, free, less = torch.tensor([[1.0, 2.0]] * 2), torch.zeros(2, 2), torch.tensor([[1.0, 0.0]] * 2)
    same = guided_apart(linear, cond, free, 2.0, [(less, 2.0)])(x, sigma)
    assert torch.allclose(same, guided(linear, cond, free, 2.0)(x, sigma)) and same[0, 0] == 6
    assert guided_apart(linear, cond, free, 2.0, [(less, 5.0)])(x, sigma)[0, 0] == 2 * 3 + 3 * 2
    assert guided_apart(linear, cond, free, 1.0, [(less, 0.0)])(x, sigma)[0, 0] == 1  # the attribute is not heard


def test_rescaled_guidance_has_the_plain_ones_spread():
    def denoise(x, sigma, cond):
        return x * (1 + cond)

    x = torch.randn(2, 500)
    made = guided_apart(denoise, torch.ones(2, 1), torch.zeros(2, 1), 4.0, (), rescale=1.0)(x, torch.ones(2))
    assert torch.allclose(made.std(1), (2 * x).std(1), rtol=1e-4)


X0 = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def true_v(x, t, told):
    """A network that knows the one sample that exists."""
    alpha, sigma = (each[t.long()].float()[:, None, None, None] for each in SCHEDULE.alpha_sigma())
    return alpha * (x - alpha * X0) / sigma.clamp(min=1e-9) - sigma * X0


def true_edm(x, time, told):
    sigma = torch.exp(4 * time / TIME_SCALE)[:, None, None, None]
    spread = (sigma**2 + 1).sqrt()
    return (X0 - x / spread) * spread / sigma


@pytest.mark.parametrize(
    ("objective", "network", "name"),
    [(VPrediction(), true_v, name) for name in (None, *able(objective_config(VPrediction())))]
    + [(Edm(), true_edm, name) for name in (None, "heun", "dpm_solver_2m", *able(objective_config(Edm())))],
)
def test_every_scheduler_that_is_listed_ends_at_the_truth(objective, network, name):
    eps = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    nothing = torch.zeros(3, 2, 4)
    settings = SamplingConfig(scheduler=name, steps=10, guidance=1)
    made = draw(network, eps, Told(nothing, nothing, {}), objective, settings, [1, 2, 3])
    assert (made - X0).abs().max() < 1e-4


def test_options_are_the_schedulers_own():
    config = objective_config(VPrediction())
    assert scheduler_for(config, "DPMSolverMultistepScheduler", {"solver_order": 3}).config.solver_order == 3
    for options in ({"colour": 1}, {"prediction_type": "epsilon"}):
        with pytest.raises(ValueError, match="options"):
            scheduler_for(config, None, options)
    with pytest.raises(ValueError, match="says nothing of pure noise"):
        scheduler_for(config | {"prediction_type": "epsilon"}, None, {})


def test_step_noise_has_the_whole_seed():
    a, b, c = step_sources([5, 5 + 2**40, 5], "x")
    assert not torch.equal(torch.randn(4, generator=a), torch.randn(4, generator=b))
    assert torch.equal(torch.randn(4, generator=step_sources([5], "x")[0]), torch.randn(4, generator=c))
    normal = torch.randn(20000, generator=a)
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03
    ddim = scheduler_for(objective_config(VPrediction()), None, {})
    assert set(step_arguments(ddim, 0.3, [a])) == {"eta", "generator"}
