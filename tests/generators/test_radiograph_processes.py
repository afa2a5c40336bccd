"""The radiograph model's training in two processes gives the weights of one."""

import os
import subprocess
import sys

import pytest
import torch
import yaml
from clinsynth.generators.protocol import recipe_class
from clinsynth.generators.radiograph.latent import RadiographDiffusion
from clinsynth.generators.radiograph.latent.autoencoder import write_autoencoder
from clinsynth.generators.training import fit
from radiograph_model_toy import tiny_autoencoder, tiny_model
from training_toy import free_port


@pytest.fixture
def settings(tmp_path):
    write_autoencoder(tmp_path / "vae", tiny_autoencoder())
    return {
        "generator": "radiograph",
        "training": {"steps": 6, "batch_size": 6, "learning_rate": 1e-3},
        "autoencoder": str(tmp_path / "vae"),
        "model": tiny_model().model_dump(mode="json"),
        "sampling": {"steps": 2},
        "data": {"source": "embedded:nih64?split=train", "copies": 1},
        "inspector": None,
    }


BY_SIZE = {"FSDP_AUTO_WRAP_POLICY": "SIZE_BASED_WRAP", "FSDP_MIN_NUM_PARAMS": "2000"}
BY_CLASS = {"FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}  # the classes that the U-Net names itself
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}


def launched(words, *flags, more):
    command = [sys.executable, "-m", *words, *flags]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true"} | more
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, FSDP | BY_SIZE, FSDP | BY_CLASS], ids=["whole", "by size", "by class"])
def test_two_processes_give_the_weights_of_one(more, tmp_path, settings):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings))
    torchrun = ["torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
    done = launched(torchrun, "-m", "clinsynth", "fit", str(path), "--out", str(tmp_path / "two"), more=more)
    assert done.returncode == 0, done.stderr
    recipe = recipe_class("radiograph").read(path)
    train, validation = recipe.examples()
    one = fit(
        recipe.trainee(), train, validation, recipe.training, tmp_path / "one",
        model_config=recipe.model_config_json(),
    )  # fmt: skip
    a, b = (RadiographDiffusion.from_pretrained(folder) for folder in (one.model, tmp_path / "two" / "model"))
    for name in ("unet", "condition_encoder"):
        other = b.networks[name].state_dict()
        for key, value in a.networks[name].state_dict().items():
            assert torch.allclose(value, other[key], atol=1e-5), key
