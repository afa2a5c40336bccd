"""What the network is told: attributes said and unsaid, and the network itself."""

import itertools

import numpy as np
import pytest
import torch
from clinsynth.conditioning.ecg import EcgCondition, Finding
from clinsynth.generators.ecg.learned.condition import FIELDS, ConditionConfig, encode
from clinsynth.generators.ecg.learned.encoder import ConditionEncoder, hushed, numbers_needed, unasked
from clinsynth.generators.ecg.learned.model_folder import new_networks
from clinsynth.generators.ecg.learned.network import EcgUNet, NetworkConfig
from clinsynth.generators.training import Draws
from learned_ecg_toy import stirred, tiny_model, told_beats

CONFIG = ConditionConfig()
FULL = EcgCondition(sex="M", age_years=50, heart_rate_bpm=80, rhythm="sinus", findings=("long_qt",))


def told(**asked):
    return encode(EcgCondition.model_validate(asked), CONFIG)


def encoded(encoder, value, said):
    with torch.inference_mode():
        return encoder(torch.from_numpy(np.atleast_2d(value)), torch.from_numpy(np.atleast_2d(said)))


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConditionEncoder(CONFIG).eval()


def test_what_a_condition_leaves_out_is_unsaid():
    value, said = told()
    assert not said.any() and not value.any() and len(said) == len(CONFIG.attributes)
    for name, asked in (("sex", "F"), ("age_years", 33), ("heart_rate_bpm", 70), ("rhythm", "sinus")):
        value, said = told(**{name: asked})
        assert said.sum() == 1 and said[FIELDS.index(name)] == 1
    value, said = encode(EcgCondition(), CONFIG, "artificial")
    assert said.sum() == 1 and value[FIELDS.index("source")] == 1


def test_a_list_of_findings_says_of_each_whether_it_is_there():
    at = dict(zip(CONFIG.attributes, range(len(CONFIG.attributes)), strict=True))
    value, said = told(findings=["long_qt"])
    assert value[at["long_qt"]] == 1 and value.sum() == 1 and said.sum() == len(CONFIG.findings)
    value, said = encode(EcgCondition(findings=()), CONFIG, unsure=frozenset({Finding.long_qt}))
    assert said[at["long_qt"]] == 0 and said.sum() == len(CONFIG.findings) - 1
    value, said = encode(EcgCondition(findings=("long_qt",)), CONFIG, unsure=frozenset({Finding.long_qt}))
    assert said[at["long_qt"]] == 1


def test_the_value_of_an_unsaid_attribute_has_no_effect(encoder):
    value, said = encode(FULL, CONFIG, "real")
    for k in range(len(said)):
        quiet = said.copy()
        quiet[k] = 0
        other = value.copy()
        other[k] = 1
        assert torch.equal(encoded(encoder, value, quiet), encoded(encoder, other, quiet))
        assert not torch.equal(encoded(encoder, value, quiet), encoded(encoder, value, said))


def test_every_value_of_every_attribute_is_told_apart(encoder):
    asked = [{"sex": s} for s in "FM"] + [{"age_years": a} for a in (20, 21, 80)]
    asked += [{"heart_rate_bpm": r} for r in (60, 62, 150)] + [{"findings": []}, {"findings": ["long_qt"]}, {}]
    asked += [{"rhythm": r} for r in ("sinus", "atrial_fibrillation", "premature_atrial_complexes")]
    vectors = [encoded(encoder, *told(**each)) for each in asked]
    assert all((a - b).abs().max() > 1e-4 for a, b in itertools.combinations(vectors, 2))
    # Sinus rhythms differ by their rate.
    assert torch.equal(encoded(encoder, *told(rhythm="sinus_bradycardia")), encoded(encoder, *told(rhythm="sinus")))


