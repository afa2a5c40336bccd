"""Training a Stable Diffusion folder further: weights of the loss, data, resume, LoRA, and what comes out."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from clinsynth.app.cli import run as command
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.radiograph.prompt import prompt
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.generators.radiograph.stable_diffusion import (
    DataConfig,
    LoraConfig,
    LossConfig,
    ModelConfig,
    RadiographStableDiffusion,
    SamplingConfig,
)
from clinsynth.generators.radiograph.stable_diffusion.examples import RadiographExamples, prepare, told
from clinsynth.generators.radiograph.stable_diffusion.folder import read_folder
from clinsynth.generators.radiograph.stable_diffusion.latents import drawn, image_of, moments_of, squared
from clinsynth.generators.radiograph.stable_diffusion.recipe import PRESETS, RadiographStableDiffusionRecipe
from clinsynth.generators.radiograph.stable_diffusion.trainee import RadiographStableDiffusionTrainee
from clinsynth.generators.radiograph.stable_diffusion.weighting import (
    alphas_cumprod,
    noised,
    steps_of,
    trained_scheduler,
    weight,
)
from clinsynth.generators.radiograph.table import Table, table_of
from clinsynth.generators.training import Draws, Examples, Trainee, fit
from stable_diffusion_toy import NOISE, tiny_folder
from training_toy import end_state

LONG = "There is an effusion on the left and a small nodule on the right. " * 4
CPU = torch.device("cpu")


def record(k=0, image=None, **asked):
    image = np.random.default_rng(k).random((40, 30), np.float32) if image is None else image
    condition = RadiographCondition(**asked)
    return Record(f"r-{k}", {"image": image}, condition, ImageGeometry(()), {"patient_id": f"p-{k}"})


@pytest.fixture
def source(monkeypatch):
    """Eight radiographs of eight patients, one with a prompt of several windows, as a reader would yield them."""
    texts = ["Clear lungs.", "Pleural effusion.", LONG, "Old rib fracture.", "Edema.", "Clear.", "Normal.", "Nodule."]

    def read(name):
        assert name == "made:up"
        return iter([record(k, sex="F", text=text) for k, text in enumerate(texts)])

    monkeypatch.setattr("clinsynth.generators.radiograph.stable_diffusion.examples.read", read)
    return DataConfig(source="made:up", validation_share=0.3)


def recipe(data, folder=None, **changes):
    content = {
        "training": {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "checkpoint_every": 1, "sample_every": 9},
        "model": {"folder": str(folder or tiny_folder())},
        "sampling": {"steps": 2, "records_per_pass": 2},
        "data": data.model_dump(),
    }
    return RadiographStableDiffusionRecipe.of({**content, **changes}, "made")


def trained(made, run, **options):
    train, validation = made.examples()
    how = made.training.model_copy(update=options)
    return fit(made.trainee(), train, validation, how, run, model_config=made.model_config_json())


def loss_of(trainee, batch, name="s"):
    draws = Draws(0, name, np.arange(len(batch["windows"])), CPU)
    return trainee.loss(trainee.networks, batch, draws)


# What is learned at each noise level


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_the_weight_turns_into_min_snr_of_the_images_error(predicts):
    """The error of x0 that a prediction's error makes, weighted, is min(snr, gamma) of it, above the floor."""
    a = torch.linspace(0.02, 0.999, 50)
    snr = a / (1 - a)
    per_prediction = (1 - a) / a if predicts == "epsilon" else 1 - a  # |error of x0|^2 per |error of what is said|^2
    counted = weight(snr, predicts, LossConfig(min_snr_gamma=5.0)) / per_prediction
    assert torch.allclose(counted, snr.clamp(max=5.0), rtol=1e-4)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_no_step_weighs_less_than_the_floor_nor_is_infinite(predicts):
    config = LossConfig()
    low = weight(torch.tensor([0.0, 1e-8, 0.005, 0.01]), predicts, config)
    assert torch.allclose(low, low[-1:].expand(4)) and low[0] > 0.009
    assert torch.isfinite(weight(torch.tensor([1e12]), predicts, config)).all()
    assert (weight(torch.tensor([0.0, 3.0]), predicts, LossConfig(min_snr_gamma=None)) == 1).all()


