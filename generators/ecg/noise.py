"""Noise at the electrodes: baseline wander, muscle, electrode motion, powerline.

Each kind is a model with our own numbers, stated in Hz, so that it holds at any sampling rate: an
AR(2) resonator has its poles at exp((-pi B +- 2 pi i f0) / fs). The slow kinds are made at
about 21 Hz and interpolated. All act on RA, LA, LL and V1-V6; the leads are differences of those.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ...conditioning.ecg.vocabulary import Noise
from . import compiled

ELECTRODES = compiled.ELECTRODES
SLOW_HZ = 21.0
_RUN_IN = 24  # steps after which the slow resonance has settled
# Share of the noise power when all four are asked for; drawn around these.
_SHARE = {Noise.baseline_wander: 0.913, Noise.muscle: 0.043, Noise.electrode_motion: 0.037, Noise.powerline: 0.007}
_MUSCLE_HZ, _MUSCLE_BAND_HZ = 80.0, 150.0
_MOTION_HZ, _MOTION_BAND_HZ = 2.2, 2.6
# Rate in Hz and sd of the slow oscillators; the squares of the second row add up to 1.
_WANDER = np.array([[0.08, 0.20, 0.36, 0.60], [0.55, 0.53, 0.48, 0.43]])


class Workspace(threading.local):
    """Arrays that one record after the other is made in, so that no memory is asked for anew.

    Attributes:
        vcg: (6, samples) heart vectors of ventricles and atria.
        clean: (8, samples) I, II, V1-V6 without noise.
        noise: (8, samples) noise on I, II, V1-V6.
        scratch: (2, samples).
    """

    samples = 0

    def resize(self, samples: int) -> Workspace:
        """Return the workspace for records of this length, its `vcg` set to zero."""
        if samples != self.samples:
            self.vcg = np.empty((6, samples), np.float32)
            self.clean = np.empty((8, samples), np.float32)
            self.noise = np.empty((8, samples), np.float32)
            self.scratch = np.empty((2, samples), np.float32)
            self.samples = samples
        self.vcg[:] = 0
        return self


def _poles(f0_hz: float, band_hz: float, fs_hz: float) -> tuple[float, float, float]:
    """Return a1, a2 of the AR(2) resonator and its gain from unit innovation to unit variance."""
    r = math.exp(-math.pi * band_hz / fs_hz)
    a1 = -2 * r * math.cos(2 * math.pi * f0_hz / fs_hz)
    a2 = r * r
    variance = (1 + a2) / ((1 - a2) * ((1 + a2) ** 2 - a1 * a1))
    return a1, a2, 1 / math.sqrt(variance)


@lru_cache(maxsize=16)
def _catmull_rom(factor: int) -> tuple[np.ndarray, ...]:
    """Return the weights, four times (factor,), of the four knots around the samples between two knots."""
    f = np.arange(factor) / factor
    rows = (-(f**3) + 2 * f**2 - f, 3 * f**3 - 5 * f**2 + 2, -3 * f**3 + 4 * f**2 + f, f**3 - f**2)
    return tuple((row / 2).astype(np.float32) for row in rows)


def _key(rng: np.random.Generator) -> np.ndarray:
    """Return (3,) words for `compiled.innovations`."""
    return rng.bit_generator.random_raw(2).view(np.uint32)[:3]


def _slow(kinds: Sequence[Noise], sd: dict[Noise, float], n: int, hz: float, rng: np.random.Generator) -> np.ndarray:
    """Baseline wander and electrode motion at `hz`, carried to the leads: (8, n)."""
    a1, a2, gain = _poles(_MOTION_HZ, _MOTION_BAND_HZ, hz)
    motion = gain * sd[Noise.electrode_motion] if Noise.electrode_motion in kinds else 0.0
    wander = _WANDER * ((1.0,), (sd[Noise.baseline_wander],)) if Noise.baseline_wander in kinds else _WANDER[:, :0]
    z = rng.standard_normal(ELECTRODES + 19 * wander.shape[1], dtype=np.float32)
    out = np.empty((n, ELECTRODES), np.float32)
    compiled.draw_slow(_key(rng), z, motion, np.float32(a1), np.float32(a2), _RUN_IN, wander, hz, out)
    return _to_leads(out)


def _to_leads(electrode: np.ndarray) -> np.ndarray:
    leads = np.empty((8, electrode.shape[0]), np.float32)
    compiled.electrodes_to_leads(electrode, leads)
    return leads


def electrode_noise(
    kinds: Sequence[Noise], fs_hz: float, mains_hz: int | None, rng: np.random.Generator, work: Workspace
) -> float:
    """Write noise on I, II, V1-V6 to `work.noise`, zero mean, and return its mean power.

    The scale is arbitrary (the caller sets it by the SNR); the shares of the kinds are drawn.

    Args:
        kinds: which kinds.
        fs_hz: sampling rate.
        mains_hz: 50 or 60 where powerline is among the kinds.
        rng: the record's own stream; nothing is shared between records.
        work: arrays of the record's length.
    """
    share = {k: _SHARE[k] * math.exp(0.5 * z) for k, z in zip(kinds, rng.standard_normal(len(kinds)), strict=True)}
    total = sum(share.values())
    sd = {k: math.sqrt(v / total) for k, v in share.items()}
    n = work.samples
    if Noise.muscle in kinds:
        _muscle(sd[Noise.muscle], fs_hz, rng, work.noise)
    else:
        work.noise[:] = 0
    if Noise.baseline_wander in kinds or Noise.electrode_motion in kinds:
        factor = max(1, 8 * round(fs_hz / SLOW_HZ / 8))  # a multiple of the vector width
        slow = _slow(kinds, sd, n // factor + 5, fs_hz / factor, rng)
        compiled.add_slow(slow, *_catmull_rom(factor), work.noise)
    if Noise.powerline in kinds and mains_hz is not None:
        step = 2 * math.pi * (mains_hz + 0.03 * rng.standard_normal()) / fs_hz
        z = _to_leads((rng.standard_normal((2, ELECTRODES)) * sd[Noise.powerline]).astype(np.float32))
        third = 0.2 if 3 * mains_hz < fs_hz / 2 else 0.0
        compiled.add_mains(
            math.cos(step), math.sin(step), z[:, 0].copy(), z[:, 1].copy(), third, work.scratch, work.noise
        )
    return float(compiled.centre_leads(work.noise))


def _muscle(sd: float, fs_hz: float, rng: np.random.Generator, out: np.ndarray) -> None:
    """Write muscle noise to I, II, V1-V6 (8, samples): a broad resonance, an envelope over seconds."""
    a1, a2, gain = _poles(min(_MUSCLE_HZ, 0.3 * fs_hz), _MUSCLE_BAND_HZ, fs_hz)
    knots = max(2, int(out.shape[1] / fs_hz) + 2)
    envelope = (sd * np.exp(0.25 * rng.standard_normal((ELECTRODES, knots)) - 0.06)).astype(np.float32)
    compiled.draw_muscle(_key(rng), np.float32(a1), np.float32(a2), np.float32(gain), envelope, fs_hz, out)
