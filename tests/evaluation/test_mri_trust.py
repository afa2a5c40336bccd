"""Uncertainty and error: known Gaussians give the known figures, and noise gives none."""

from __future__ import annotations

import numpy as np
import pytest
from clinsynth.evaluation.mri.trust import trust


def errors(seed: int, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(0.01, 0.2, n)
    return sigma * rng.standard_normal(n), sigma


def test_a_true_sigma_covers_what_a_normal_distribution_says() -> None:
    found = trust(*errors(0))
    assert found.covered_68 == pytest.approx(0.6827, abs=0.01)
    assert found.covered_95 == pytest.approx(0.95, abs=0.005)
    assert found.overconfidence == pytest.approx(1, abs=0.02)
    assert found.rank_correlation is not None and 0.3 < found.rank_correlation < 0.7
    shown = [d.error for d in found.deciles]
    assert shown == sorted(shown) and len(shown) == 10
    # The mean of |N(0, s)| is s sqrt(2 / pi).
    assert all(d.error == pytest.approx(d.uncertainty * np.sqrt(2 / np.pi), rel=0.06) for d in found.deciles)


def test_a_sigma_that_is_half_as_large_is_overconfident_and_one_of_chance_says_nothing() -> None:
    error, sigma = errors(1)
    assert trust(error, sigma / 2).overconfidence == pytest.approx(2, rel=0.02)
    assert trust(error, sigma / 2).rank_correlation == pytest.approx(trust(error, sigma).rank_correlation)
    shuffled = trust(error, np.random.default_rng(2).permutation(sigma))
    assert shuffled.rank_correlation == pytest.approx(0, abs=0.02)
    assert trust(error, np.full_like(sigma, 0.1)).rank_correlation is None
    assert trust(error, np.zeros_like(sigma)).overconfidence is None


def test_the_order_of_voxels_does_not_matter_and_nonsense_is_refused() -> None:
    error, sigma = errors(3)
    order = np.random.default_rng(4).permutation(len(error))
    assert trust(error[order], sigma[order]).covered_95 == trust(error, sigma).covered_95
    with pytest.raises(ValueError, match="3 voxels"):
        trust(error[:3], sigma[:3])
    with pytest.raises(ValueError, match="from -1"):
        trust(error, np.where(np.arange(len(sigma)) == 5, -1.0, sigma))
