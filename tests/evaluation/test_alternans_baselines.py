"""Modified moving average and spectral method against alternans in closed form."""

import numpy as np
import pytest
from clinsynth.evaluation.ecg.alternans import modified_moving_average, spectral
from clinsynth.evaluation.ecg.alternans.baselines import mean_difference, scores
from clinsynth.generators.readout.alternans import Beats
from clinsynth.generators.readout.alternans.beats import SAMPLES


def alternating(uv, beats=64, noise_uv=0.0, seed=0):
    """Two leads of a T wave; in the first, even beats are `uv` higher than odd ones throughout."""
    t = 300 * np.sin(np.linspace(0, np.pi, 30))
    x = np.tile(np.stack([t, -t]), (beats, 1, 1))
    x[::2, 0] += uv
    return x + noise_uv * np.random.default_rng(seed).standard_normal(x.shape)


@pytest.mark.parametrize("uv", [1.0, 12.0, 60.0])
@pytest.mark.parametrize("beats", [64, 128])
def test_both_recover_a_square_difference_and_v_alt_is_half(uv, beats):
    x = alternating(uv, beats)
    mma, found = modified_moving_average(x), spectral(x)
    assert mma == pytest.approx([uv, 0]) and mean_difference(x) == pytest.approx([uv, 0])
    assert found.v_alt_uv == pytest.approx([uv / 2, 0])


def test_v_alt_of_a_shaped_difference_is_half_its_root_mean_square():
    shape = np.hanning(30)
    x = alternating(0.0)
    x[::2, 0] += 40 * shape
    assert spectral(x).v_alt_uv[0] == pytest.approx(20 * np.sqrt((shape**2).mean()))


def test_without_alternans_both_give_none():
    x = alternating(0.0)
    assert modified_moving_average(x).max() == 0 and spectral(x).v_alt_uv.max() == 0 and spectral(x).k.max() == 0
    drifting = x + np.linspace(0, 400, 64)[:, None, None]  # slow change is not alternans
    assert spectral(drifting).v_alt_uv.max() < 4


def test_in_noise_the_k_score_tells_and_v_alt_is_near():
    with_it, without = spectral(alternating(20, 128, 20)), spectral(alternating(0, 128, 20))
    assert with_it.k[0] > 10 and with_it.k[1] < 5 and without.k.max() < 5
    assert with_it.v_alt_uv[0] == pytest.approx(10, abs=1)


def test_the_moving_average_steps_by_an_eighth_within_its_limits():
    x = np.zeros((6, 1, 3))
    x[2, 0] = (16.0, 4.0, 1000.0)  # one even beat further on: an eighth, 1 uV at least, 32 uV at most
    x[4] = np.nan
    usual = np.array([True, True, True, True, False, True])
    even = np.array([2.0, 1.0, 32.0])
    assert modified_moving_average(x, usual)[0] == pytest.approx(even.max())
    for k in range(3):
        assert modified_moving_average(x[:, :, k : k + 1], usual)[0] == pytest.approx(even[k])


def test_a_least_step_does_not_go_beyond_the_beat():
    x = np.zeros((4, 1, 1))
    x[2] = 0.3
    assert modified_moving_average(x)[0] == pytest.approx(0.3)


def test_an_ectopic_beat_keeps_its_place_and_changes_nothing():
    x = alternating(30.0)
    x[10] += 2000
    usual = np.arange(64) != 10
    assert modified_moving_average(x, usual) == pytest.approx([30, 0])
    assert spectral(x, usual).v_alt_uv == pytest.approx([15, 0])


def test_what_cannot_be_measured_is_refused():
    for beats in (62, 65):
        with pytest.raises(ValueError, match="64 at least"):
            spectral(alternating(10, beats))
    with pytest.raises(ValueError, match="no even or no odd"):
        modified_moving_average(alternating(10, 1))


def test_scores_of_a_record_take_the_largest_lead_and_the_spectral_ones_from_64_beats():
    x = np.zeros((65, 8, SAMPLES), np.float32)
    x[::2, 5] += 50
    beats = Beats(x, np.full(65, 0.8), np.ones(65, bool))
    found = scores(beats)
    assert found["mma_uv"] == pytest.approx(50) and found["spectral_v_uv"] == pytest.approx(25)
    assert set(scores(beats.part(0, 16))) == {"mma_uv", "mean_difference_uv"}