def test_the_noised_latent_and_its_target_give_the_image_back():
    x0, eps, a = torch.randn(5, 4, 2, 2), torch.randn(5, 4, 2, 2), torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    xt, v = noised(x0, eps, a, "v_prediction")
    root, rest = a.sqrt()[:, None, None, None], (1 - a).sqrt()[:, None, None, None]
    assert torch.allclose(root * xt - rest * v, x0, atol=1e-5) and torch.allclose(rest * xt + root * v, eps, atol=1e-5)
    assert torch.equal(noised(x0, eps, a, "epsilon")[1], eps)


def test_time_steps_are_all_of_them_alike():
    t = steps_of((torch.arange(4000) + 0.5) / 4000, 1000)
    assert torch.bincount(t, minlength=1000).tolist() == [4] * 1000 and int(steps_of(torch.ones(1), 1000)) == 999


def test_zero_terminal_snr_is_trained_and_written_down():
    config = trained_scheduler(NOISE, LossConfig(prediction_type="v_prediction", rescale_betas_zero_snr=True))
    assert config["timestep_spacing"] == "trailing" and float(alphas_cumprod(config)[-1]) == 0
    with pytest.raises(ValueError, match="needs prediction_type: v_prediction"):
        trained_scheduler(NOISE, LossConfig(rescale_betas_zero_snr=True))
    with pytest.raises(ValueError, match="prediction_type = sample"):
        trained_scheduler(NOISE | {"prediction_type": "sample"}, LossConfig())


def test_v_prediction_on_pure_noise_is_finite_in_every_example():
    loss = LossConfig(prediction_type="v_prediction", rescale_betas_zero_snr=True)
    model = ModelConfig(folder=tiny_folder())
    trainee = RadiographStableDiffusionTrainee(read_folder(tiny_folder()), model, loss, SamplingConfig(steps=2))
    assert trainee._parts.scheduler["_class_name"] == "DDIMScheduler"  # PNDM has no zero terminal SNR

    class Last(Draws):
        def uniform(self, name, shape):
            return torch.full((3, *shape), 0.9999) if name == "t" else super().uniform(name, shape)

    batch = {"moments": torch.randn(3, 8, 16, 16), "tokens": torch.zeros(3, 1, 77, dtype=torch.int64)}
    batch |= {"windows": torch.ones(3, dtype=torch.int64)}
    losses = trainee.loss(trainee.networks, batch, Last(0, "s", np.arange(3), CPU))
    assert torch.isfinite(losses).all() and (losses > 0).all()


# What it is learned from


def test_images_are_padded_to_a_square_and_never_mirrored():
    image = np.zeros((20, 10), np.float32)
    image[:, :5] = 1
    out = squared(image, 20)
    assert out.shape == (20, 20) and out[:, 5:10].min() == 1 and out[:, :5].max() == 0 and out[:, 10:].max() == 0
    small = squared(np.full((64, 64), 0.25, np.float32), 32)
    assert small.shape == (32, 32) and np.allclose(small, 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 8, 8), np.float32), r"r-0 has no image \(rows, cols\); it has image \(3, 8, 8\)"),
        (np.full((8, 8), 255, np.float32), r"the image's values go from 255 to 255; they should be in \[0, 1\]"),
        (np.full((8, 8), np.nan, np.float32), "go from nan to nan"),
    ],
)
def test_images_that_cannot_be_are_refused_by_name(image, message):
    with pytest.raises(ValueError, match=message):
        image_of(record(image=image), 8)


