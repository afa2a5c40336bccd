"""What the radiograph model is trained on, and that training works and goes on bit for bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from clinsynth.app.jobs.models import Control, build, controlled
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.generators.protocol import recipe_class
from clinsynth.generators.radiograph import latent
from clinsynth.generators.radiograph.latent import RadiographDiffusion
from clinsynth.generators.radiograph.latent.autoencoder import (
    AutoencoderConfig,
    images_from,
    latents_of,
    new_autoencoder,
    normalised,
    read_autoencoder,
    write_autoencoder,
)
from clinsynth.generators.radiograph.latent.autoencoder_recipe import edge_error
from clinsynth.generators.radiograph.latent.data import DataConfig, Images, images_of
from clinsynth.generators.radiograph.latent.images import AugmentConfig, contact_sheet, squared, varied
from clinsynth.generators.radiograph.latent.inspecting import InspectorConfig
from clinsynth.generators.radiograph.quality_control import QualityControlled
from clinsynth.generators.training import fit
from radiograph_model_toy import tiny_autoencoder, tiny_model

PRESETS = Path(latent.__path__[0]) / "presets"
SOURCE = "embedded:nih64?split=train"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def vae_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vae") / "model"
    write_autoencoder(folder, tiny_autoencoder())
    return folder


def recipe(vae_folder, kind="edm", **training):
    return recipe_class("radiograph").of(
        {
            "generator": "radiograph",
            "training": {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "sample_every": 100} | training,
            "autoencoder": str(vae_folder),
            "model": tiny_model(kind).model_dump(mode="json"),
            "sampling": {"steps": 2, "records_per_pass": 8},
            "data": {"source": SOURCE, "copies": 1},
            "inspector": None,
        },
        "toy",
    )


def trained(made, run, **changes):
    made = made.model_copy(update={"training": made.training.model_copy(update=changes)})
    train, validation = made.examples()
    return fit(made.trainee(), train, validation, made.training, run, model_config=made.model_config_json())


# --- images ---------------------------------------------------------------------------------------------------------


def record(image):
    return Record("r", {"image": image}, None, ImageGeometry((1.0, 1.0)), {})


def test_an_image_is_padded_to_a_square_and_resized():
    wide = np.full((20, 40), 0.5, np.float32)
    square = squared(record(wide), 40)
    assert square.shape == (40, 40) and square[:10].max() == 0 and (square[10:30] == 0.5).all()
    assert squared(record(wide), 16).shape == (16, 16)
    whole = next(embedded("nih64"))
    assert squared(whole, 64) is not None and np.array_equal(squared(whole, 64), whole.arrays["image"])


@pytest.mark.parametrize(
    "image", [np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.zeros((4, 4, 3)), np.zeros((0, 4))]
)
def test_what_is_no_radiograph_is_refused_by_name(image):
    with pytest.raises(ValueError, match="record r "):
        squared(record(image.astype(np.float32)), 8)


def test_copies_are_near_and_never_flipped():
    image = next(embedded("nih64")).arrays["image"]
    for seed in range(20):
        copy = varied(image, AugmentConfig(), np.random.default_rng(seed))
        assert copy.shape == image.shape and 0 <= copy.min() <= copy.max() <= 1
        assert np.corrcoef(copy.ravel(), image.ravel())[0, 1] > np.corrcoef(copy[:, ::-1].ravel(), image.ravel())[0, 1]
    still = AugmentConfig(shift=0, rotate_deg=0, scale=0, gamma=0, contrast=0)
    assert np.abs(varied(image, still, np.random.default_rng(0)) - image).max() < 1e-4


def test_a_contact_sheet_shows_all():
    sheet = contact_sheet([np.full((2, 3), k / 4, np.float32) for k in range(5)], columns=2, scale=2)
    assert sheet.shape == (16, 14) and sheet.dtype == np.uint8 and sheet[-1, 0] == 255


def test_a_patient_with_many_images_has_fewer_copies_of_each():
    images = images_of(DataConfig(source=SOURCE, copies=8), 16)
    names = [r.provenance["patient_id"] for r in embedded("nih64", split="train")]
    copies = np.bincount([image for image, _ in images.row_of])
    most = max(set(names), key=names.count)
    assert names.count(most) > 50 and copies.mean() == pytest.approx(8, rel=0.1)
    of_most = np.mean([n for n, name in zip(copies, names, strict=True) if name == most])
    of_single = np.mean([n for n, name in zip(copies, names, strict=True) if names.count(name) == 1])
    assert of_most < 0.25 * of_single
    assert np.abs(images.grey(0) - squared(next(embedded("nih64", split="train")), 16)).max() < 1e-3
    assert len(images.patients) == len(images)
    held_out = {r.provenance["patient_id"] for r in embedded("nih64", split="held_out")}
    assert not held_out & set(images.patients)


def test_a_cache_holds_the_same_images_and_refuses_others(tmp_path):
    plain = DataConfig(source=SOURCE, copies=2)
    cached = plain.model_copy(update={"cache": tmp_path})
    images = images_of(plain, 16)
    for again in (images_of(cached, 16), Images(cached, 16)):
        assert again.patients == images.patients and again.conditions == images.conditions
        assert all(np.array_equal(again.grey(row), images.grey(row)) for row in range(0, len(images), 50))
    with pytest.raises(ValueError, match="cache .* was made with size"):
        Images(cached, 32)


# --- the autoencoder ------------------------------------------------------------------------------------------------


def test_latents_have_mean_0_and_spread_1_and_come_back(vae_folder):
    grey = np.stack([squared(r, 16) for r in embedded("nih64", split="train")])[:40]
    vae = normalised(new_autoencoder(AutoencoderConfig(size=16, widths=(8, 8), latent_channels=2), 1), grey)
    z = latents_of(vae, grey)
    assert np.abs(z.mean(axis=(0, 2, 3))).max() < 1e-3 and np.abs(z.std(axis=(0, 2, 3)) - 1).max() < 1e-2
    assert np.allclose(latents_of(vae, grey[:3]), z[:3], atol=1e-5)  # whatever lies beside it
    back = images_from(vae, torch.from_numpy(z))
    raw = vae.decode(vae.encode(torch.from_numpy(2 * grey[:, None] - 1)).latent_dist.mode()).sample
    assert np.allclose(back, np.clip((raw.detach().numpy()[:, 0] + 1) / 2, 0, 1), atol=1e-4)


def test_the_edge_error_sees_blur_and_not_brightness():
    x = torch.rand(2, 1, 16, 16)
    assert edge_error(x, x).abs().max() == 0 and edge_error(x + 0.3, x).abs().max() < 1e-5
    assert (edge_error(torch.nn.functional.avg_pool2d(x, 3, 1, 1), x) > 0.1).all()


def test_an_autoencoder_learns_and_is_read_back(tmp_path):
    made = recipe_class("radiograph-autoencoder").of(
        {
            "generator": "radiograph-autoencoder",
            "training": {"steps": 12, "batch_size": 8, "learning_rate": 3e-3, "ema_decay": None, "log_every": 1},
            "model": {"size": 16, "widths": [8, 8], "latent_channels": 2},
            "data": {"source": SOURCE, "copies": 1},
        },
        "toy",
    )
    report = trained(made, tmp_path / "run")
    first = float((tmp_path / "run" / "metrics.jsonl").read_text().split('"reconstruct": ')[1].split("}")[0])
    assert report.validation_loss["reconstruct"] < 0.8 * first
    vae = read_autoencoder(tmp_path / "run")
    assert len(vae.config.latents_std) == 2 and min(vae.config.latents_std) > 0
    assert (tmp_path / "run" / "samples" / "step-000012.png").is_file()


# --- the denoiser ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["edm", "v"])
def test_a_stopped_run_ends_as_one_that_was_not(tmp_path, vae_folder, kind):
    whole = trained(recipe(vae_folder, kind, steps=4, checkpoint_every=1), tmp_path / "whole")
    cut = recipe(vae_folder, kind, steps=4, checkpoint_every=1)
    trained(cut, tmp_path / "cut", steps=2)
    again = trained(cut, tmp_path / "cut")
    assert again.resumed_from == 2
    a, b = (RadiographDiffusion.from_pretrained(report.model) for report in (whole, again))
    assert a.weights_sha256 == b.weights_sha256 and a.support()["view"]["lateral"] == 0
    assert a.support()["sex"]["F"] + a.support()["sex"]["M"] == 317


def test_another_autoencoder_is_another_run(tmp_path, vae_folder):
    trained(recipe(vae_folder, steps=1), tmp_path / "run")
    vae = tiny_autoencoder()
    with torch.no_grad():
        next(vae.parameters()).add_(1)
    write_autoencoder(tmp_path / "other", vae)
    with pytest.raises(ValueError, match="autoencoder"):
        trained(recipe(tmp_path / "other", steps=2), tmp_path / "run")


def test_the_presets_are_recipes_and_say_how_they_are_run():
    presets = sorted(PRESETS.glob("*.yaml"))
    assert presets
    for path in presets:
        head = [line for line in path.read_text().splitlines() if line.startswith("#")]
        assert f"preset:{path.stem}" in head[0] and any("Hardware" in line for line in head)
        name = yaml.safe_load(path.read_text())["generator"]
        assert recipe_class(name).read(path).training.steps > 1


def test_an_inspector_trained_with_the_model_judges_what_it_draws(tmp_path, vae_folder):
    made = recipe(vae_folder, steps=1).model_copy(
        update={"inspector": InspectorConfig(steps=2, judge=("view",), size=16)}
    )
    report = trained(made, tmp_path / "run")
    generator = controlled(build(str(report.model)), Control(retries=2))
    assert isinstance(generator, QualityControlled) and generator.config()["quality_control"]["retries"] == 2
    asked = [RadiographCondition(view="pa")] * 3
    for record in generator.generate(asked, [1, 2, 3]):
        assert set(record.truth["qc_scores"]) == {"view"} and 1 <= len(record.truth["qc_tries"]) <= 3
    assert generator.weights_sha256 == generator.generator.weights_sha256
    assert isinstance(controlled(build(str(report.model)), Control(on=False)), RadiographDiffusion)
