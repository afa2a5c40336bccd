"""Atrial fibrillation and flutter waves on the heart vector.

Source: modulated sawtooth of Petrenas et al. (2012) in form; numbers are ours.
"""

from __future__ import annotations

import numpy as np

from . import compiled

_FLUTTER_MV = np.array([-0.050, -0.11, -0.050])  # up, right and forward: negative in II, III, aVF, upright in V1
# Fibrillation from two sources at once: the larger towards the right and front, so that V1 shows most.
_FIBRILLATION_MV = ((1.0, (-0.035, 0.018, -0.042)), (0.7, (0.018, -0.016, -0.014)))
_SPAN_S = 0.25


def add_atrial_waves(
    flutter: bool, atrial_hz: float, start_s: float, fs_hz: float, rng: np.random.Generator, out: np.ndarray
) -> None:
    """Add flutter or fibrillation waves to the heart vector.

    Args:
        flutter: regular sawtooth locked to the ventricles, else a wandering oscillation.
        atrial_hz: atrial rate.
        start_s: process time of the first sample.
        fs_hz: sampling rate.
        rng: the visit's stream.
        out: (3, samples) in mV, added to.
    """
    n = out.shape[1]
    t = np.arange(n) / fs_hz
    size = float(np.exp(0.3 * rng.standard_normal()))
    if flutter:
        strength = size * np.array([1.0, 0.45, 0.22, 0.1])
        direction = np.outer(_FLUTTER_MV + 0.02 * rng.standard_normal(3), strength)
        compiled.draw_oscillation((t + start_s) * atrial_hz - 0.15, np.ones(n), direction, 4, out)
        return
    knots = np.arange(int(n / fs_hz / _SPAN_S) + 3) * _SPAN_S
    for share, vector in _FIBRILLATION_MV:
        # Rate and height wander over a second or so; two sources at once make it irregular.
        wander = np.convolve(rng.standard_normal(knots.size + 4), np.full(5, 0.45), "valid")
        cycles = np.cumsum(atrial_hz * (0.97 + 0.06 * rng.random()) * (1 + 0.10 * wander) * _SPAN_S)
        depth = np.exp(0.45 * np.convolve(rng.standard_normal(knots.size + 3), np.full(4, 0.5), "valid") - 0.1)
        strength = share * size * np.array([1.0, 0.35, 0.15])
        direction = np.outer(np.array(vector) * np.exp(0.25 * rng.standard_normal(3)), strength)
        compiled.draw_oscillation(np.interp(t, knots, cycles), np.interp(t, knots, depth), direction, 3, out)
