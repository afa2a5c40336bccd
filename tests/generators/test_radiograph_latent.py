"""The studio's own radiograph model on the contract of generators, without training."""

import json

import numpy as np
import pytest
import torch
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.conditioning.plan import make_plan
from clinsynth.conditioning.radiograph import Finding, RadiographCondition
from clinsynth.generators.diffusion import halved
from clinsynth.generators.radiograph.latent import RadiographDiffusion
from clinsynth.generators.radiograph.latent.condition import ConditionConfig, encode, hushed
from clinsynth.generators.radiograph.latent.encoder import ConditionEncoder
from clinsynth.generators.storage import StorageConfig, write_part
from diffusers import AutoencoderKL, UNet2DConditionModel
from radiograph_model_toy import tiny, tiny_model

ASKED = [{}, {"sex": "F", "age_years": 40}, {"view": "ap", "findings": ["effusion"]}, {"absent": ["cardiomegaly"]}]
CONDITIONS = [RadiographCondition.model_validate(asked) for asked in ASKED]


def images(generator, conditions=CONDITIONS, seeds=range(4)):
    return [record.arrays["image"] for record in generator.generate(conditions, seeds)]


def one(generator, seed=3, **asked):
    return images(generator, [RadiographCondition.model_validate(asked)], [seed])[0]


@pytest.mark.parametrize("kind", ["edm", "v"])
def test_an_image_is_a_function_of_its_condition_and_seed_bit_for_bit(kind):
    generator = tiny(tiny_model(kind))
    together = images(generator)
    for k in reversed(range(4)):
        assert np.array_equal(images(generator, [CONDITIONS[k]], [k])[0], together[k])
    other = images(tiny(tiny_model(kind), per_pass=3))
    assert max(np.abs(a - b).max() for a, b in zip(together, other, strict=True)) < 1e-4


@pytest.mark.parametrize("scheduler", ["DDPMScheduler", "EulerAncestralDiscreteScheduler"])
def test_noise_of_a_stochastic_scheduler_is_the_samples_own(scheduler):
    generator = tiny(tiny_model("v"), scheduler=scheduler)
    together = images(generator, [RadiographCondition()] * 3, [7, 8, 9])
    assert np.array_equal(images(generator, [RadiographCondition()], [9])[0], together[2])
    assert not np.array_equal(together[0], together[1])


def test_seeds_that_differ_above_bit_32_give_other_images():
    a, b = images(tiny(), [RadiographCondition()] * 2, [5, 5 + 2**40])
    assert not np.array_equal(a, b)


def test_records_are_grey_values_with_their_condition():
    for condition, record in zip(CONDITIONS, tiny().generate(CONDITIONS, range(4)), strict=True):
        image = record.arrays["image"]
        assert image.shape == (16, 16) and image.dtype == np.float32 and 0 <= image.min() <= image.max() <= 1
        assert record.condition == condition and record.synthetic and record.geometry.unit == "1"
        json.dumps(dict(record.provenance))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"race": "asian"}, "race = asian: no training image"),
        ({"view": "lateral"}, r"view = lateral.*taught: ap, pa"),
        ({"findings": ["hernia"]}, "findings = hernia"),
        ({"uncertain": ["cardiomegaly"]}, "uncertain = cardiomegaly"),
    ],
)
def test_what_no_training_image_had_is_refused_by_name(asked, named):
    with pytest.raises(ValueError, match=named):
        one(tiny(), **asked)


def test_support_counts_images():
    support = tiny().support()
    assert support["sex"] == {"F": 1, "M": 2} and support["view"] == {"ap": 1, "lateral": 0, "pa": 2}
    assert support["findings"]["effusion"] == 1 and support["uncertain"]["effusion"] == 1
    assert support["age_years"] == {"18-39": 1, "40-59": 1, "60-79": 1}
    # no finding says that cardiomegaly and effusion are absent
    assert support["absent"]["cardiomegaly"] == 2 and support["absent"]["effusion"] == 1


