"""The vector model: closed form, differential form, leads."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import LEADS, EcgCondition, Noise
from clinsynth.conditioning.ecg.heart import DOWER, EIGHT_TO_TWELVE, normal_heart
from clinsynth.generators.ecg import EcgSimulator, compiled
from clinsynth.generators.ecg.simulator import simulate
from scipy.integrate import solve_ivp

RR_S = 0.9


def drawn(heart, r_s, n, fs_hz):
    out = np.zeros((6, n))  # ventricles, atria
    for atria in (True, False):
        compiled.draw_dipole(
            np.asarray(r_s, float), np.ones(len(r_s)), 0.0, heart.wave, atria,
            heart.centre_s, heart.width_s, heart.dipole_mv, 0.0, fs_hz, out,
        )  # fmt: skip
    return out[:3] + out[3:]


def test_recurrence_equals_the_sum_of_gaussians():
    heart = normal_heart()
    t = np.arange(1500) / 500
    assert (
        np.abs(drawn(heart, [0.4, 1.3, 2.2], 1500, 500.0) - sum(heart.dipole(t - r) for r in (0.4, 1.3, 2.2))).max()
        < 5e-6
    )


def test_closed_form_agrees_with_the_differential_form():
    """ds/dt = -sum alpha omega delta / b^2 exp(-delta^2 / 2 b^2), with dphi/dt = 2 pi / RR."""
    heart = normal_heart()
    omega = 2 * np.pi / RR_S
    theta, b = heart.centre_s * omega, heart.width_s * omega

    def slope(t, s):
        phi = (omega * t + np.pi) % (2 * np.pi) - np.pi
        delta = (phi - theta + np.pi) % (2 * np.pi) - np.pi
        return -(heart.dipole_mv * (omega * delta / b**2 * np.exp(-(delta**2) / (2 * b**2)))[:, None]).sum(axis=0)

    r_s = np.arange(-2, 8) * RR_S
    t = np.arange(0, 3 * RR_S, 1 / 500)
    closed = drawn(heart, r_s + 0.0, t.size, 500.0)
    solved = solve_ivp(slope, (0, t[-1]), closed[:, 0], t_eval=t, rtol=1e-8, atol=1e-10, max_step=0.002)
    # Half a microvolt: the phase of the differential form ends at half a beat, the Gaussians do not.
    assert np.abs(solved.y - closed).max() < 5e-4


def test_published_heart_through_dower_has_the_published_heights():
    t = np.arange(-0.3, 0.6, 0.002)
    leads = dict(zip(LEADS, normal_heart().leads(t), strict=True))
    assert leads["II"].max() == pytest.approx(0.80, abs=0.03)
    assert leads["V4"].max() == pytest.approx(1.70, abs=0.05)
    assert leads["V1"].min() == pytest.approx(-0.84, abs=0.05)
    assert leads["aVR"].min() == pytest.approx(-0.77, abs=0.04)


def test_derived_leads_are_algebra():
    eight = np.random.default_rng(0).standard_normal((8, 50))
    twelve = EIGHT_TO_TWELVE @ eight
    one, two, three, avr, avl, avf = twelve[:6]
    assert np.allclose(three, two - one) and np.allclose(avr + avl + avf, 0)
    assert DOWER.shape == (8, 3)


@pytest.mark.parametrize("seed", range(8))
def test_einthoven_and_goldberger_hold_with_all_noise_on(seed):
    c = EcgCondition(noise=tuple(Noise), snr_db=(-10, 0, 10, 20)[seed % 4])
    one, two, three, avr, avl, avf = simulate(c, seed).arrays["signal"][:6].astype(np.float64)
    for residual in (three - (two - one), avr + (one + two) / 2, avl - (one - two / 2), avf - (two - one / 2)):
        assert np.abs(residual).max() < 1e-6


@pytest.mark.parametrize("kinds", [(k,) for k in Noise] + [tuple(Noise)])
@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_snr_is_what_was_asked(kinds, snr_db):
    loud = simulate(EcgCondition(noise=kinds, snr_db=snr_db), 5)
    clean = simulate(EcgCondition(noise=()), 5)
    eight = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
    a = clean.arrays["signal"][eight].astype(float)
    noise = loud.arrays["signal"][eight].astype(float) - a
    assert 10 * np.log10(a.var(axis=1).mean() / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.02)
    assert loud.truth["snr_db"] == pytest.approx(snr_db, abs=0.001)
    assert np.abs(noise.mean(axis=1)).max() < 1e-4


def test_noise_never_repeats_between_records_or_leads():
    eight = []
    for seed in (1, 2):
        pair = [simulate(EcgCondition(noise=k, snr_db=None), seed).arrays["signal"] for k in ((), (Noise.muscle,))]
        eight.append(pair[1] - pair[0])
    r = np.corrcoef(np.vstack([eight[0][[0, 1, 6, 9]], eight[1][[0, 1, 6, 9]]]))
    assert np.abs(r[:4, 4:]).max() < 0.06


def test_muscle_noise_is_near_normal_and_in_its_band():
    from scipy.signal import welch
    from scipy.stats import kurtosis

    quiet, loud = (simulate(EcgCondition(noise=k, duration_s=60), 3).arrays["signal"] for k in ((), (Noise.muscle,)))
    noise = (loud - quiet)[6]
    f, p = welch(noise, 500, nperseg=1000)
    assert p[(f > 20) & (f < 200)].sum() / p.sum() > 0.75
    assert abs(kurtosis(noise)) < 0.8


def test_powerline_is_at_the_mains():
    from scipy.signal import welch

    for mains in (50, 60):
        c = EcgCondition(noise=(Noise.powerline,), powerline_hz=mains)
        noise = simulate(c, 4).arrays["signal"] - simulate(EcgCondition(noise=()), 4).arrays["signal"]
        f, p = welch(noise[6], 500, nperseg=2500)
        assert abs(f[np.argmax(p)] - mains) < 0.3


@pytest.mark.parametrize(("fs_hz", "duration_s"), [(100, 10), (250, 7.3), (500, 10), (1000, 5), (257.5, 3), (4000, 1)])
def test_any_rate_and_length(fs_hz, duration_s):
    record = simulate(EcgCondition(fs_hz=fs_hz, duration_s=duration_s, noise=(Noise.muscle, Noise.baseline_wander)), 1)
    assert record.arrays["signal"].shape == (12, round(fs_hz * duration_s))
    assert np.isfinite(record.arrays["signal"]).all()


def test_the_rate_of_sampling_does_not_change_the_heart():
    low, high = (simulate(EcgCondition(fs_hz=f, noise=()), 9).arrays["signal"] for f in (250, 500))
    assert np.abs(low - high[:, ::2]).max() < 2e-3


def test_leads_come_in_the_order_asked():
    some = simulate(EcgCondition(leads=("V2", "II")), 3)
    full = simulate(EcgCondition(), 3)
    assert np.array_equal(some.arrays["signal"], full.arrays["signal"][[7, 1]])
    assert set(some.tables["waves"]["lead"]) == {"V2", "II", "global"}


def test_amplitudes_are_plausible_in_every_lead():
    height = np.array(
        [np.ptp(simulate(EcgCondition(noise=(), rhythm="sinus"), s).arrays["signal"], axis=1) for s in range(120)]
    )
    low, high = np.percentile(height, [5, 95], axis=0)
    assert (low > 0.12).all() and (high < 5.5).all()
    assert 0.8 < np.median(height[:, 1]) < 2.0  # lead II
    assert 1.2 < np.median(height[:, 9]) < 3.2  # V4


def test_wrong_number_of_seeds_is_refused():
    with pytest.raises(ValueError, match="2 conditions but 1 seeds"):
        list(EcgSimulator().generate([EcgCondition()] * 2, [1]))
