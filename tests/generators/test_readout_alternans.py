"""Beats cut out and stacked, and the network that compares them."""

import numpy as np
import pytest
import torch
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.generators.ecg.simulator import simulate
from clinsynth.generators.readout.alternans import BeatNetwork, Beats, all_beats, beats_of, stack
from clinsynth.generators.readout.alternans.beats import SAMPLES, TIME_S
from clinsynth.generators.readout.alternans.stack import scaled
from clinsynth.generators.readout.supervised import Schedule, initialise, train
from torch import nn


@pytest.fixture(scope="module")
def record():
    return simulate(EcgCondition(heart_rate_bpm=70, noise=(), twa_uv=0, rhythm="sinus"), 11)


def made(rng, beats, uv):
    """Beats of one random T wave, in noise of 20 uV, with alternans of `uv`."""
    t = 300 * np.exp(-(((TIME_S - 0.28) / 0.05) ** 2))
    weight = rng.uniform(-1, 1, 8)[:, None]
    sign = np.where((np.arange(beats) + rng.integers(2)) % 2, 0.5, -0.5)[:, None, None]
    x = weight * t + sign * uv * weight / np.abs(weight).max() * t / 300 + 20 * rng.standard_normal((beats, 8, SAMPLES))
    return Beats(x.astype(np.float32), np.full(beats, 0.8), np.ones(beats, bool))


def test_beats_are_those_of_the_truth_with_their_intervals(record):
    beats = beats_of(record)
    true = record.tables["beats"]
    inside = (true["sample"] > 150) & (true["sample"] < 4700)
    assert abs(len(beats) - inside.sum()) <= 1
    rr = np.diff(true["sample"]) / 500
    assert np.abs(beats.rr_s[1:, None] - rr[None, :]).min(axis=1).max() < 0.012
    assert beats.x_uv.shape == (len(beats), 8, 94) and beats.usual.all()


def test_beats_lie_on_each_other_and_on_their_level(record):
    x = beats_of(record).x_uv
    level = (TIME_S > -0.082) & (TIME_S < -0.046)
    assert np.abs(x[:, :, level].mean(axis=-1)).max() < 1
    spread = np.abs(x - np.median(x, axis=0)).max()
    assert spread < 0.2 * np.abs(x).max()


def test_a_record_without_beats_is_refused_by_name(record):
    short = simulate(EcgCondition(duration_s=1.5, twa_uv=0), 4)
    with pytest.raises(ValueError, match=short.record_id):
        beats_of(short)
    assert all_beats([short])[0] is None


def test_the_stack_is_scaled_clipped_and_padded_with_a_mask():
    x = np.zeros((3, 8, SAMPLES), np.float32)
    x[0], x[1], x[2] = 100, 1e6, -1e6
    beats = Beats(x, np.array([0.85, 0.85, 1.7]), np.ones(3, bool))
    rows = scaled(beats)
    assert rows[0, :8] == pytest.approx(1, abs=0.01) and rows[1, :8] == pytest.approx(20) and rows[2, 0, 0] == -20
    assert (rows[0, 8] == 0).all() and rows[2, 8] == pytest.approx(3 * np.log(2))
    signal, mask = stack([beats, beats.part(1, 1)], 5)
    assert signal.shape == (2, 5, 9, SAMPLES) and mask.sum(axis=1).tolist() == [3, 1]
    assert (signal[~mask] == 0).all() and np.array_equal(signal[1, 0], rows[1])
    assert stack([beats], 2)[1].sum() == 2
    with pytest.raises(ValueError, match="0 rows"):
        stack([], 4)


def test_padding_has_no_say_and_any_number_of_beats_goes():
    network = initialise(BeatNetwork, 1).eval()
    row = made(np.random.default_rng(0), 12, 30)
    with torch.no_grad():
        logits = [network(*map(torch.from_numpy, stack([row], n))) for n in (12, 16, 40)]
    assert torch.allclose(logits[0], logits[1], atol=1e-5) and torch.allclose(logits[0], logits[2], atol=1e-5)
    assert sum(p.numel() for p in network.parameters()) <= 150_000


def test_the_order_of_beats_matters():
    network = initialise(BeatNetwork, 1).eval()
    row = made(np.random.default_rng(0), 12, 200)
    signal, mask = map(torch.from_numpy, stack([row], 12))
    with torch.no_grad():
        turned = network(signal[:, [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]], mask)
        assert (network(signal, mask) - turned).abs().max() > 1e-4


def test_a_new_head_leaves_the_body_and_starts_at_zero():
    network = initialise(lambda: BeatNetwork(classes=13), 2)
    other = network.with_head(1)
    assert network.head.out_features == 13 and other.head.out_features == 1 and not other.head.weight.any()
    assert all(torch.equal(a, b) for a, b in zip(network.within.parameters(), other.within.parameters(), strict=True))
    with torch.no_grad():
        other.within[0].weight += 1
    assert not torch.equal(network.within[0].weight, other.within[0].weight)


def test_it_learns_to_tell_alternans_from_none():
    rows = [made(np.random.default_rng(k), 8, 200.0 * (k % 2)) for k in range(160)]
    signal, mask = map(torch.from_numpy, stack(rows, 8))
    answer = torch.arange(160) % 2

    def batch(rng):
        mine = torch.from_numpy(rng.integers(120, size=12))
        return {"signal": signal[mine], "mask": mask[mine], "answer": answer[mine]}

    def loss(network, b):
        logit = network(b["signal"], b["mask"])[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(logit, b["answer"].float())

    trained = train(initialise(BeatNetwork, 0), batch, loss, Schedule(50, ema_decay=0.9), 0)
    with torch.no_grad():
        said = trained(signal[120:], mask[120:])[:, 0] > 0
    right = (said == (answer[120:] == 1)).float().mean()
    assert right > 0.85
