"""Training the volume translator by the house's loop: what is learned, saved, held out and shown."""

import json

import numpy as np
import pytest
import torch
from clinsynth.app.jobs.fitting import settings_of
from clinsynth.app.jobs.models import presets
from clinsynth.generators.mri.wavelet import MriDiffusion
from clinsynth.generators.mri.wavelet.asked import to_bands
from clinsynth.generators.mri.wavelet.data import DataConfig, sides_of
from clinsynth.generators.mri.wavelet.intensity import Scales
from clinsynth.generators.mri.wavelet.recipe import MriDiffusionRecipe
from clinsynth.generators.mri.wavelet.settings import LossConfig, ModelConfig
from clinsynth.generators.mri.wavelet.sheet import quality
from clinsynth.generators.mri.wavelet.trainee import MriDiffusionTrainee
from clinsynth.generators.protocol import recipe_class
from clinsynth.generators.training import Draws, fit
from mri_model_toy import LOOKS, brain, tiny_model, without, write_nifti


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("brains")
    for k in range(4):
        (root / f"sub-{k}").mkdir()
        record = brain(k, name=f"sub-{k}", gain=1 + k)
        write_nifti(root / f"sub-{k}", record, ("t1", "t2", "flair") if k == 3 else tuple(LOOKS))
    return root


def recipe(folder, steps=4, **changes):
    settings = {
        "training": {
            "steps": steps, "batch_size": 2, "learning_rate": 5e-3, "ema_decay": 0.9, "log_every": steps,
            "validate_every": steps, "sample_every": steps, "checkpoint_every": steps,
        },
        "model": tiny_model().model_dump(mode="json"),
        "data": {"sources": [f"nifti:{folder}"], "patch": [16, 24, 16], "rows": 16, "held_out": ["nifti-sub-0"]},
    }  # fmt: skip
    return MriDiffusionRecipe.model_validate(settings | changes)


def trained(recipe, run, **more):
    train, validation = recipe.examples()
    return fit(
        recipe.trainee(), train, validation, recipe.training, run, model_config=recipe.model_config_json(), **more
    )


def test_a_run_leaves_a_model_a_picture_and_its_quality(folder, tmp_path):
    report = trained(recipe(folder), tmp_path / "run")
    generator = MriDiffusion.from_pretrained(report.model)
    assert generator.support() == {"wanted": {"t1": 3, "t1ce": 2, "t2": 3, "flair": 3}}
    shown = json.loads((tmp_path / "run/samples/step-000004.json").read_text())["psnr_db"]
    assert set(shown) == {"sub-0"} and set(shown["sub-0"]) == set(LOOKS)
    assert (tmp_path / "run/samples/step-000004.png").stat().st_size > 0
    made = generator.translate(without(brain(9), "t2"), ["t2"], 0).arrays["t2"]
    assert np.isfinite(made).all() and made.max() > 0


def test_what_is_saved_is_the_average_of_the_weights(folder, tmp_path):
    """With no averaging the last weights are saved; with it others, from the same course."""
    models = []
    for decay in (None, 0.9):
        base = recipe(folder).model_dump(mode="json")
        base["training"]["ema_decay"] = decay
        models.append(trained(MriDiffusionRecipe.model_validate(base), tmp_path / str(decay)).model)
    a, b = (MriDiffusion.from_pretrained(model).weights_sha256 for model in models)
    assert a != b


def test_going_on_from_a_folder_begins_with_its_weights(folder, tmp_path):
    first = trained(recipe(folder), tmp_path / "first")
    again = recipe(folder, start=str(tmp_path / "first"))
    begun = again.trainee().networks["unet"].state_dict()
    kept = MriDiffusion.from_pretrained(first.model).networks["unet"].state_dict()
    assert all(torch.equal(begun[key], kept[key]) for key in kept)
    assert again.model_config_json()["start"]
    other = recipe(folder, start=str(tmp_path / "first"), model=tiny_model(labels=()).model_dump(mode="json"))
    with pytest.raises(ValueError, match="differ from this recipe's model"):
        other.trainee()


def test_no_patient_is_on_both_sides_and_shares_are_kept(folder):
    data = DataConfig(
        sources=(f"nifti:{folder}", f"nifti:{folder}"),
        shares=(3, 1),
        rows=64,
        patch=(16, 24, 16),
        held_out=("nifti-sub-1",),
    )
    train, validation = sides_of(data, tiny_model())
    assert set(validation.patients) == {"nifti-sub-1"} and "nifti-sub-1" not in train.patients
    assert len(train) + 16 == pytest.approx(64, abs=8)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"patch": (15, 24, 16)}, "multiple of 4"),
        ({"held_out": ("nobody",)}, "no patient 'nobody'"),
        ({"only": ("nobody",)}, "no patient of"),
        ({"shares": (1.0, 2.0)}, "one for each of the 1 sources"),
    ],
)
def test_data_that_cannot_be_are_refused(folder, data, said):
    with pytest.raises(ValueError, match=said):
        sides_of(DataConfig(sources=(f"nifti:{folder}",), **{"patch": (16, 24, 16)} | data), tiny_model())