def test_rows_have_their_own_tokens_and_prompts_of_other_lengths_share_a_batch(source):
    train, validation = prepare(tiny_folder(), source)
    assert isinstance(train, Examples) and not set(train.patients) & set(validation.patients)
    assert sorted([*train.patients, *validation.patients]) == [f"p-{k}" for k in range(8)]
    for part in (train, validation):
        batch = part.batch(np.arange(len(part)))
        assert batch["moments"].shape == (len(part), 8, 16, 16) and batch["moments"].dtype == torch.float32
        assert batch["tokens"].shape[1] == int(batch["windows"].max())


def test_latents_made_once_or_on_the_fly_give_the_same_loss(source):
    losses = []
    for latents in ("once", "on_the_fly"):
        made = recipe(source.model_copy(update={"latents": latents}))
        losses.append(loss_of(made.trainee(), made.examples()[0].batch(np.arange(4))).detach())
    assert torch.allclose(*losses, rtol=0.02) and torch.isfinite(losses[0]).all()


def test_drawn_latents_have_the_moments_they_are_drawn_from():
    vae = read_folder(tiny_folder()).vae
    moments = moments_of(vae, torch.rand(1, 32, 32))
    mean, std = vae.encode(torch.zeros(1, 3, 32, 32)).latent_dist.mean, 0
    assert moments.shape == (1, 8, 16, 16) and mean.shape == (1, 4, 16, 16) and std == 0
    latents = drawn(moments.expand(4000, -1, -1, -1), torch.randn(4000, 4, 16, 16), 2.0)
    assert torch.allclose(latents.mean(0), 2 * moments[0, :4], atol=0.15 * float(latents.std()))
    assert torch.allclose(latents.std(0), 2 * torch.exp(moments[0, 4:] / 2), rtol=0.1)


def test_a_cache_is_made_once_and_belongs_to_its_settings(tmp_path):
    made = []

    def make():
        made.append(1)
        return iter([(record(k, sex="M"), np.full((2, 2), k, np.float32)) for k in range(3)])

    settings = {"source": "made:up", "size": 32}
    first = table_of(make, settings, tmp_path / "cache")
    again = table_of(make, settings, tmp_path / "cache")
    memory = table_of(make, settings, None)
    assert len(made) == 2 and isinstance(again.rows, np.memmap)
    for table in (first, again, memory):
        assert table.rows[:, 0, 0].tolist() == [0, 1, 2] and table.patients == ("p-0", "p-1", "p-2")
        assert table.conditions[0] == RadiographCondition(sex="M")
    with pytest.raises(ValueError, match="was made with size = 32, not 64; name another folder"):
        table_of(make, settings | {"size": 64}, tmp_path / "cache")
    (tmp_path / "cache/rows.f16").write_bytes(b"")
    with pytest.raises(ValueError, match="missing or cut short"):
        table_of(make, settings, tmp_path / "cache")
    with pytest.raises(ValueError, match="made:up has no records"):
        table_of(lambda: iter(()), settings, None)


def test_a_report_speaks_for_itself_and_silence_is_not_spelled_out():
    labelled = RadiographCondition(sex="F", text="No effusion.", findings=["effusion"])
    assert prompt(told(labelled)) == "Female. No effusion."
    assert prompt(told(RadiographCondition(findings=["effusion"], absent=["edema"]))) == "Pleural effusion."
    assert prompt(told(RadiographCondition(absent=["edema"]))) == "No pulmonary edema."


def test_a_prompt_that_is_too_long_is_refused_where_that_is_asked(source):
    with pytest.raises(ValueError, match="a prompt of .* tokens"):
        prepare(tiny_folder(), source.model_copy(update={"long_prompts": "refuse"}))


# The loss


