"""A Stable Diffusion folder: what loads, what is refused by name, and that what is written loads elsewhere too."""

import json
import shutil

import numpy as np
import pytest
import torch
from clinsynth.app.jobs.models import build
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.generators.protocol import pretrained_class
from clinsynth.generators.radiograph.stable_diffusion import RadiographStableDiffusion, SamplingConfig
from safetensors.torch import load_file, save_file
from stable_diffusion_toy import tiny, tiny_folder

ASKED = [RadiographCondition(sex="F", age_years=61, findings=["effusion"])]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(tiny_folder(), tmp_path / "sd")


def edit(path, **changes):
    body = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in body.items() if value != "gone"}))


def image(generator):
    return next(iter(generator.generate(ASKED, [7]))).arrays["image"]


def test_a_folder_is_known_by_its_index_and_is_built_by_its_path(folder):
    assert pretrained_class(folder) is RadiographStableDiffusion
    assert isinstance(build(str(folder)), RadiographStableDiffusion)


def test_the_name_alone_says_what_to_name():
    with pytest.raises(ValueError, match="carries no weights; name a local folder"):
        build("radiograph-sd")


def test_saving_and_loading_changes_nothing(tmp_path):
    made = tiny(guidance=2.0)
    made.save_pretrained(tmp_path / "out")
    again = RadiographStableDiffusion.from_pretrained(tmp_path / "out")
    assert again.weights_sha256 == made.weights_sha256 and again.config() == made.config()
    assert np.array_equal(image(made), image(again))
    with pytest.raises(ValueError, match="not an empty folder"):
        made.save_pretrained(tmp_path / "out")


def test_diffusers_own_pipeline_loads_what_is_saved(tmp_path):
    from diffusers import DiffusionPipeline

    made = tiny()
    made.save_pretrained(tmp_path / "out")
    plain = DiffusionPipeline.from_pretrained(tmp_path / "out")
    assert type(plain).__name__ == "StableDiffusionPipeline"
    for name, network in made.parts.networks.items():
        for a, b in zip(network.state_dict().values(), getattr(plain, name).state_dict().values(), strict=True):
            assert torch.equal(a, b)
    assert all(key.startswith("text_model.") for key in load_file(tmp_path / "out/text_encoder/model.safetensors"))


def test_half_precision_files_and_older_weight_names_load(folder):
    unet, text = folder / "unet/diffusion_pytorch_model.safetensors", folder / "text_encoder/model.safetensors"
    half = {key: value.half() for key, value in load_file(unet).items()}
    save_file(half, folder / "unet/diffusion_pytorch_model.fp16.safetensors", {"format": "pt"})
    unet.unlink()
    state = {f"text_model.{key}": value for key, value in load_file(text).items()}
    save_file(state | {"text_model.embeddings.position_ids": torch.arange(77)[None]}, text, {"format": "pt"})
    made = RadiographStableDiffusion.from_pretrained(folder, SamplingConfig(steps=3, records_per_pass=3))
    assert all(p.dtype == torch.float32 for p in made.parts.unet.parameters())
    assert np.abs(image(made) - image(tiny())).max() < 0.02


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "unet/diffusion_pytorch_model.bin").write_bytes(b"x"), "model.bin may be a pickle"),
        (lambda f: (f / "v2-1.ckpt").write_bytes(b"x"), "v2-1.ckpt may be a pickle"),
        (lambda f: shutil.rmtree(f / "vae"), "vae is missing"),
        (lambda f: (f / "unet/diffusion_pytorch_model.safetensors").unlink(), "unet has no weights"),
        (lambda f: (f / "unet/config.json").unlink(), "config.json is missing"),
        (lambda f: (f / "tokenizer/tokenizer.json").unlink(), "tokenizer has neither"),
        (lambda f: (f / "model_index.json").unlink(), "model_index.json is missing"),
        (lambda f: (f / "model_index.json").write_text("{"), "model_index.json is no JSON"),
        (lambda f: edit(f / "model_index.json", unet=["diffusers", "SD3Transformer2DModel"]), "component 'unet' is"),
        (lambda f: edit(f / "model_index.json", vae="gone"), "component 'vae' is None; a AutoencoderKL"),
        (lambda f: edit(f / "model_index.json", _class_name="FluxPipeline"), "'StableDiffusionPipeline' is needed"),
        (lambda f: edit(f / "vae/config.json", _class_name="AutoencoderTiny"), "a AutoencoderTiny; a AutoencoderKL"),
        (lambda f: edit(f / "unet/config.json", in_channels=9), "unet in_channels is 9 and vae latent_channels is 4"),
        (lambda f: edit(f / "unet/config.json", cross_attention_dim=1024), "cross_attention_dim is 1024"),
        (lambda f: edit(f / "text_encoder/config.json", vocab_size=10), "tokens and text_encoder 10"),
        (lambda f: edit(f / "unet/config.json", layers_per_block=2), "unet "),
        (lambda f: edit(f / "text_encoder/config.json", num_hidden_layers=3), "text_encoder lacks the weights of"),
        (lambda f: cut(f / "vae/diffusion_pytorch_model.safetensors"), "vae cannot be loaded"),
    ],
)
def test_what_is_missing_damaged_or_of_another_kind_is_named_in_one_line(folder, break_it, message):
    break_it(folder)
    with pytest.raises(ValueError, match="^[^\n]*$") as caught:
        RadiographStableDiffusion.from_pretrained(folder)
    assert message in str(caught.value)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def test_a_component_that_was_changed_after_saving_is_named(tmp_path):
    tiny().save_pretrained(tmp_path / "out")
    path = tmp_path / "out/unet/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match="unet is not as it was saved: its hash has changed"):
        RadiographStableDiffusion.from_pretrained(tmp_path / "out")


def test_the_hub_is_never_asked(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        RadiographStableDiffusion.from_pretrained(tmp_path / "stabilityai" / "stable-diffusion-2-1-base")


def test_settings_that_cannot_be_are_refused(folder):
    with pytest.raises(ValueError, match="size = 33: this model needs a multiple of 4 pixels"):
        tiny(size=33)
    (folder / "sampling").mkdir()
    (folder / "sampling/config.json").write_text('{"stepz": 3}')
    with pytest.raises(ValueError, match="'stepz' is not known"):
        RadiographStableDiffusion.from_pretrained(folder)
    with pytest.raises(ValueError, match="xformers needs a CUDA device"):
        tiny(attention="xformers")