def test_the_cache_holds_what_memory_would(folder, tmp_path):
    kept = {"sources": (f"nifti:{folder}",), "patch": (16, 24, 16), "rows": 8}
    a, _ = sides_of(DataConfig(**kept), tiny_model())
    b, _ = sides_of(DataConfig(**kept, cache=tmp_path / "c"), tiny_model())
    rows = np.arange(3)
    assert all(torch.equal(a.batch(rows)[key], b.batch(rows)[key]) for key in a.batch(rows))
    assert len(list((tmp_path / "c").iterdir())) == 4


def batch(model, n=3):
    rng = torch.Generator().manual_seed(0)
    inside = torch.zeros(n, 1, 8, 8, 8)
    inside[:, :, 2:6, 2:6, 2:6] = 1
    x = torch.rand(n, len(model.names), 8, 8, 8, generator=rng) * inside
    there = torch.ones(n, len(model.names))
    none = torch.zeros(n, 8, 8, 8)
    return {
        "x": x,
        "there": there,
        "inside": inside,
        "labels": none,
        "labelled": torch.zeros(n),
        "facts": torch.zeros(n, 4),
    }


def draws(n=3, step=0):
    return Draws(0, f"step-{step}", np.arange(n), torch.device("cpu"))


class Perfect(torch.nn.Module):
    """Says the bands of one target, plus an error."""

    def __init__(self, bands, error=0.0):
        super().__init__()
        self.bands, self.error = bands, error

    def forward(self, x, t, told=None):
        return self.bands + self.error


@pytest.mark.parametrize("kind", ["bridge", "diffusion"])
def test_the_loss_is_the_volumes_own_squared_error(kind):
    """An error whose volume is the constant e inside the foreground costs e^2, whatever the scaling of the low band."""
    model = tiny_model(kind, sources=("a",), targets=("b",), labels=(), facts=False)
    trainee = MriDiffusionTrainee(model, MriDiffusionRecipe.model_fields["sampling"].default, Scales(), 0)
    x = batch(model)
    mirrored = trainee._mirrored(x, draws())
    bands = to_bands(mirrored["x"][:, 1:], model.low_scale)
    off = to_bands(torch.full((1, 1, 8, 8, 8), 0.1), model.low_scale)
    assert trainee.loss({"unet": Perfect(bands)}, x, draws()).abs().max() < 1e-12
    assert trainee.loss({"unet": Perfect(bands, off)}, x, draws()).tolist() == pytest.approx([0.01] * 3, rel=1e-4)
    outside = to_bands(1.0 - mirrored["inside"], model.low_scale)
    assert trainee.loss({"unet": Perfect(bands, outside)}, x, draws()).abs().max() < 1e-10


def test_bands_weigh_the_same_where_the_published_loss_is_asked_for():
    model = tiny_model("diffusion", sources=("a",), targets=("b",), labels=(), facts=False)
    cost = LossConfig(weighting="bands", where="everywhere")
    trainee = MriDiffusionTrainee(model, MriDiffusionRecipe.model_fields["sampling"].default, Scales(), 0, loss=cost)
    bands = to_bands(trainee._mirrored(batch(model), draws())["x"][:, 1:], model.low_scale)
    off = torch.zeros(1, 8, 1, 1, 1)
    off[0, 0] = 1
    assert trainee.loss({"unet": Perfect(bands, off)}, batch(model), draws()).tolist() == pytest.approx([1 / 8] * 3)


def test_quality_does_not_depend_on_a_made_volumes_unit():
    real = brain(0).arrays["t2"]
    made = real * (1 + 0.1 * np.sin(np.arange(real.shape[0])))[:, None, None].astype(np.float32)
    assert quality(real, made) == pytest.approx(quality(real, 40 * made), abs=1e-2)
    assert quality(real, real) == 99.0


@pytest.mark.slow
def test_a_few_hundred_steps_learn_contrasts_from_each_other(tmp_path):
    """Tissue decides the contrasts: after training each is made nearer than the best guess that looks at nothing."""
    for k in range(6):
        (tmp_path / f"d/sub-{k}").mkdir(parents=True)
        write_nifti(tmp_path / f"d/sub-{k}", brain(k, name=f"sub-{k}"), tuple(LOOKS))
    changes = {
        "data": {"sources": [f"nifti:{tmp_path / 'd'}"], "patch": [24, 24, 16], "rows": 64, "held_out": ["nifti-sub-0"]}
    }
    settled = recipe(tmp_path / "d", steps=300, **changes)
    trained(settled, tmp_path / "run")
    found = json.loads((tmp_path / "run/samples/step-000300.json").read_text())["psnr_db"]["sub-0"]
    for name, psnr in found.items():
        real = brain(0).arrays[name]
        flat = np.where(real != 0, np.median(real[real != 0]), 0)
        assert psnr > quality(real, flat) + 3, (name, psnr)


def test_presets_are_recipes():
    for name in ("mri-small", "mri-cwdm", "mri-8gpu"):
        made = MriDiffusionRecipe.of(settings_of(f"preset:{name}"), name)
        assert name in presets() and recipe_class("mri") is MriDiffusionRecipe
        assert made.sampling.checked(made.model)
    whole = MriDiffusionRecipe.of(settings_of("preset:mri-cwdm"), "mri-cwdm").model
    assert whole.denoiser.model_copy(update={"gradient_checkpointing": False}) == ModelConfig().denoiser.cwdm()