@pytest.fixture
def batch():
    """Four rows: prompts of one, one, three and one windows."""
    parts = read_folder(tiny_folder())
    conditions = tuple(RadiographCondition(text=t) for t in ("Clear.", "Pleural effusion.", LONG, "Edema."))
    rows = np.random.default_rng(0).standard_normal((4, 8, 16, 16)).astype(np.float16)
    table = Table(rows, conditions, ("a", "b", "c", "d"))
    return RadiographExamples(table, parts.tokenizer, parts.length, DataConfig(source="made:up"))


def trainee_of(**loss):
    model = ModelConfig(folder=tiny_folder())
    return RadiographStableDiffusionTrainee(
        read_folder(tiny_folder()), model, LossConfig(**loss), SamplingConfig(steps=2)
    )


def test_each_examples_loss_is_its_own_also_beside_longer_prompts(batch):
    trainee = trainee_of(prompt_dropout=0.0)
    assert isinstance(trainee, Trainee)
    with torch.no_grad():
        together = loss_of(trainee, batch.batch(np.arange(4)))
        for k in range(4):
            draws = Draws(0, "s", np.array([k]), CPU)
            alone = trainee.loss(trainee.networks, batch.batch(np.array([k])), draws)
            assert torch.allclose(alone, together[k : k + 1], rtol=1e-4)


def test_a_prompt_left_out_is_the_empty_prompt_in_as_many_windows(batch):
    said = batch.batch(np.array([2, 2]))
    unsaid = said | {"tokens": torch.from_numpy(np.repeat(batch._empty[None], 2, 0)).expand(2, 3, 77).contiguous()}
    never, nearly_always = trainee_of(prompt_dropout=0.0), trainee_of(prompt_dropout=0.999999)
    with torch.no_grad():
        assert not torch.equal(loss_of(never, said), loss_of(never, unsaid))
        assert torch.equal(loss_of(nearly_always, said), loss_of(never, unsaid))


def test_the_loss_falls_on_four_rows(batch):
    trainee, rows = trainee_of(), batch.batch(np.arange(4))
    parameters = [p for network in trainee.networks.values() for p in network.parameters()]
    optimiser = torch.optim.Adam(parameters, 2e-3)
    fixed = [f"fixed-{k}" for k in range(6)]

    def level():
        with torch.no_grad():
            return sum(float(loss_of(trainee, rows, name).mean()) for name in fixed)

    before = level()
    for step in range(40):
        optimiser.zero_grad()
        loss_of(trainee, rows, f"step-{step}").mean().backward()
        optimiser.step()
    assert level() < 0.7 * before


def test_computing_activations_again_changes_no_gradient(batch):
    grads = []
    for again in (False, True):
        model = ModelConfig(folder=tiny_folder(), gradient_checkpointing=again)
        trainee = RadiographStableDiffusionTrainee(
            read_folder(tiny_folder()), model, LossConfig(), SamplingConfig(steps=2)
        )
        for network in trainee.networks.values():
            network.train()
        loss_of(trainee, batch.batch(np.arange(2))).mean().backward()
        grads.append([p.grad for network in trainee.networks.values() for p in network.parameters()])
    assert all(a is not None and torch.allclose(a, b, atol=1e-6) for a, b in zip(*grads, strict=True))


# Whole runs


def test_three_steps_end_as_two_and_one_more_and_the_folder_draws(source, tmp_path):
    made = recipe(source)
    report = trained(made, tmp_path / "straight")
    trained(made, tmp_path / "halted", steps=2)
    trained(made, tmp_path / "halted")
    one, two = end_state(tmp_path / "straight"), end_state(tmp_path / "halted")
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert np.isfinite(list(report.validation_loss.values())).all()
    assert (tmp_path / "straight/samples/step-000003.png").read_bytes()[:4] == b"\x89PNG"
    about = json.loads((tmp_path / "straight/config.json").read_text())
    assert about["environment"] == {"attention": "sdpa"} and "folder" not in about["model"]["model"]
    generator = RadiographStableDiffusion.from_pretrained(report.model)
    assert generator.sampling == made.sampling
    before = read_folder(tiny_folder())
    for name, moved in (("unet", True), ("text_encoder", True), ("vae", False)):
        a, b = before.networks[name].state_dict(), generator.parts.networks[name].state_dict()
        assert any(not torch.equal(a[key], b[key]) for key in a) == moved, name
    from diffusers import StableDiffusionPipeline

    plain = StableDiffusionPipeline.from_pretrained(report.model)
    ours = generator.parts.unet.state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in plain.unet.state_dict().items())


