"""fit: a run from the command line, its refusals, and the model that comes out."""

import json

import pytest
import yaml
from clinsynth.app.cli import run
from clinsynth.app.jobs.models import build, presets
from clinsynth.generators.protocol import RECIPES, recipe_class

TINY = {
    "generator": "ecg-diffusion",
    "training": {"steps": 2, "batch_size": 4, "learning_rate": 1e-3, "log_every": 1, "sample_every": 2},
    "model": {"network": {"widths": [8, 8], "middle": 1, "heads": 1, "embedding": 8}},
    "sampling": {"sampler": {"steps": 2}},
    "data": {"real_copies": 1, "artificial": 8},
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def said(capsys, *words):
    code = run([str(word) for word in words])
    out, error = capsys.readouterr()
    return code, out, error


def test_a_run_ends_with_a_model_that_samples_through_the_whole_street(config, tmp_path, capsys):
    code, out, _ = said(capsys, "fit", config, "--out", tmp_path / "run", "-q", "--json")
    assert code == 0 and json.loads(out)["step"] == 2
    assert [json.loads(line)["step"] for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()] == [1, 2]
    assert (tmp_path / "run/samples/step-000002.png").read_bytes()[:4] == b"\x89PNG"
    # The same command finds it done; a larger goal goes on.
    assert said(capsys, "fit", config, "--out", tmp_path / "run", "-q")[0] == 0
    code, out, _ = said(capsys, "fit", config, "--out", tmp_path / "run", "-q", "--json", "--set", "training.steps=3")
    assert code == 0 and (json.loads(out)["resumed_from"], json.loads(out)["step"]) == (2, 3)
    plan = tmp_path / "plan.parquet"
    sets = ["--set", "duration_s=10", "--set", "heart_rate_bpm=60..80"]
    assert said(capsys, "plan", plan, "-n", 3, "-g", "ecg-diffusion", *sets, "-q")[0] == 0
    words = ("sample", "-m", tmp_path / "run", "-p", plan, "-o", tmp_path / "ecgs", "-q", "--workers", 1)
    assert said(capsys, *words)[0] == 0
    assert said(capsys, "verify", tmp_path / "ecgs")[0] == 0
    info = json.loads((tmp_path / "ecgs/dataset.json").read_text())
    assert info["generator"] == "ecg-diffusion" and len(info["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["preset:nothing"], "preset 'nothing' is not known; there are: ecg-diffusion-small"),
        (["missing.yaml"], "missing.yaml"),
        (["CONFIG", "--set", "training.steps"], "--set must read a.b=c"),
        (["CONFIG", "--set", "training.steps=none at all"], "training.steps"),
        (["CONFIG", "--set", "generator=ecg"], "'ecg' is not one that is trained"),
        (["CONFIG", "--set", "training.colour=3"], "colour"),
        (["CONFIG", "--set", "data.artificial=0", "--set", "data.real_copies=0"], ""),
    ],
)
def test_what_cannot_be_is_one_line_and_makes_nothing(config, tmp_path, capsys, words, message):
    words = [config if word == "CONFIG" else word for word in words]
    code, out, error = said(capsys, "fit", *words, "--out", tmp_path / "run", "-q")
    assert code == 2 and not out and error.count("\n") == 1 and message in error
    assert not (tmp_path / "run").exists()


def test_a_changed_setting_a_damaged_checkpoint_and_a_used_folder_are_refused_by_name(config, tmp_path, capsys):
    run_folder = tmp_path / "run"
    assert said(capsys, "fit", config, "--out", run_folder, "-q")[0] == 0
    code, _, error = said(capsys, "fit", config, "--out", run_folder, "-q", "--set", "training.learning_rate=0.5")
    assert code == 2 and "learning_rate" in error and "0.5" in error
    code, _, error = said(capsys, "fit", config, "--out", run_folder, "-q", "--resume", "never")
    assert code == 2 and "is not empty" in error
    (weights,) = run_folder.glob("checkpoints/*/network-denoiser.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    code, _, error = said(capsys, "fit", config, "--out", run_folder, "-q", "--set", "training.steps=4")
    assert code != 0 and "network-denoiser.safetensors" in error and "Traceback" not in error


def test_a_folder_that_holds_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        build(str(tmp_path))


def test_every_preset_is_a_recipe_whose_first_comment_says_what_to_expect():
    found = presets()
    assert found
    for name, path in found.items():
        content = yaml.safe_load(path.read_text())
        assert recipe_class(content["generator"]).of(content, name).training.steps > 0
        head = path.read_text()
        assert f"clinsynth fit preset:{name}" in head and "Hardware:" in head and "Score" in head
    assert set(RECIPES) == {yaml.safe_load(p.read_text())["generator"] for p in found.values()}
