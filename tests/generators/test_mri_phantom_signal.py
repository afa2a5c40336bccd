"""Signal equations against their closed forms."""

import math

import numpy as np
import pytest
from clinsynth.conditioning.mri.phantom_prior import nulling_ti_ms
from clinsynth.generators.mri.phantom import (
    signal_gradient_echo,
    signal_inversion_recovery,
    signal_spin_echo,
    with_gadolinium,
)

T1, T2 = np.array([646.0, 1130.0, 4300.0]), np.array([76.0, 85.0, 1900.0])


def test_a_spin_echo_without_delay_and_with_endless_recovery_shows_proton_density():
    assert np.allclose(signal_spin_echo(0.8, T1, T2, 1e9, 0.0), 0.8)


def test_a_spin_echo_decays_by_e_in_one_t2_and_recovers_by_the_same_in_one_t1():
    assert np.allclose(signal_spin_echo(1.0, T1, T2, 1e9, T2), math.exp(-1))
    assert np.allclose(signal_spin_echo(1.0, T1, T2, T1, 0.0), 1 - math.exp(-1))


def test_a_short_repetition_weighs_by_t1_a_long_echo_by_t2():
    t1_weighted = signal_spin_echo(1.0, T1, T2, 500, 10)
    t2_weighted = signal_spin_echo(1.0, T1, T2, 5000, 100)
    assert np.all(np.diff(t1_weighted) < 0) and np.all(np.diff(t2_weighted) > 0)


def test_an_inversion_recovery_nulls_at_t1_ln_2_for_a_long_repetition():
    assert np.allclose(signal_inversion_recovery(1.0, T1, T2, 1e9, 0.0, T1 * math.log(2)), 0, atol=1e-12)
    assert nulling_ti_ms(4300, 1e9) == pytest.approx(4300 * math.log(2))


@pytest.mark.parametrize("tr", [3000.0, 6000.0, 9000.0])
def test_the_nulling_time_of_a_finite_repetition_nulls(tr):
    ti = nulling_ti_ms(4300.0, tr)
    assert 0 < ti < 4300 * math.log(2)
    assert signal_inversion_recovery(1.0, 4300.0, 1900.0, tr, 90.0, ti) == pytest.approx(0, abs=1e-9)


def test_an_inversion_recovery_without_inversion_delay_is_a_saturated_spin_echo():
    assert np.allclose(signal_inversion_recovery(0.7, T1, T2, 2000, 10, 0.0), signal_spin_echo(0.7, T1, T2, 2000, 10))


def test_a_gradient_echo_is_largest_at_the_ernst_angle():
    angles = np.linspace(1, 90, 8901)
    best = angles[np.argmax(signal_gradient_echo(1.0, 838.0, 50.0, 20.0, 4.0, angles))]
    assert best == pytest.approx(math.degrees(math.acos(math.exp(-20 / 838))), abs=0.02)


def test_a_gradient_echo_of_90_degrees_is_a_spin_echo_with_t2_star():
    assert np.allclose(signal_gradient_echo(1.0, T1, T2, 600, 10, 90.0), signal_spin_echo(1.0, T1, T2, 600, 10))


def test_contrast_agent_adds_its_relaxation_rates():
    t1, t2 = with_gadolinium(1000.0, 100.0, 0.5, 1.5)
    assert 1000 / t1 - 1 == pytest.approx(4.1 * 0.5) and 1000 / t2 - 10 == pytest.approx(4.6 * 0.5)
    assert with_gadolinium(1000.0, 100.0, 0.0, 3.0) == (1000.0, 100.0)


def test_contrast_agent_brightens_t1_weighting_until_t2_takes_over():
    doses = np.linspace(0, 60, 200)
    signal = signal_spin_echo(1.0, *with_gadolinium(1500.0, 120.0, doses, 1.5), 500.0, 12.0)
    peak = int(np.argmax(signal))
    assert np.all(np.diff(signal[: peak + 1]) > 0) and 0 < peak < 199 and np.all(np.diff(signal[peak:]) < 0)
