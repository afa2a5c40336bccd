"""The parts of the volume translator: what is trained, what is told, where it lies, and how bright it is."""

import itertools

import numpy as np
import pytest
import torch
from clinsynth.generators.mri.wavelet.asked import asked_of, from_bands, to_bands
from clinsynth.generators.mri.wavelet.dropping import drawn_subset, drawn_target, inputs_beside
from clinsynth.generators.mri.wavelet.frame import frame_of
from clinsynth.generators.mri.wavelet.intensity import Robust, Scale, Scales, Window, scale_of
from clinsynth.generators.mri.wavelet.prepared import prepared
from clinsynth.generators.mri.wavelet.settings import ModelConfig
from hypothesis import given
from hypothesis import strategies as st
from mri_model_toy import brain, tiny_model, without
from pydantic import ValidationError

BRAIN = ModelConfig()


def test_every_non_empty_subset_is_shown_equally_often():
    u = torch.arange(1400) / 1400
    for present in itertools.product((0.0, 1.0), repeat=3):
        n = int(sum(present))
        if n:
            some = drawn_subset(torch.tensor([present]).repeat(1400, 1), u)
            kinds, counts = torch.unique(some, dim=0, return_counts=True)
            assert len(kinds) == 2**n - 1 and counts.max() - counts.min() <= 2
            assert (some.sum(1) > 0).all() and (some <= torch.tensor(present)).all()


def test_targets_are_those_that_are_there_and_leave_an_input():
    there = torch.tensor([[1.0, 0, 1, 1]]).repeat(900, 1)
    wanted = drawn_target(there, torch.arange(900) / 900, BRAIN)
    assert wanted.sum(0).tolist() == [300, 0, 300, 300]
    beside = inputs_beside(there, wanted, BRAIN)
    assert not (beside * wanted).any() and (beside.sum(1) == 2).all()


def test_a_target_that_is_no_source_may_have_all_of_them():
    model = ModelConfig(sources=("ct",), targets=("mr",))
    wanted = drawn_target(torch.ones(5, 2), torch.rand(5), model)
    assert wanted.tolist() == [[1.0]] * 5 and inputs_beside(torch.ones(5, 2), wanted, model).all()


def test_bands_of_values_in_0_to_1_have_a_low_band_in_0_to_1():
    x = torch.rand(1, 2, 4, 4, 4)
    bands = to_bands(x, 3.0)
    assert bands[:, ::8].min() >= 0 and bands[:, ::8].max() <= 8**0.5 / 3
    assert torch.allclose(from_bands(bands, 3.0), x, atol=1e-6)


def test_what_is_absent_has_no_say():
    model = tiny_model()
    x, labels = torch.rand(1, 4, 4, 4, 4), torch.randint(0, 4, (1, 4, 4, 4)).float()
    there, wanted = torch.tensor([[1.0, 0, 1, 0]]), torch.tensor([[0.0, 0, 0, 1]])
    other, nowhere = x.clone(), torch.zeros(1)
    other[:, [1, 3]] = 7.0
    a = asked_of(x, there, wanted, labels, nowhere, torch.zeros(1, 4), model)
    b = asked_of(other, there, wanted, 0 * labels, nowhere, torch.zeros(1, 4), model)
    xt = torch.randn(1, 8, 2, 2, 2)
    assert torch.equal(a.beside(xt), b.beside(xt)) and a.beside(xt).shape[1] == model.in_channels
    assert torch.allclose(a.start(), to_bands(x[:, [0, 2]], 3.0).unflatten(1, (2, 8)).mean(1))


def test_labels_are_told_as_shares_of_a_block():
    model, labels = tiny_model(), torch.zeros(1, 4, 4, 4)
    labels[0, 0, 0, 0], labels[0, 2:, 2:, 2:] = 2, 3
    told = asked_of(
        torch.zeros(1, 4, 4, 4, 4), torch.ones(1, 4), torch.eye(4)[:1], labels, torch.ones(1), torch.zeros(1, 4), model
    ).labels
    assert told[0, 1, 0, 0, 0] == 1 / 8 and told[0, 2, 1, 1, 1] == 1 and told[0, 3].all() and told[0, :3].sum() == 1.125


