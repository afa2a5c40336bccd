"""The 3D U-Net: the published model's size, any volume, examples that do not see each other."""

import pytest
import torch
from clinsynth.generators.diffusion.unet3d import UNet3d, UNet3dConfig, padding
from learned_ecg_toy import stirred
from pydantic import ValidationError

SMALL = UNet3dConfig(base=8, multiples=(1, 2), blocks=1, groups=4)


def made(config=SMALL, ins=5, outs=3, told=0):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return stirred({"unet": UNet3d(config, ins, outs, told)})["unet"].eval()


def test_the_published_model_has_81_5_million_parameters():
    with torch.device("meta"):
        network = UNet3d(UNet3dConfig.cwdm(), 32, 8)
    assert sum(p.numel() for p in network.parameters()) == 81_511_048


@pytest.mark.parametrize("sides", [(2, 2, 2), (6, 10, 4), (12, 2, 8)])
def test_any_volume_of_even_sides_goes_through(sides):
    assert made()(torch.randn(2, 5, *sides), torch.tensor([0.0, 900.0])).shape == (2, 3, *sides)


def test_an_untrained_network_says_nothing():
    network = UNet3d(SMALL, 5, 3)
    assert not network(torch.randn(1, 5, 4, 4, 4), torch.zeros(1)).any()


def test_examples_do_not_see_each_other():
    network, x, t = made(), torch.randn(3, 5, 6, 4, 6), torch.tensor([1.0, 50.0, 700.0])
    together = network(x, t)
    for k in range(3):
        assert torch.allclose(network(x[k : k + 1], t[k : k + 1])[0], together[k], atol=1e-4, rtol=1e-4)


def test_time_and_what_is_told_change_the_word():
    network, x = made(told=2), torch.randn(1, 5, 4, 4, 4)
    said = network(x, torch.tensor([10.0]), torch.zeros(1, 2))
    assert not torch.allclose(said, network(x, torch.tensor([500.0]), torch.zeros(1, 2)))
    assert not torch.allclose(said, network(x, torch.tensor([10.0]), torch.ones(1, 2)))


def test_checkpointing_leaves_word_and_gradient_as_they_are():
    plain = made()
    again = made(SMALL.model_copy(update={"gradient_checkpointing": True}))
    x, t, grads = torch.randn(1, 5, 4, 6, 4), torch.tensor([30.0]), []
    for network in (plain, again):
        network(x, t).square().sum().backward()
        grads.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert torch.allclose(grads[0], grads[1], rtol=1e-5, atol=1e-6)


def test_half_precision_is_near():
    network, x, t = made(), torch.randn(1, 5, 8, 8, 8), torch.tensor([30.0])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = network(x, t).float()
    with torch.no_grad():
        full = network(x, t)
    assert float((low - full).norm() / full.norm()) < 0.05


def test_padding_reaches_the_next_multiple():
    assert padding((77, 120, 1), 8) == ((1, 2), (0, 0), (3, 4))


def test_a_base_that_groups_do_not_divide_is_refused():
    with pytest.raises(ValidationError, match="multiple of groups"):
        UNet3dConfig(base=20, groups=8)
