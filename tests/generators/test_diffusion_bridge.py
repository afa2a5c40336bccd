"""The bridge: its ends, its spread in between, one step as regression."""

import pytest
import torch
from clinsynth.generators.diffusion.bridge import BridgeConfig, crossed

HALF = BridgeConfig(sigma=0.5)


def noise(seed=0, shape=(4, 5)):
    source = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, generator=source)


def test_the_bridge_begins_at_the_start_and_ends_at_the_data():
    s, x, eps = torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4)
    assert torch.equal(HALF.between(s, x, torch.zeros(3), eps), s)
    assert torch.allclose(HALF.between(s, x, torch.ones(3), eps), x)


def test_one_step_is_the_networks_word_at_the_start_and_draws_nothing():
    s, asked = torch.randn(4, 5), []

    def predict(x, t):
        asked.append((x, t))
        return 3 * x

    made = crossed(predict, s, HALF, 1, 1.0, lambda: pytest.fail("one step draws no noise"))
    assert torch.equal(made, 3 * s) and len(asked) == 1 and not asked[0][1].any()


@pytest.mark.parametrize("n", [1, 2, 4, 10])
def test_a_network_that_knows_the_end_is_believed(n):
    end, times = torch.randn(4, 5), []

    def predict(x, t):
        times.append(float(t[0]))
        return end

    assert torch.allclose(crossed(predict, torch.randn(4, 5), HALF, n, 1.0, noise()), end)
    assert times == pytest.approx([k / n for k in range(n)])


@pytest.mark.parametrize("n", [2, 5])
def test_what_the_network_sees_on_its_way_is_what_it_was_trained_on(n):
    """With the true end the walk has the mean and spread of `between` at each time."""
    s, end, seen = torch.full((40_000, 1), -1.0), torch.full((40_000, 1), 2.0), {}

    def predict(x, t):
        seen[float(t[0])] = (float(x.mean()), float(x.std()))
        return end

    crossed(predict, s, HALF, n, 1.0, noise(shape=(40_000, 1)))
    for t, (mean, spread) in seen.items():
        assert mean == pytest.approx(-1 + 3 * t, abs=0.01)
        assert spread == pytest.approx(0.5 * (t * (1 - t)) ** 0.5, abs=0.01)


def test_without_eta_the_walk_is_a_function_of_its_start():
    s = torch.randn(4, 5)
    made = [crossed(lambda x, t: torch.tanh(x) + 1, s, HALF, 4, 0.0, noise(k)) for k in range(2)]
    assert torch.equal(*made)
    other = [crossed(lambda x, t: torch.tanh(x) + 1, s, HALF, 4, 1.0, noise(k)) for k in range(2)]
    assert not torch.equal(*other)


def test_a_share_of_the_examples_stands_at_the_start():
    t = BridgeConfig(at_start=0.3).drawn(torch.arange(1000) / 1000)
    assert 0.29 < float((t == 0).float().mean()) < 0.32 and 0.99 < float(t.max()) < 1


def test_no_step_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        crossed(lambda x, t: x, torch.zeros(1, 1), HALF, 0, 1.0, noise())