# --- what is told ---------------------------------------------------------------------------------------------------


def test_each_attribute_has_its_token_and_the_unsaid_has_no_effect():
    config = ConditionConfig(findings=(Finding.effusion, Finding.no_finding), width=8)
    encoder = ConditionEncoder(config)
    value, said = (torch.from_numpy(np.stack([each])) for each in encode(RadiographCondition(sex="M"), config))
    tokens, mixture = encoder(value, said)
    assert tokens.shape == (1, 6, 8) and mixture.shape == (1, 8) and said.tolist() == [[1, 0, 0, 0, 0, 0]]
    assert torch.equal(encoder(torch.where(said > 0, value, torch.ones_like(value)), said)[0], tokens)
    other = encoder(1 - value, said)[0]
    assert not torch.equal(other[:, 0], tokens[:, 0]) and torch.equal(other[:, 1:], tokens[:, 1:])


def test_present_absent_uncertain_and_unsaid_are_told_apart():
    config = ConditionConfig(
        findings=(Finding.effusion, Finding.mass, Finding.lung_lesion, Finding.no_finding), width=8
    )

    def told(**asked):
        value, said = encode(RadiographCondition.model_validate(asked), config)
        return [v if s else None for v, s in zip(value[4:], said[4:], strict=True)]

    assert told() == [None] * 4
    assert told(findings=["mass"]) == [None, 1, 1, 0]  # a mass is a lesion, and not no finding
    assert told(findings=["no_finding"]) == [0, 0, 0, 1]
    assert told(uncertain=["effusion"], absent=["lung_lesion"]) == [2, 0, 0, None]


def test_every_subset_is_learned():
    said = torch.ones(4000, 3)
    kept = hushed(said, torch.rand(4000, 5, generator=torch.Generator().manual_seed(0)))
    patterns = {tuple(row) for row in kept.int().tolist()}
    assert len(patterns) == 8
    assert 0.08 < float((kept.sum(1) == 0).float().mean()) < 0.3 and float((kept.sum(1) == 3).float().mean()) > 0.4


def test_guidance_of_one_attribute_moves_the_image_only_where_it_is_said():
    plain, apart = tiny(guidance=1.0), tiny(guidance=1.0, guidance_of={"view": 3.0})
    assert np.abs(one(plain, sex="F") - one(apart, sex="F")).max() < 1e-5
    assert np.abs(one(plain, view="ap") - one(apart, view="ap")).max() > 1e-3
    whole = tiny(guidance=2.0, guidance_of={"sex": 2.0})
    assert np.array_equal(one(whole, sex="F"), one(tiny(guidance=2.0), sex="F"))


def test_an_attribute_that_is_not_known_has_no_guidance():
    with pytest.raises(ValueError, match="attribute 'heart' is not known"):
        tiny(guidance_of={"heart": 2.0})


# --- schedulers -----------------------------------------------------------------------------------------------------


def test_a_scheduler_that_cannot_is_refused_with_those_that_can():
    for kind, name in (("v", "PNDMScheduler"), ("v", "EDMEulerScheduler"), ("edm", "DDIMScheduler"), ("v", "Nonsense")):
        with pytest.raises(ValueError, match=rf"{name}.*those that can: \w+"):
            one(tiny(tiny_model(kind), scheduler=name))
    with pytest.raises(ValueError, match="heun draws from a model trained by edm"):
        tiny(tiny_model("v"), scheduler="heun")