def test_a_changed_folder_is_refused_on_resume_and_one_that_moved_is_not(source, tmp_path):
    folder = shutil.copytree(tiny_folder(), tmp_path / "sd")
    trained(recipe(source, folder), tmp_path / "run", steps=1)
    moved = folder.rename(tmp_path / "elsewhere")
    assert trained(recipe(source, moved), tmp_path / "run", steps=2).resumed_from == 1
    made = recipe(source, moved)
    config = moved / "scheduler/scheduler_config.json"
    config.write_text(config.read_text().replace("0.012", "0.02"))
    with pytest.raises(ValueError, match="scheduler was .* and is now"):
        trained(made, tmp_path / "run")


@pytest.mark.parametrize("keep", ["merged", "adapters"])
def test_lora_trains_pairs_alone_and_both_ways_of_keeping_them_load(source, tmp_path, keep):
    model = {"folder": str(tiny_folder()), "lora": {"rank": 2, "alpha": 3.0, "keep": keep}}
    report = trained(recipe(source, model=model), tmp_path / "run")
    weights = sum(p.stat().st_size for p in report.checkpoint.glob("*.safetensors"))
    assert weights < 100_000 < (tiny_folder() / "unet/diffusion_pytorch_model.safetensors").stat().st_size
    assert (report.model / "lora").is_dir() == (keep == "adapters")
    generator, before = RadiographStableDiffusion.from_pretrained(report.model), read_folder(tiny_folder())
    for name, ends in (("unet", LoraConfig().unet_targets), ("text_encoder", LoraConfig().text_targets)):
        old, new = before.networks[name].state_dict(), generator.parts.networks[name].state_dict()
        assert old.keys() == new.keys()
        moved = {key for key in old if not torch.equal(old[key], new[key])}
        assert moved and all(key.removesuffix(".weight").endswith(ends) for key in moved)
        assert all(torch.linalg.matrix_rank(new[key] - old[key], rtol=1e-2) <= 2 for key in moved)
    # The average that was validated and drawn from is what was written.
    trainee, where = recipe(source, model=model).trainee(), report.checkpoint
    from safetensors.torch import load_file

    for name, network in trainee.networks.items():
        network.load_state_dict(load_file(where / f"average-{name}.safetensors"), strict=False)
        network.eval()
    drawn_by = RadiographStableDiffusion(replace(trainee._parts, **trainee.networks), generator.sampling)
    asked = [RadiographCondition(sex="F")]
    a, b = (next(iter(g.generate(asked, [1]))).arrays["image"] for g in (drawn_by, generator))
    assert np.abs(a - b).max() < 1e-4


def test_diffusers_loads_the_pairs_that_are_kept(source, tmp_path):
    from diffusers import StableDiffusionPipeline

    model = {"folder": str(tiny_folder()), "lora": {"rank": 2, "alpha": 3.0, "keep": "adapters"}}
    report = trained(recipe(source, model=model), tmp_path / "run")
    ours = RadiographStableDiffusion.from_pretrained(report.model).parts
    plain = StableDiffusionPipeline.from_pretrained(report.model)
    plain.load_lora_weights(report.model / "lora")
    xt, told, ids = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 32), torch.arange(77)[None]
    with torch.no_grad():
        assert torch.allclose(plain.unet(xt, 5, told).sample, ours.unet(xt, 5, told).sample, atol=1e-5)
        assert torch.allclose(plain.text_encoder(ids)[0], ours.text_encoder(ids)[0], atol=1e-5)
        assert not torch.allclose(ours.unet(xt, 5, told).sample, read_folder(tiny_folder()).unet(xt, 5, told).sample)


