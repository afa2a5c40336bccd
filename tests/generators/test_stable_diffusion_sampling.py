"""Drawing from a Stable Diffusion folder: agreement with diffusers' pipeline, schedulers, seeds, long prompts."""

import inspect

import diffusers
import numpy as np
import pytest
import torch
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.radiograph.prompt import prompt
from clinsynth.generators.diffusion.schedulers import HONOURED, step_arguments, step_sources
from clinsynth.generators.radiograph.stable_diffusion import SamplingConfig
from clinsynth.generators.radiograph.stable_diffusion.generator import first_noise
from clinsynth.generators.radiograph.stable_diffusion.schedulers import scheduler_of
from clinsynth.generators.radiograph.stable_diffusion.text import shown
from clinsynth.generators.radiograph.stable_diffusion.weighting import alphas_cumprod
from stable_diffusion_toy import NOISE, tiny

ASKED = RadiographCondition(sex="F", age_years=61, race="black", findings=["effusion"])
LONG = "There is an effusion on the left and a small nodule on the right. " * 4
CONFIG = NOISE | {"_class_name": "DDIMScheduler", "set_alpha_to_one": True, "clip_sample": True}


def images(generator, conditions, seeds):
    return [record.arrays["image"] for record in generator.generate(conditions, seeds)]