# --- on disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["edm", "v"])
def test_a_saved_model_draws_the_same_and_opens_in_diffusers(tmp_path, kind):
    generator = tiny(tiny_model(kind))
    generator.save_pretrained(tmp_path / "m")
    back = RadiographDiffusion.from_pretrained(tmp_path / "m")
    assert back.weights_sha256 == generator.weights_sha256 and back.config() == generator.config()
    assert back.support() == generator.support()
    assert all(np.array_equal(a, b) for a, b in zip(images(generator), images(back), strict=True))
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "m" / "unet")
    vae = AutoencoderKL.from_pretrained(tmp_path / "m" / "vae")
    for network, own in ((unet, "unet"), (vae, "vae")):
        state = generator.networks[own].state_dict()
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_half_precision_on_disk_is_the_same_model(tmp_path):
    generator = tiny()
    halved(generator.networks)
    generator.save_pretrained(tmp_path / "whole")
    generator.save_pretrained(tmp_path / "half", half=True)
    sizes = [sum(p.stat().st_size for p in (tmp_path / name).rglob("*.safetensors")) for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    back = RadiographDiffusion.from_pretrained(tmp_path / "half")
    assert back.weights_sha256 == generator.weights_sha256
    assert all(np.array_equal(a, b) for a, b in zip(images(generator), images(back), strict=True))


def test_a_folder_with_a_fault_is_refused_by_name(tmp_path):
    generator = tiny()
    for fault, named in (
        (lambda m: (m / "unet" / "diffusion_pytorch_model.safetensors").unlink(), r"unet.*is missing"),
        (lambda m: (m / "vae" / "config.json").write_text("{}"), r"vae"),
        (lambda m: (m / "unet" / "weights.pkl").write_bytes(b"x"), "may be a pickle"),
        (lambda m: (m / "support" / "config.json").write_text('{"sex": 3}'), "count of training images"),
        (lambda m: (m / "model_index.json").write_text('{"_class_name": "EcgDiffusion"}'), "EcgDiffusion"),
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        generator.save_pretrained(folder)
        fault(folder)
        with pytest.raises(ValueError, match=named):
            RadiographDiffusion.from_pretrained(folder)


# --- memory ---------------------------------------------------------------------------------------------------------


def test_a_pass_that_does_not_fit_is_halved_and_recorded(tmp_path, monkeypatch):
    generator, plan = tiny(per_pass=4), make_plan(RadiographCondition, 6, seed=1)
    whole = generator._pass

    def small_memory(conditions, seeds):
        if generator._per_pass > 2:
            raise MemoryError
        return whole(conditions, seeds)

    monkeypatch.setattr(generator, "_pass", small_memory)
    config = StorageConfig(shard_size=3, file_format="png")
    report = write_part(generator, plan, tmp_path / "set", config=config, run_seed=1)
    assert report.complete and report.written == 6
    receipts = open_dataset(tmp_path / "set").receipts
    assert receipts[0].batch_size_used == 2


def test_what_fits_not_even_alone_is_an_error(tmp_path, monkeypatch):
    generator = tiny(per_pass=2)
    monkeypatch.setattr(generator, "_pass", lambda *_: (_ for _ in ()).throw(MemoryError("no room")))
    with pytest.raises(MemoryError):
        write_part(
            generator, make_plan(RadiographCondition, 2, seed=1), tmp_path / "set",
            config=StorageConfig(file_format="png"), run_seed=1,
        )  # fmt: skip


# --- precision, attention -------------------------------------------------------------------------------------------


def test_lower_precision_draws_nearly_the_same_and_other_attention_is_no_other_data_set():
    whole, lower = images(tiny()), images(tiny(precision="bf16"))
    assert 0 < max(np.abs(a - b).max() for a, b in zip(whole, lower, strict=True)) < 0.25
    assert tiny(attention="sdpa").config() == tiny().config() and tiny().device.endswith("attention sdpa")
    with pytest.raises(ValueError, match="attention = xformers needs a CUDA device"):
        tiny(attention="xformers").to("cpu")


@pytest.mark.gpu
def test_on_cuda_both_attention_codes_draw_what_the_cpu_draws():
    pytest.importorskip("xformers")
    on_cpu = images(tiny())
    for attention in ("sdpa", "xformers"):
        on_gpu = images(tiny(attention=attention).to("cuda"))
        assert max(np.abs(a - b).max() for a, b in zip(on_cpu, on_gpu, strict=True)) < 1e-3
