"""evaluate --encoder: networks from local folders and files, simple features, and what is refused before any work."""

import json

import pytest
import torch
from clinsynth.app.jobs import parts
from clinsynth.app.jobs.encoders import check_encoder, encoder_named
from clinsynth.app.jobs.settings import WrongSetting
from clinsynth.evaluation.backbones.networks import DenseNet121
from clinsynth.evaluation.backbones.states import state_kind
from safetensors.torch import save_file
from table_toy import image_table, signal_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A DINOv2 of two thin layers with random weights, in the layout of the published ones."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
    path = tmp_path_factory.mktemp("published") / "dino"
    Dinov2Model(config).save_pretrained(path)
    how = {
        "size": {"height": 28, "width": 28},
        "do_center_crop": False,
        "image_mean": [0.5] * 3,
        "image_std": [0.2] * 3,
    }
    (path / "preprocessor_config.json").write_text(json.dumps(how))
    return path


@pytest.fixture(autouse=True)
def light(monkeypatch):
    for name, value in {"RESAMPLES": 10, "SPLITS": 6, "REREADINGS": 20, "REPEATS": 3}.items():
        monkeypatch.setattr(parts, name, value)
    monkeypatch.setattr("clinsynth.evaluation.table.look.RESAMPLES", 10)
    monkeypatch.setattr("clinsynth.evaluation.table.look.SPLITS", 8)


def evaluated(cli, tmp_path, *words):
    for seed, side in enumerate(("real", "made", "train")):
        if not (tmp_path / f"{side}.csv").exists():
            image_table(tmp_path, side, n=24, seed=seed)
    sides = ("--real", "table:real.csv", "--synthetic", "table:made.csv", "--out", "look", "-q")
    return cli("evaluate", *sides, *words)


def page(tmp_path):
    return json.loads((tmp_path / "look" / "page.json").read_text())


def test_a_folder_looks_without_training_data_and_is_in_the_checklist_and_the_command(cli, tmp_path, folder):
    said = evaluated(cli, tmp_path, "--encoder", folder)
    assert said.code == 0, said.err
    names = {section["name"] for section in page(tmp_path)["page"]["sections"]}
    assert "encoder" in names and not names & {"obedience", "privacy"}
    items = {i["name"]: i for i in json.loads((tmp_path / "look" / "checklist.json").read_text())["items"]}
    sha = encoder_named(str(folder)).sha256
    assert (
        items["encoder"]["ticked"]
        and sha[:12] in items["encoder"]["value"]
        and "12 features" in items["encoder"]["value"]
    )
    assert f"--encoder {folder}" in page(tmp_path)["provenance"]["commands"][-1]
    assert page(tmp_path)["inputs"]["encoder"] == items["encoder"]["value"]


def test_a_folder_looks_at_training_data_too_and_what_it_saw_is_kept(cli, tmp_path, folder, monkeypatch):
    words = ("--train", "table:train.csv", "--encoder", folder)
    assert evaluated(cli, tmp_path, *words).code == 0
    names = [section["name"] for section in page(tmp_path)["page"]["sections"]]
    assert {"encoder", "obedience", "privacy", "curation"} <= set(names) and len(names) == len(set(names))
    text = (tmp_path / "look" / "report.html").read_text()
    for what in ("realism.realism_of", "obedience.obedience_of", "curation.curate"):
        monkeypatch.setattr(f"clinsynth.evaluation.{what}", lambda *a, **k: pytest.fail("measured again"))
    assert evaluated(cli, tmp_path, *words).code == 0 and (tmp_path / "look" / "report.html").read_text() == text


def test_simple_features_need_no_network(cli, tmp_path):
    assert evaluated(cli, tmp_path, "--encoder", "simple").code == 0
    assert "simple features" in page(tmp_path)["provenance"]["encoder"]


def test_a_state_is_known_by_its_first_layer(tmp_path):
    torch.manual_seed(0)
    state = {k: v for k, v in DenseNet121(1, 2).state_dict().items() if not k.startswith("classifier")}
    save_file(state, tmp_path / "body.safetensors")
    assert state_kind(tmp_path / "body.safetensors") == "densenet121"
    found = encoder_named(str(tmp_path / "body.safetensors"))
    x = torch.rand(2, 32, 32).numpy()
    assert found.features("image", x).shape == (2, 1024) and not found.standardise
    assert encoder_named(f"densenet121:{tmp_path / 'body.safetensors'}").sha256 == found.sha256
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WrongSetting, match="neither densenet121 nor resnet50"):
        encoder_named(str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dino", "--encoder dino is not to be had: no such folder or file; an encoder is one of own"),
        ("empty", "--encoder empty is not to be had:"),
        ("dinov2:", "names nothing behind the colon"),
        ("weights.pth", "may be a pickle"),
        ("timm:nothing", "timm"),
    ],
)
def test_a_wrong_one_is_refused_in_one_line_before_any_work(cli, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "weights.pth").write_bytes(b"x")
    said = evaluated(cli, tmp_path, "--encoder", name)
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert not (tmp_path / "look").exists()


def test_a_network_of_images_is_refused_for_signals_and_any_for_ecgs(cli, tmp_path, folder):
    signal_table(tmp_path, "real")
    signal_table(tmp_path, "made", seed=1)
    said = evaluated(cli, tmp_path, "--encoder", folder)
    assert said.code == 2 and "looks at images and these are signals; own and simple do" in said.err
    with pytest.raises(WrongSetting, match="must be own for ECGs; got simple"):
        check_encoder(encoder_named("simple"), "signal", "ECGs", known=False)
    assert encoder_named(None) is None and encoder_named("own") is None