@given(
    sides=st.tuples(*(st.integers(3, 17),) * 3),
    lows=st.tuples(*(st.integers(0, 2),) * 3),
    multiple=st.sampled_from([2, 4, 8]),
)
def test_what_a_frame_takes_out_it_puts_back(sides, lows, multiple):
    rng = np.random.default_rng(0)
    volume = np.zeros(sides, np.float32)
    volume[tuple(slice(low, None) for low in lows)] = 1 + rng.random(
        [side - low for side, low in zip(sides, lows, strict=True)]
    )
    frame = frame_of(volume != 0, (2.0, 2.0, 2.0), None, multiple)
    part = frame.into(volume)
    assert all(side % multiple == 0 for side in part.shape) and np.array_equal(frame.back(part), volume)


def test_another_voxel_size_is_resampled_and_brought_back():
    z = np.linspace(0, 1, 30, dtype=np.float32)
    volume = np.ones((20, 24, 1), np.float32) * (1 + z)
    frame = frame_of(volume > 0, (1.0, 1.0, 1.0), 2.0, 2)
    part = frame.into(volume)
    assert frame.grid == (10, 12, 15) and part.shape == (10, 12, 16)
    assert np.abs(frame.back(part) - volume)[:, :, 1:-1].max() < 0.02
    assert frame_of(volume > 0, (1.9, 2.1, 2.0), 2.0, 2).grid == volume.shape


def test_values_come_back_in_their_own_unit():
    rng = np.random.default_rng(0)
    volume = (200 + 800 * rng.random((6, 6, 6))).astype(np.float32)
    scale = scale_of("t2", volume, volume > 0, Robust(percentile=99, level=1.0, ceiling=2.0))
    assert np.allclose(scale.own(scale.scaled(volume, 2.0)), volume, rtol=1e-5)
    assert np.percentile(scale.scaled(volume, 2.0), 99) == pytest.approx(1, abs=1e-3)
    hu = Scale(2000.0, -1000.0)
    assert hu == scale_of("ct", volume, volume > 0, Window(low=-1000, high=1000))
    assert np.allclose(hu.own(hu.scaled(volume, 1.0)), volume, atol=1e-2)


def test_a_missing_contrasts_scale_follows_from_the_inputs():
    train = [{"t1": Scale(100.0), "t2": Scale(400.0)}, {"t1": Scale(400.0), "t2": Scale(1600.0)}]
    scales = Scales.of(train)
    assert scales.subjects == {"t1": 2, "t2": 2}
    assert scales.scale_for("t2", {"t1": Scale(50.0)}, Robust()).size == pytest.approx(200)
    assert scales.scale_for("t2", {}, Robust()).size == pytest.approx(800)
    assert scales.scale_for("t2", {"t1": Scale(50.0)}, Window(low=0, high=9)) == Scale(9.0, 0.0)


def test_patients_are_prepared_or_refused_by_name():
    model = tiny_model()
    one = prepared(without(brain(1), "t1"), model)
    assert one.there.tolist() == [False, True, True, True] and not one.x[0].any() and one.labelled
    assert all(side % model.multiple == 0 for side in one.x.shape[1:])
    assert set(np.unique(one.labels)) == {0, 3}
    with pytest.raises(ValueError, match="patient-1: none of t1, t1ce"):
        prepared(without(brain(1), "t1", "t1ce", "t2", "flair"), model)
    bad = brain(1)
    bad.arrays["t1"][3, 3, 3] = np.nan
    with pytest.raises(ValueError, match="patient-1: t1 has 1 voxels that are no numbers"):
        prepared(bad, model)
    bad = brain(1)
    bad.arrays["t2"] = bad.arrays["t2"][:-2]
    with pytest.raises(ValueError, match="t2 is 20 x 26 x 18 and t1 22 x 26 x 18"):
        prepared(bad, model)
    with pytest.raises(ValueError, match="nothing to look at"):
        prepared(type(bad)("empty", {"t1": np.zeros((4, 4, 4))}, None, bad.geometry, {}), model)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sources": ("t1", "t1")}, "twice"),
        ({"sources": ("t1",), "targets": ("t1",)}, "something must be made"),
        ({"intensity": {"pet": {"kind": "robust"}}}, "'pet'"),
        ({"sources": ("T1 w",)}, "sources"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        ModelConfig.model_validate(wrong)
