"""The 3D Haar transform against PyWavelets and ptwt, its energy and its gradient."""

import numpy as np
import ptwt
import pytest
import pywt
import torch
from clinsynth.generators.diffusion.haar3d import BANDS, haar3d, inverse_haar3d

LETTERS = {"a": "L", "d": "H"}


def volumes(*sides, seed=0, dtype=np.float32):
    return torch.from_numpy(np.random.default_rng(seed).random((2, 3, *sides)).astype(dtype))


@pytest.mark.parametrize("sides", [(2, 2, 2), (10, 6, 14), (16, 34, 8)])
def test_bands_are_those_of_pywavelets(sides):
    x = volumes(*sides)
    bands = haar3d(x).unflatten(1, (3, 8))
    for b in range(2):
        for c in range(3):
            for key, want in pywt.dwtn(x[b, c].numpy(), "haar").items():
                band = BANDS.index("".join(LETTERS[letter] for letter in key))
                assert np.abs(bands[b, c, band].numpy() - want).max() < 1e-6


def test_bands_are_those_of_ptwt():
    x = volumes(8, 12, 6)
    low, details = ptwt.wavedec3(x, "haar", level=1, mode="zero")
    bands = haar3d(x).unflatten(1, (3, 8))
    assert torch.allclose(bands[:, :, 0], low, atol=1e-6)
    for key, want in details.items():
        assert torch.allclose(bands[:, :, BANDS.index("".join(LETTERS[k] for k in key))], want, atol=1e-6)


def test_the_inverse_undoes_it_and_is_pywavelets_own():
    x = volumes(12, 20, 18)
    assert (inverse_haar3d(haar3d(x)) - x).abs().max() < 1e-6
    bands = torch.from_numpy(np.random.default_rng(1).random((1, 8, 4, 5, 6)).astype(np.float32))
    keys = {"".join("ad"[letter == "H"] for letter in band): bands[0, k].numpy() for k, band in enumerate(BANDS)}
    assert np.abs(inverse_haar3d(bands)[0, 0].numpy() - pywt.idwtn(keys, "haar")).max() < 1e-6


def test_energy_is_kept_and_angles_too():
    x, y = volumes(10, 8, 6, dtype=np.float64), volumes(10, 8, 6, seed=1, dtype=np.float64)
    assert float((haar3d(x) ** 2).sum()) == pytest.approx(float((x**2).sum()), rel=1e-12)
    assert float((haar3d(x) * haar3d(y)).sum()) == pytest.approx(float((x * y).sum()), rel=1e-12)


def test_gradients_are_exact_and_the_second_ones_too():
    x = volumes(4, 2, 4, dtype=np.float64)[:1, :2].requires_grad_()
    assert torch.autograd.gradcheck(haar3d, x)
    bands = haar3d(x).detach().requires_grad_()
    assert torch.autograd.gradcheck(inverse_haar3d, bands)
    assert torch.autograd.gradgradcheck(lambda v: (haar3d(v) ** 2).sum(), x)


def test_white_noise_stays_white():
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, 40, 40, 40)).astype(np.float32))
    bands = haar3d(noise)[0].flatten(1)
    cov = bands @ bands.T / bands.shape[1]
    assert (cov - torch.eye(8)).abs().max() < 5 / bands.shape[1] ** 0.5


def test_odd_sides_and_channels_that_are_no_bands_are_refused():
    with pytest.raises(ValueError, match="even"):
        haar3d(torch.zeros(1, 1, 4, 5, 4))
    with pytest.raises(ValueError, match="multiple of 8"):
        inverse_haar3d(torch.zeros(1, 7, 2, 2, 2))