def test_an_unsaid_attribute_learns(encoder):
    value, said = encode(FULL, CONFIG, "real")
    said[:] = 0
    encoder.zero_grad()
    encoder(torch.from_numpy(value)[None], torch.from_numpy(said)[None]).square().sum().backward()
    assert (encoder.unsaid.weight.grad.abs().sum(1) > 0).all()
    assert not encoder.sex.weight.grad.any() and not encoder.finding.weight.grad.any()


def subsets(n):
    draws = Draws(0, "test", np.arange(n), torch.device("cpu"))
    return hushed(torch.ones(n, len(CONFIG.attributes)), draws.uniform("u", (numbers_needed(),)), CONFIG)


def test_training_meets_every_subset_of_fields():
    kept = subsets(6000)
    findings = kept[:, len(FIELDS) - 1 :]
    assert torch.equal(findings.min(1).values, findings.max(1).values)  # they go together
    source = FIELDS.index("source")
    fields = torch.cat([kept[:, :source], findings[:, :1]], 1)
    counts = torch.unique((fields * 2.0 ** torch.arange(fields.shape[1])).sum(1), return_counts=True)[1]
    assert len(counts) == 2 ** fields.shape[1] and counts.min() >= 15
    assert float((fields.sum(1) == fields.shape[1]).float().mean()) > 0.4
    assert 0.1 < float((fields.sum(1) == 0).float().mean()) < 0.3
    assert float(kept[:, source].mean()) == pytest.approx(0.9, abs=0.02)


def test_what_is_not_known_stays_unsaid():
    said = torch.zeros(50, len(CONFIG.attributes))
    assert not hushed(said, torch.rand(50, numbers_needed()), CONFIG).any()
    only = unasked(torch.ones(2, len(CONFIG.attributes)))
    assert only.sum() == 2 and only[:, FIELDS.index("source")].all()


def test_the_network_keeps_shape_and_starts_silent():
    network = EcgUNet(NetworkConfig(), 16).eval()
    x = torch.randn(2, 8, 1250)
    with torch.inference_mode():
        y = network(x, torch.zeros(2), torch.randn(2, 16), told_beats(2))
    assert y.shape == x.shape and not y.any()
    assert 1e6 < sum(p.numel() for p in network.parameters()) < 2e6


def test_the_network_hears_noise_level_condition_beats_and_far_samples():
    network = stirred(new_networks(tiny_model(), 0))["denoiser"].eval()
    x, c_noise, cond, beats = torch.randn(1, 8, 1250), torch.zeros(1), torch.randn(1, 16), told_beats(1)
    far, later = x.clone(), beats.hushed(torch.zeros(1))
    far[..., -50:] += 1
    with torch.inference_mode():
        y = network(x, c_noise, cond, beats)
        changed = [network(x, c_noise + 0.1, cond, beats), network(x, c_noise, cond + 0.1, beats)]
        changed += [network(far, c_noise, cond, beats), network(x, c_noise, cond, later)]
    assert all((other - y)[..., :100].abs().max() > 1e-6 for other in changed)


def test_examples_of_a_batch_do_not_mix():
    network = stirred(new_networks(tiny_model(), 0))["denoiser"].train()
    x, c_noise, cond = torch.randn(3, 8, 1250, requires_grad=True), torch.zeros(3), torch.randn(3, 16)
    network(x, c_noise, cond, told_beats(3))[0].square().sum().backward()
    assert x.grad[0].any() and not x.grad[1:].any()
    assert not [m for m in network.modules() if "BatchNorm" in type(m).__name__]


def test_initial_weights_follow_from_the_seed_alone():
    before = torch.random.get_rng_state()
    a, b, c = (new_networks(tiny_model(), seed)["denoiser"].state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a[k], b[k]) for k in a) and any(not torch.equal(a[k], c[k]) for k in a)


def test_sizes_that_cannot_be_are_refused():
    for wrong in ({"widths": (12, 16)}, {"kernel": 4}, {"widths": (8, 16), "heads": 3}, {"depth": 3}):
        with pytest.raises(ValueError, match=next(iter(reversed(wrong)))):
            NetworkConfig.model_validate(wrong)