@pytest.fixture(scope="module")
def plain():
    """The tiny folder in diffusers' own pipeline."""
    parts = tiny().parts
    scheduler = diffusers.DDIMScheduler(**NOISE, steps_offset=1, set_alpha_to_one=False, clip_sample=False)
    pipeline = diffusers.StableDiffusionPipeline(
        **parts.networks, tokenizer=parts.tokenizer, scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_a_short_prompt_gives_what_diffusers_pipeline_gives(plain, guidance):
    made = tiny(scheduler="DDIMScheduler", guidance=guidance, steps=4)
    ours = images(made, [ASKED, RadiographCondition()], [1, 2])
    noise = torch.from_numpy(np.stack([first_noise(seed, (4, 16, 16)) for seed in (1, 2)]))
    arguments = dict(latents=noise, num_inference_steps=4, guidance_scale=guidance, output_type="latent")
    latent = plain([prompt(ASKED), ""], **arguments).images
    with torch.no_grad():
        rgb = plain.vae.decode(latent / plain.vae.config.scaling_factor).sample / 2 + 0.5
    theirs = rgb.mean(1).clamp(0, 1).numpy()
    assert np.abs(np.stack(ours) - theirs).max() < 1e-5


def test_the_colours_spread_is_in_truth_and_the_image_in_range():
    record = next(iter(tiny().generate([ASKED], [3])))
    assert record.arrays["image"].shape == (32, 32) and record.arrays["image"].dtype == np.float32
    assert 0 <= record.arrays["image"].min() < record.arrays["image"].max() <= 1
    assert record.truth["colour_spread"] > 0.01  # random weights paint in colours


def test_size_is_a_setting():
    assert images(tiny(size=64, steps=2), [ASKED], [1])[0].shape == (64, 64)
    spacing = next(iter(tiny(pixel_mm=0.5, steps=2).generate([ASKED], [1]))).geometry.spacing_mm
    assert spacing == (0.5, 0.5)


@pytest.mark.parametrize(("name", "predicts"), [(name, kind) for name in HONOURED for kind in sorted(HONOURED[name])])
def test_a_scheduler_that_is_told_the_truth_ends_at_the_one_image_there_is(name, predicts):
    """A network that knows x0 leads every listed scheduler there, in each prediction that it is said to honour."""
    config = CONFIG | {"prediction_type": predicts, "skip_prk_steps": True}
    for zero in (False, True):
        extra = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"} if zero else {}
        try:
            scheduler = scheduler_of(config, SamplingConfig(scheduler=name, **extra))
        except ValueError as error:
            assert zero and "rescale_betas_zero_snr" in str(error)
            continue
        alphas = alphas_cumprod(config | {"rescale_betas_zero_snr": zero}).double()
        x0, xt = torch.from_numpy(np.stack([first_noise(k, (4, 4, 4)) for k in (1, 2)])).double().reshape(2, 1, 4, 4, 4)
        scheduler.set_timesteps(20)
        xt = xt * scheduler.init_noise_sigma
        step = step_arguments(scheduler, 0.0, step_sources([5], "x"))
        for t in scheduler.timesteps:
            given, low = scheduler.scale_model_input(xt, t), int(t)
            a = alphas[low] + (float(t) - low) * (alphas[min(low + 1, 999)] - alphas[low])
            eps = (given - a.sqrt() * x0) / (1 - a).sqrt()
            said = {"epsilon": eps, "v_prediction": a.sqrt() * eps - (1 - a).sqrt() * x0, "sample": x0}[predicts]
            xt = scheduler.step(said, t, xt, **step).prev_sample
        assert (xt - x0).abs().max() < 0.12, zero


@pytest.mark.parametrize(
    ("config", "sampling", "message"),
    [
        ({}, {"scheduler": "FlowMatchEulerDiscreteScheduler"}, "those that can: DDIMScheduler, DDPMScheduler"),
        ({}, {"scheduler": "DDIMSheduler"}, "did you mean 'DDIMScheduler'?"),
        ({"prediction_type": "sample"}, {"scheduler": "PNDMScheduler"}, "does not honour prediction_type sample"),
        (
            {"prediction_type": "v_prediction"},
            {"scheduler": "PNDMScheduler", "rescale_betas_zero_snr": True},
            "has no rescale_betas_zero_snr; those that can: DDIMScheduler, DDPMScheduler, DPMSolverMultistep",
        ),
        ({}, {"rescale_betas_zero_snr": True}, "a model that predicts epsilon says nothing of pure noise"),
        ({}, {"options": {"algorithm": 1}}, "'algorithm' is not one of DDIMScheduler"),
        ({}, {"options": {"prediction_type": "sample"}}, "'prediction_type' is not one of"),
        ({}, {"scheduler": "DPMSolverSinglestepScheduler", "timestep_spacing": "trailing"}, "has no timestep_spacing"),
    ],
)
def test_a_scheduler_that_cannot_is_refused_with_those_that_can(config, sampling, message):
    with pytest.raises(ValueError, match="^[^\n]*$") as caught:
        scheduler_of(CONFIG | config, SamplingConfig(**sampling))
    assert message in str(caught.value)


def test_a_scheduler_keeps_the_folders_noise_and_clips_no_latents():
    for name in HONOURED:
        scheduler = scheduler_of(CONFIG, SamplingConfig(scheduler=name))
        assert scheduler.config.beta_end == NOISE["beta_end"]
        assert not getattr(scheduler.config, "clip_sample", False)


def test_trailing_spacing_and_zero_snr_reach_the_scheduler():
    sampling = SamplingConfig(timestep_spacing="trailing", rescale_betas_zero_snr=True)
    scheduler = scheduler_of(CONFIG | {"prediction_type": "v_prediction"}, sampling)
    scheduler.set_timesteps(10)
    assert scheduler.timesteps[0] == 999 and scheduler.alphas_cumprod[-1] == 0


@pytest.mark.parametrize(
    "sampling",
    [
        {"scheduler": "EulerAncestralDiscreteScheduler"},
        {"scheduler": "DDIMScheduler", "eta": 1.0},
        {"scheduler": "DPMSolverMultistepScheduler", "options": {"algorithm_type": "sde-dpmsolver++"}},
    ],
)
def test_noise_of_the_steps_is_the_samples_own(sampling):
    made = tiny(**sampling)
    together = images(made, [ASKED] * 4, [1, 2, 3, 1])
    assert np.array_equal(together[0], together[3])
    assert np.array_equal(images(made, [ASKED], [2])[0], together[1])
    assert not np.array_equal(together[0], images(tiny(**sampling | {"eta": 0.0, "options": {}}), [ASKED], [1])[0]) or (
        sampling["scheduler"].startswith("Euler")
    )


def test_sources_differ_above_bit_32_are_normal_and_repeat():
    a, b, c = (torch.randn(20000, generator=source) for source in step_sources([5, 5 + 2**40, 5], "x"))
    assert torch.equal(a, c) and abs(float(np.corrcoef(a, b)[0, 1])) < 0.03
    assert abs(float(a.mean())) < 0.03 and abs(float(a.std()) - 1) < 0.03


def test_the_end_of_a_long_prompt_is_heard():
    made = tiny(long_prompts="windows")
    one, other = (RadiographCondition(text=LONG + end) for end in ("Old.", "New."))
    assert len(made._windows(prompt(one))) > 2
    a, b = images(made, [one, other], [1, 1])
    assert np.abs(a - b).max() > 1e-3


def test_a_long_prompt_is_refused_where_that_is_asked_before_anything_is_drawn():
    with pytest.raises(ValueError, match=r"a prompt of \d+ tokens, 'There is an effusion.*takes 75; shorten it"):
        next(iter(tiny(long_prompts="refuse").generate([ASKED] * 20 + [RadiographCondition(text=LONG)], range(21))))


def test_prompts_of_other_lengths_beside_it_leave_a_sample_as_it_is():
    made = tiny()
    conditions = [ASKED, RadiographCondition(text=LONG), RadiographCondition(), RadiographCondition(text=LONG * 2)]
    together = images(made, conditions, [1, 2, 3, 4])
    for k in (3, 1, 0):
        assert np.array_equal(images(made, [conditions[k]], [k + 1])[0], together[k])


def test_no_token_is_lost_and_each_window_begins_and_ends():
    made = tiny()
    rows, tokenizer = made._windows(LONG), made.parts.tokenizer
    assert rows.shape[1] == 77 and (rows[:, 0] == tokenizer.bos_token_id).all()
    inner = [k for row in rows for k in row[1:-1].tolist()]
    ids = tokenizer(LONG, add_special_tokens=False).input_ids
    assert inner[: len(ids)] == ids and (rows[:-1, -1] == tokenizer.eos_token_id).all()
    assert len(made._windows("")) == 1


def test_windows_that_are_not_a_prompts_own_are_not_shown():
    assert shown(torch.tensor([1, 1]), 1, 77) is None
    assert shown(torch.tensor([1, 2]), 2, 3).int().tolist() == [[1, 1, 1, 0, 0, 0], [1] * 6]


def test_guidance_of_one_and_nothing_said_are_the_ends_of_guidance():
    near = images(tiny(guidance=1.0 + 1e-6), [ASKED], [1])[0]
    assert np.abs(images(tiny(guidance=1.0), [ASKED], [1])[0] - near).max() < 1e-4
    free = images(tiny(guidance=0.0), [ASKED, RadiographCondition()], [1, 1])
    assert np.array_equal(free[0], free[1])


def test_half_precision_leaves_the_weights_and_the_decoder_alone():
    made = tiny(precision="bf16")
    before = made.weights_sha256
    image = images(made, [ASKED], [1])[0]
    assert made._running["unet"].dtype == torch.bfloat16 and made._running["vae"].dtype == torch.float32
    assert tiny().weights_sha256 == before and made.parts.unet.dtype == torch.float32
    assert len(np.unique(image)) > 500 and np.isfinite(image).all()


def test_every_listed_scheduler_is_diffusers_own():
    for name in HONOURED:
        assert "prediction_type" in inspect.signature(getattr(diffusers, name).__init__).parameters