def test_lora_resumes_bit_for_bit(source, tmp_path):
    made = recipe(source, model={"folder": str(tiny_folder()), "text_encoder": False, "lora": {"rank": 2}})
    trained(made, tmp_path / "straight")
    trained(made, tmp_path / "halted", steps=2)
    trained(made, tmp_path / "halted")
    one, two = end_state(tmp_path / "straight"), end_state(tmp_path / "halted")
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_lora_that_cannot_be_is_refused(source, tmp_path, monkeypatch):
    for target, said in (("to_z", "ends no layer's name"), ("conv_in", "is no linear layer")):
        model = {"folder": str(tiny_folder()), "lora": {"unet_targets": [target]}}
        with pytest.raises(ValueError, match=f"{target!r} {said} of UNet2DConditionModel"):
            recipe(source, model=model).trainee()
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(ValueError, match=r"lora needs peft: pip install 'clinsynth\[lora\]'"):
        recipe(source, model={"folder": str(tiny_folder()), "lora": {}}).trainee()


def test_fit_and_sample_from_the_command_line_with_embedded_radiographs(tmp_path, capsys):
    config = {
        "generator": "radiograph-sd",
        "training": {"steps": 1, "batch_size": 2, "learning_rate": 1e-4, "schedule": "cosine"},
        "model": {"folder": str(tiny_folder())},
        "sampling": {"steps": 2},
        "data": {"source": "embedded:nih64?split=held_out", "validation_share": 0.05},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    assert command(["fit", str(path), "--out", str(tmp_path / "run"), "-q"]) == 0
    assert (tmp_path / "run/model/model_index.json").is_file()
    words = ["fit", str(path), "--out", str(tmp_path / "no"), "-q", "--set", f"model.folder={tmp_path / 'none'}"]
    assert command(words) == 2 and not (tmp_path / "no").exists()
    error = capsys.readouterr().err
    assert "is not a folder; a Stable Diffusion model is a local folder" in error and error.count("\n") == 1


def test_presets_are_recipes_that_leave_the_folder_to_the_user():
    found = sorted(PRESETS.glob("*.yaml"))
    assert [path.stem for path in found] == ["radiograph-sd-1gpu", "radiograph-sd-8gpu", "radiograph-sd-lora"]
    for path in found:
        made = RadiographStableDiffusionRecipe.of(yaml.safe_load(path.read_text()), path.name)
        assert made.training.schedule == "cosine" and str(made.model.folder) == "FOLDER" and made.data.size == 512
    with pytest.raises(ValueError, match="'stepz' is not known"):
        RadiographStableDiffusionRecipe.of({"training": {}, "model": {}, "data": {}, "stepz": 1}, "mine.yaml")


@pytest.mark.slow
def test_two_processes_end_as_one(tmp_path):
    config = {
        "generator": "radiograph-sd",
        "training": {"steps": 2, "batch_size": 4, "learning_rate": 1e-3},
        "model": {"folder": str(tiny_folder())},
        "sampling": {"steps": 2},
        "data": {"source": "embedded:nih64?split=held_out", "cache": str(tmp_path / "cache")},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    words = ["-m", "clinsynth", "fit", str(path), "-q", "--out"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *words]
    done = subprocess.run([*launch, str(tmp_path / "two")], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "two/config.json").read_text())["processes"] == 2
    subprocess.run([sys.executable, *words, str(tmp_path / "one")], check=True, timeout=600)
    one, two = end_state(tmp_path / "one"), end_state(tmp_path / "two")
    moved = [key for key in one if key.split("/")[1].startswith(("network", "average"))]
    assert moved and all(torch.allclose(one[key], two[key], rtol=0, atol=1e-5) for key in moved)
