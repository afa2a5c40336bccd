"""Networks by name: published sizes and names, float preparation, tiny folders and states, and what is refused."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from clinsynth.evaluation.backbones import backbone
from clinsynth.evaluation.backbones.networks import DenseNet121, ResNet50
from clinsynth.evaluation.backbones.preparing import Preparation, preparation, prepared
from clinsynth.evaluation.backbones.states import fitted, renamed
from clinsynth.evaluation.realism import frechet_distance
from clinsynth.generators.readout.contrastive import ContrastiveConfig, ContrastiveEncoder
from PIL import Image
from radiograph_toy import records
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

ROOT = Path(__file__).resolve().parents[2]


def smooth(n, size=24, seed=0, sigma=2.0):
    x = gaussian_filter(np.random.default_rng(seed).normal(size=(n, size, size)), (0, sigma, sigma))
    return np.clip(0.5 + x * sigma, 0, 1).astype(np.float32)


def parameters(network):
    return sum(p.numel() for p in network.parameters())


# Networks that the studio defines


@pytest.fixture(scope="module")
def dense():
    torch.manual_seed(0)
    return DenseNet121(1, 18).eval()


def test_the_networks_have_the_published_sizes():
    with torch.device("meta"):
        assert parameters(DenseNet121()) == 7_978_856
        assert parameters(ResNet50()) == 25_557_032


def test_the_networks_have_published_names_and_shapes(dense):
    names = set(dense.state_dict())
    assert {"features.norm5.weight", "features.denseblock4.denselayer16.conv2.weight"} <= names
    assert "features.transition3.conv.weight" in names and "classifier.bias" in names
    with torch.device("meta"):
        names = set(ResNet50().state_dict())
    assert {"layer1.0.downsample.1.running_var", "layer4.2.bn3.weight", "conv1.weight", "fc.bias"} <= names
    assert "layer1.1.downsample.0.weight" not in names
    x = torch.zeros(2, 1, 64, 64)
    assert dense.embed(x).shape == (2, 1024) and dense(x).shape == (2, 18)


def test_a_state_gives_the_features_of_the_network_that_it_is_of(dense, tmp_path):
    file = tmp_path / "dense.safetensors"
    how = Preparation(size=(32, 32), mean=(0.5,), sd=(0.5,))
    save_file(dense.state_dict(), file, metadata={"preparation": how.model_dump_json()})
    eyes = backbone(f"densenet121:{file}", batch=2)
    x = smooth(3, 32)
    with torch.inference_mode():
        want = dense.embed(torch.from_numpy((x[:, None] - 0.5) / 0.5)).numpy()
    got = eyes.encode(x)
    assert got.dtype == np.float32 and np.allclose(got, want, atol=1e-5) and eyes.width == 1024 and eyes.size == 32
    assert len(eyes.sha256) == 64 and "dense.safetensors" in eyes.about and str(tmp_path) not in eyes.about
    assert eyes.encode(x[:0]).shape == (0, 1024)


def test_resnet_features_do_not_depend_on_the_batch(tmp_path):
    torch.manual_seed(1)
    state = {k: v for k, v in ResNet50(3, 5).state_dict().items() if not k.startswith("fc.")}
    save_file(state, tmp_path / "body.safetensors")
    x = smooth(3, 40)
    one, many = (backbone(f"resnet50:{tmp_path / 'body.safetensors'}", batch=b).encode(x) for b in (1, 3))
    assert one.shape == (3, 2048) and np.allclose(one, many, atol=1e-4)


def test_names_of_older_states_and_of_wrappers_are_understood(dense):
    old = {}
    for name, tensor in dense.state_dict().items():
        for part in ("norm", "conv"):
            for k in "12":
                name = name.replace(f".{part}{k}.", f".{part}.{k}.") if "denselayer" in name else name
        old[f"module.{name}"] = tensor
    assert "module.features.denseblock1.denselayer1.norm.1.weight" in old
    assert {renamed(name) for name in old} == set(dense.state_dict())
    x = torch.rand(1, 1, 48, 48)
    assert torch.equal(fitted("densenet121", old).embed(x), dense.embed(x))


def test_a_state_of_another_network_is_refused_by_what_is_wrong(dense, tmp_path):
    state = dict(dense.state_dict())
    with pytest.raises(ValueError, match="no tensor 'conv1.weight', so this is no state of resnet50"):
        fitted("resnet50", state)
    with pytest.raises(ValueError, match="lacks .'features.norm5.bias'"):
        fitted("densenet121", {k: v for k, v in state.items() if k != "features.norm5.bias"})
    with pytest.raises(ValueError, match="holds .'more'. besides"):
        fitted("densenet121", state | {"more": torch.zeros(1)})
    with pytest.raises(ValueError, match="'features.norm5.bias' has the shape .3,.; densenet121 has .1024,."):
        fitted("densenet121", state | {"features.norm5.bias": torch.zeros(3)})
    with pytest.raises(ValueError, match="not finite"):
        fitted("densenet121", state | {"features.norm5.bias": torch.full((1024,), torch.nan)})
    (tmp_path / "x.pth").write_bytes(b"")
    with pytest.raises(ValueError, match="may be a pickle"):
        backbone(f"densenet121:{tmp_path / 'x.pth'}")
    (tmp_path / "x.safetensors").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match="not a safetensors file"):
        backbone(f"densenet121:{tmp_path / 'x.safetensors'}")


def test_torchxrayvisions_state_is_converted_to_ours(dense):
    spec = importlib.util.spec_from_file_location("convert", ROOT / "benchmarks" / "convert_torchxrayvision.py")
    convert = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(convert)
    theirs = dict(dense.state_dict()) | {"op_threshs": torch.zeros(18)}
    ours = convert.converted(theirs)
    assert set(ours) == set(dense.state_dict()) and ours["classifier.weight"].shape == (18, 1024)
    how = Preparation.model_validate(convert.PREPARATION)
    low, high = (prepared(np.full((1, 8, 8), v, np.float32), how) for v in (0, 1))
    assert float(low.max()) == -1024 and float(high.min()) == 1024 and how.channels == 1
    with pytest.raises(ValueError, match="lacks"):
        convert.converted({k: v for k, v in theirs.items() if "denseblock2" not in k})


# Preparation


@pytest.mark.parametrize("size, mode", [((17, 13), "bicubic"), ((40, 56), "bicubic"), ((17, 13), "bilinear")])
def test_resizing_is_pils_in_float(size, mode):
    x = smooth(1, 32, sigma=3)[0]
    how = Preparation(size=size, mode=mode, mean=(0.0,), sd=(1.0,))
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    want = np.clip(np.asarray(Image.fromarray(x, mode="F").resize(size[::-1], filters[mode])), 0, 1)
    got = prepared(x[None], how)[0, 0].numpy()
    assert np.abs(got - want).max() < 2e-5
    assert len(np.unique(got)) > 0.9 * got.size * (got.min() > 0)  # no 256 steps


def test_shortest_edge_and_crop_keep_the_middle_and_channels_are_met():
    config = {"size": {"shortest_edge": 16}, "crop_size": {"height": 12, "width": 12}, "resample": 3,
              "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}  # fmt: skip
    how = preparation(config)
    x = np.zeros((1, 32, 64), np.float32)
    x[:, 12:20, 28:36] = 1
    y = prepared(x, how)
    assert y.shape == (1, 3, 12, 12) and torch.equal(y[:, 0], y[:, 2])
    assert torch.allclose(y, y.flip(3), atol=1e-5) and y.max() > 0.9 and y.min() == -1
    grey = prepared(np.stack([x, x * 0, x * 0], 1)[:, :, 0] if x.ndim == 4 else np.repeat(x[:, None], 3, 1), how)
    assert torch.allclose(grey, y)
    assert prepared(np.repeat(x[:, None], 3, 1), Preparation(mean=(0.5,), sd=(1.0,))).shape == (1, 1, 224, 224)
    for bad in (x * 2, x * np.nan, x[0]):
        with pytest.raises(ValueError, match="images"):
            prepared(bad, how)
    with pytest.raises(ValueError, match="resample is 7"):
        preparation({"resample": 7})


# Folders


@pytest.fixture(scope="module")
def dino(tmp_path_factory):
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(2)
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
    network = Dinov2Model(config).eval()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    network.save_pretrained(folder)
    body = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}, "resample": 3,
            "image_mean": [0.5] * 3, "image_std": [0.25] * 3}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(body))
    return folder, network


def test_a_folder_of_dinov2_gives_its_class_token(dino):
    folder, network = dino
    eyes = backbone(f"dinov2:{folder}")
    x = smooth(3, 28)
    with torch.inference_mode():
        inputs = torch.from_numpy((x[:, None].repeat(3, 1) - 0.5) / 0.25)
        want = network(inputs).last_hidden_state[:, 0].numpy()
    assert np.allclose(eyes.encode(x), want, atol=1e-5) and eyes.width == 32 and eyes.size == 28
    assert backbone(f"rad-dino:{folder}").sha256 == eyes.sha256 and eyes.name == "dinov2:tiny"


def test_folders_with_pickles_or_without_safetensors_are_refused(dino, tmp_path):
    folder, _ = dino
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    config = (folder / "config.json").read_text()
    (tmp_path / "a" / "config.json").write_text(config)
    with pytest.raises(ValueError, match="holds no safetensors"):
        backbone(f"dinov2:{tmp_path / 'a'}")
    (tmp_path / "b" / "config.json").write_text(config)
    (tmp_path / "b" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="pytorch_model.bin may be a pickle"):
        backbone(f"dinov2:{tmp_path / 'b'}")
    (tmp_path / "c" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="model_type is 'bert'"):
        backbone(f"vit:{tmp_path / 'c'}")
    with pytest.raises(ValueError, match="is not a folder"):
        backbone(f"dinov2:{tmp_path / 'none'}")


def test_names_that_nobody_knows_and_libraries_that_are_not_there_are_said_in_one_line(monkeypatch):
    with pytest.raises(ValueError, match="backbone 'dinov' is not known.*dinov2"):
        backbone("dinov:x")
    with pytest.raises(ValueError, match="names nothing behind the colon"):
        backbone("resnet50")
    with pytest.raises(ValueError, match="none are given"):
        backbone("studio")
    for name in ("timm", "torchxrayvision"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ValueError, match=f"^{name} is not in this environment[^\n]*$"):
            backbone(f"{name}:some")


def test_a_network_of_timm_is_used_where_it_is(monkeypatch):
    class Tiny(torch.nn.Module):
        num_features = 3

        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * x.mean((2, 3))

    data = {"input_size": (3, 16, 16), "mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic"}
    timm = types.SimpleNamespace(
        create_model=lambda name, **_: Tiny(), data=types.SimpleNamespace(resolve_model_data_config=lambda _: data)
    )
    monkeypatch.setitem(sys.modules, "timm", timm)
    eyes = backbone("timm:tiny")
    assert np.allclose(eyes.encode(np.full((2, 16, 16), 0.75, np.float32)), 0.5) and eyes.width == 3


def test_torchxrayvision_is_used_where_its_weights_are_and_never_made_to_download(monkeypatch, tmp_path, dense):
    monkeypatch.setenv("HOME", str(tmp_path))
    urls = {"all": {"weights_url": "https://example.org/some-densenet.pt"}}
    models = types.SimpleNamespace(model_urls=urls, DenseNet=lambda weights: dense)
    monkeypatch.setitem(sys.modules, "torchxrayvision", types.SimpleNamespace(models=models))
    with pytest.raises(ValueError, match="has not downloaded 'all' .some-densenet.pt."):
        backbone("torchxrayvision:all")
    (tmp_path / ".torchxrayvision" / "models_data").mkdir(parents=True)
    (tmp_path / ".torchxrayvision" / "models_data" / "some-densenet.pt").write_bytes(b"")
    x = smooth(1, 224)
    with torch.inference_mode():
        want = dense.embed(torch.from_numpy(x[:, None] * 2048 - 1024)).numpy()
    assert np.allclose(backbone("torchxrayvision:all").encode(x), want, rtol=1e-4, atol=1e-3)


# The studio's own


@pytest.mark.parametrize("shape, first", [((24, 24), False), ((12, 12, 12), False), ((2, 200), True)])
def test_the_encoder_learns_on_images_volumes_and_signals(shape, first):
    rng = np.random.default_rng(0)
    x = gaussian_filter(
        rng.normal(size=(30, *shape)), (0, *[0 if first and k == 0 else 1.5 for k in range(len(shape))])
    )
    losses = []
    config = ContrastiveConfig(steps=40, width=8, features=8, batch=16)
    encoder = ContrastiveEncoder.trained(
        x, channels_first=first, seed=1, config=config, on_step=lambda _, loss: losses.append(loss)
    )
    assert np.mean(losses[-8:]) < np.mean(losses[:8])
    got = encoder.features(x)
    assert got.shape == (30, 8) and got.dtype == np.float32 and np.isfinite(got).all()
    assert np.array_equal(got, encoder.features(x)) and np.allclose(got, encoder.features(x, batch=7), atol=1e-5)
    again = ContrastiveEncoder.trained(x, channels_first=first, seed=1, config=config)
    assert again.weights_sha256 == encoder.weights_sha256
    with pytest.raises(ValueError, match="records have the shape"):
        encoder.features(np.zeros((2, 9), np.float32))


def test_the_encoder_sees_blur():
    x = smooth(120, 24, sigma=1.0)
    encoder = ContrastiveEncoder.trained(x[:60], seed=0)
    sharp, soft = encoder.features(x[60:]), encoder.features(gaussian_filter(x[60:], (0, 1.5, 1.5)))
    one, two, off = ((z - sharp.mean(0)) / sharp.std(0) for z in (sharp[:30], sharp[30:], soft[30:]))
    assert frechet_distance(one, off) > 5 * frechet_distance(one, two)


def test_the_studios_encoders_have_the_same_interface():
    eyes = backbone("studio", training=smooth(12), seed=0)
    assert eyes.encode(smooth(3, seed=5)).shape == (3, eyes.width) and eyes.standardise and eyes.takes == "arrays"
    with pytest.raises(ValueError, match="9 real records cannot train"):
        backbone("studio", training=smooth(9))
    with pytest.raises(ValueError, match="all values of the 12 real records are 0.5"):
        backbone("studio", training=np.full((12, 16, 16), 0.5, np.float32))
    with pytest.raises(ValueError, match="not finite"):
        backbone("studio", training=np.full((12, 16, 16), np.nan, np.float32))


@pytest.mark.slow
def test_records_of_radiographs_and_ecgs_have_encoders_of_their_own():
    from clinsynth.conditioning.ecg import EcgCondition
    from clinsynth.generators.ecg import EcgSimulator

    images = records(24, seed=0, synthetic=False)
    eyes = backbone("studio", training=images)
    x = np.stack([np.asarray(r.arrays["image"], dtype=np.float32) for r in images[:3]])
    assert eyes.name == "studio-radiograph" and eyes.encode(x).shape == (3, eyes.width)
    ecgs = list(EcgSimulator().generate([EcgCondition()] * 12, range(12)))
    eyes = backbone("studio", training=ecgs)
    assert eyes.name == "studio-ecg" and eyes.encode(ecgs[:2]).dtype == np.float32 and eyes.takes == "records"
