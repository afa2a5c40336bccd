"""The encoder for realism: distances grow with what is wrong."""

import numpy as np
import pytest
import torch
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.realism.frechet import frechet_distance
from clinsynth.generators.readout.radiograph import EncoderConfig, NetworkConfig, RadiographEncoder
from clinsynth.generators.readout.radiograph.degrading import blurred, noisy
from clinsynth.generators.readout.radiograph.encoder import contrast
from marked_radiographs import marked
from scipy.ndimage import gaussian_filter

SMALL = EncoderConfig(network=NetworkConfig(size=32, width=8, features=12, dropout=0), batch=16)


@pytest.fixture(scope="module")
def encoder():
    return RadiographEncoder.trained(list(embedded("nih64", split="train")), steps=60, config=SMALL)


@pytest.fixture(scope="module")
def held_out():
    return np.stack([r.arrays["image"] for r in embedded("nih64", split="held_out")])


def distances(encoder, real, others):
    features = encoder.features(real)
    return [frechet_distance(features, encoder.features(other)) for other in others]


def test_the_distance_grows_with_blur(encoder, held_out):
    x = torch.from_numpy(held_out)[:, None]
    worse = [blurred(x, torch.full((len(x),), sigma))[:, 0].numpy().clip(0, 1) for sigma in (0.0, 1.0, 2.0, 4.0)]
    found = distances(encoder, held_out, worse)
    assert found == sorted(found) and found[0] < 1e-6 < found[1]


def test_the_distance_grows_with_noise(encoder, held_out):
    x, rng = torch.from_numpy(held_out)[:, None], stream(0, "t")
    worse = [noisy(x, torch.full((len(x),), sd), rng)[:, 0].numpy() for sd in (0.0, 0.05, 0.1, 0.2)]
    found = distances(encoder, held_out, worse)
    assert found == sorted(found) and found[0] < 1e-6 < found[1]


def test_the_distance_grows_with_images_of_another_kind(encoder, held_out):
    other = np.clip(1 - held_out[::-1], 0, 1)  # MONOCHROME1 shown as it is
    mixed = [np.concatenate([other[:k], held_out[k:]]) for k in (0, 20, 60, 143)]
    found = distances(encoder, held_out, mixed)
    assert found == sorted(found)


def test_features_do_not_depend_on_neighbours_and_take_records(encoder):
    records = list(embedded("nih64", split="held_out"))[:4]
    together = encoder.features(records)
    assert together.shape == (4, 12) and together.dtype == np.float64
    assert np.allclose(encoder.features(records[1:2]), together[1:2], rtol=1e-4, atol=1e-5)
    assert encoder.features([]).shape == (0, 12)


def test_the_disk_changes_nothing_and_the_seed_decides(encoder, held_out, tmp_path):
    encoder.save_pretrained(tmp_path / "encoder")
    again = RadiographEncoder.from_pretrained(tmp_path / "encoder")
    assert again.weights_sha256 == encoder.weights_sha256
    assert np.array_equal(again.features(held_out[:3]), encoder.features(held_out[:3]))
    some = marked(12)
    a, b, c = (RadiographEncoder.trained(some, seed=s, steps=2, config=SMALL).weights_sha256 for s in (1, 1, 2))
    assert a == b != c
    with pytest.raises(ValueError, match="ten are needed"):
        RadiographEncoder.trained(some[:9])


def test_blur_agrees_with_scipy_and_keeps_an_even_image():
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    soft = blurred(x, torch.tensor([0.0, 1.5]))
    torch.testing.assert_close(soft[0], x[0], rtol=0, atol=1e-6)
    expected = gaussian_filter(x[1, 0].numpy(), 1.5, mode="mirror", truncate=4)
    assert np.allclose(soft[1, 0], expected, atol=1e-5)
    assert torch.allclose(blurred(torch.ones(1, 1, 16, 16), torch.tensor([2.0])), torch.ones(1, 1, 16, 16))


def test_contrast_by_closed_form():
    z = torch.eye(4).repeat(2, 1)  # partners alike, all others at right angles
    expected = -np.log(np.exp(1 / 0.5) / (np.exp(1 / 0.5) + 6))
    assert float(contrast(z, 0.5)) == pytest.approx(expected, rel=1e-5)
