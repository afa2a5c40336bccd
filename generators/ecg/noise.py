"""Noise at the electrodes: baseline wander, muscle, electrode motion, powerline.

Each kind is a model with our own numbers, stated in Hz, so that it holds at any sampling rate: an
AR(2) resonator has its poles at exp((-pi B +- 2 pi i f0) / fs). The slow kinds are made at 32 Hz
and interpolated. All act on RA, LA, LL and V1-V6; the leads are differences of those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...conditioning.ecg.vocabulary import Noise
from . import compiled

ELECTRODES = compiled.ELECTRODES
SLOW_HZ = 32.0
# Share of the noise power when all four are asked for; drawn around these.
_SHARE = {Noise.baseline_wander: 0.50, Noise.muscle: 0.20, Noise.electrode_motion: 0.22, Noise.powerline: 0.08}
_MUSCLE_HZ, _MUSCLE_BAND_HZ = 42.0, 70.0
_MOTION_HZ, _MOTION_BAND_HZ = 2.2, 2.6
_WANDER_HZ = np.array([0.05, 0.11, 0.19, 0.31])
_WANDER_SD = np.array([0.68, 0.52, 0.37, 0.37])  # squares add up to 1


def _poles(f0_hz: float, band_hz: float, fs_hz: float) -> tuple[float, float, float]:
    """Return a1, a2 of the AR(2) resonator and its gain from unit innovation to unit variance."""
    r = math.exp(-math.pi * band_hz / fs_hz)
    a1 = -2 * r * math.cos(2 * math.pi * f0_hz / fs_hz)
    a2 = r * r
    variance = (1 + a2) / ((1 - a2) * ((1 + a2) ** 2 - a1 * a1))
    return a1, a2, 1 / math.sqrt(variance)


def _slow(kinds: Sequence[Noise], sd: dict[Noise, float], n: int, rng: np.random.Generator) -> np.ndarray:
    """Baseline wander and electrode motion at the slow rate: (n, electrodes)."""
    out = np.zeros((n, ELECTRODES), np.float32)
    if Noise.electrode_motion in kinds:
        a1, a2, gain = _poles(_MOTION_HZ, _MOTION_BAND_HZ, SLOW_HZ)
        # Motion comes at some electrodes more than at others.
        each = gain * sd[Noise.electrode_motion] * np.exp(0.6 * rng.standard_normal(ELECTRODES) - 0.36)
        white = rng.standard_normal((n + 32, ELECTRODES), dtype=np.float32)
        compiled.draw_motion(white, np.float32(a1), np.float32(a2), each.astype(np.float32), out)
    if Noise.baseline_wander in kinds:
        step = 2 * np.pi * _WANDER_HZ * np.exp(0.2 * rng.standard_normal(4)) / SLOW_HZ
        weight = rng.standard_normal((2, 4, ELECTRODES)) * (_WANDER_SD * sd[Noise.baseline_wander])[:, None]
        compiled.draw_wander(np.cos(step), np.sin(step), weight[0], weight[1], out)
    return out


def electrode_noise(
    kinds: Sequence[Noise], n: int, fs_hz: float, mains_hz: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Return noise on I, II, V1-V6 as (8, n) float32, zero mean, and its mean power.

    The scale is arbitrary (the caller sets it by the SNR); the shares of the kinds are drawn.

    Args:
        kinds: which kinds.
        n: samples.
        fs_hz: sampling rate.
        mains_hz: 50 or 60 where powerline is among the kinds.
        rng: the record's own stream; nothing is shared between records.
    """
    share = {k: _SHARE[k] * math.exp(0.5 * z) for k, z in zip(kinds, rng.standard_normal(len(kinds)), strict=True)}
    total = sum(share.values())
    sd = {k: math.sqrt(v / total) for k, v in share.items()}
    electrode = _muscle(sd[Noise.muscle], n, fs_hz, rng) if Noise.muscle in kinds else _silence(n)
    if Noise.baseline_wander in kinds or Noise.electrode_motion in kinds:
        steps = int(n / fs_hz * SLOW_HZ) + 5
        compiled.add_slow(_slow(kinds, sd, steps, rng), SLOW_HZ / fs_hz, electrode)
    if Noise.powerline in kinds and mains_hz is not None:
        step = 2 * math.pi * (mains_hz + 0.03 * rng.standard_normal()) / fs_hz
        z = rng.standard_normal((2, ELECTRODES)) * sd[Noise.powerline]
        third = 0.2 if 3 * mains_hz < fs_hz / 2 else 0.0
        compiled.add_mains(math.cos(step), math.sin(step), *z.astype(np.float32), np.float32(third), electrode)
    leads = np.empty((8, n), np.float32)
    power = compiled.electrodes_to_leads(electrode, leads)
    return leads, float(power)


def _silence(n: int) -> np.ndarray:
    return np.zeros((n, ELECTRODES), np.float32)


def _muscle(sd: float, n: int, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Muscle noise (n, electrodes): a broad resonance under an envelope that changes over seconds."""
    a1, a2, gain = _poles(min(_MUSCLE_HZ, 0.3 * fs_hz), _MUSCLE_BAND_HZ, fs_hz)
    words = rng.integers(0, 2**64 - 1, (n * ELECTRODES + 1) // 2, dtype=np.uint64, endpoint=True)
    knots = max(2, int(n / fs_hz) + 2)
    envelope = sd * np.exp(0.25 * rng.standard_normal((knots, ELECTRODES)) - 0.06)
    out = np.empty((n, ELECTRODES), np.float32)
    compiled.draw_muscle(
        words, np.float32(a1), np.float32(a2), np.float32(gain), envelope.astype(np.float32), fs_hz, out
    )
    return out
