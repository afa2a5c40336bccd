"""The loss of single records: its own noise whatever the batch, the closed form of a network that says nothing."""

from dataclasses import replace

import learned_ecg_toy
import numpy as np
import pytest
import radiograph_model_toy
import torch
from clinsynth.conditioning.embedded import embedded
from clinsynth.evaluation.privacy import losses_of
from clinsynth.generators.diffusion import Preconditioning, denoising_loss
from clinsynth.generators.diffusion.record_loss import averaged_loss
from clinsynth.generators.ecg.learned.record_loss import ecg_loss
from clinsynth.generators.radiograph.latent.record_loss import radiograph_loss


def test_the_loss_of_a_network_that_says_nothing_is_one():
    x0 = np.random.default_rng(0).standard_normal((6, 3, 32, 32)).astype(np.float32)

    def at(rows, x, level, eps):
        sigma = torch.full((len(x),), level)
        return denoising_loss(lambda scaled, c_noise: torch.zeros_like(scaled), x, sigma, eps, Preconditioning(1.0))

    got = averaged_loss(at, x0, [str(i) for i in range(6)], batch=4)
    np.testing.assert_allclose(got, 1, atol=0.05)
    with pytest.raises(ValueError, match="5 names for 6 records"):
        averaged_loss(at, x0, ["a"] * 5)


@pytest.mark.parametrize("kind", ["edm", "v"])
def test_a_radiographs_loss_depends_on_itself_alone(kind):
    generator = radiograph_model_toy.tiny(radiograph_model_toy.tiny_model(kind))
    records = radiograph_model_toy.marked_records(5)
    records = [replace(r, condition=r.condition.model_copy(update={"race": None})) for r in records]
    loss = radiograph_loss(generator, levels=(0.3, 1.0), draws=1)
    whole = loss(records)
    assert whole.shape == (5,) and np.isfinite(whole).all() and (whole > 0).all() and np.ptp(whole) > 0
    np.testing.assert_allclose(loss(records[::-1]), whole[::-1], rtol=1e-4)
    np.testing.assert_allclose(loss(records[2:3]), whole[2:3], rtol=1e-4)
    assert not np.allclose(radiograph_loss(generator, levels=(0.3, 1.0), draws=1, seed=1)(records), whole)
    other = radiograph_loss(radiograph_model_toy.tiny(radiograph_model_toy.tiny_model(kind), seed=1), draws=1)
    got = losses_of(loss, records[:3], records[3:], without=[other])
    assert got.out_members.shape == (3, 1) and got.member_patients == ("p0", "p1", "p2")
    assert loss([]).shape == (0,)


def test_an_ecgs_loss_depends_on_itself_alone():
    loss = ecg_loss(learned_ecg_toy.tiny(), levels=(0.3,), draws=1)
    records = list(embedded("ludb", split="tuning"))[:3]
    unmarked = [replace(r, tables={}) for r in records]
    whole = loss(records)
    assert np.isfinite(whole).all() and (whole > 0).all()
    np.testing.assert_allclose(loss(records[1:2]), whole[1:2], rtol=1e-4)
    assert not np.allclose(loss(unmarked), whole)  # without marks the network hears of no beats
