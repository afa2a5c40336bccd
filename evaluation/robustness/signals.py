"""What goes wrong with signals of several leads: noise, wandering baselines, lost leads, another rate, mains.

Each takes signals (n, leads, samples) and a severity of 0, which changes nothing, to 5. Sizes are in shares of each
lead's own standard deviation, so that they mean the same in mV and in counts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ...conditioning.words import unknown
from .corruptions import SEVERITIES

Signals = Float[np.ndarray, "n leads samples"]
MAINS_HZ = 50.0
WANDER_HZ = (0.05, 0.5)

LEVELS: dict[str, tuple[float, ...]] = {
    "noise": (0.05, 0.1, 0.2, 0.4, 0.8),  # standard deviation
    "baseline wander": (0.2, 0.5, 1.0, 2.0, 4.0),  # amplitude, 0.05 to 0.5 Hz
    "lead loss": (0.08, 0.17, 0.34, 0.5, 0.67),  # share of the leads that read zero, one at least
    "time scaling": (1.03, 1.07, 1.12, 1.2, 1.3),  # faster or slower by this factor
    "powerline": (0.05, 0.1, 0.2, 0.5, 1.0),  # amplitude at 50 Hz
}
Corruption = Callable[[np.ndarray, float, float, np.random.Generator], np.ndarray]


def corrupted_signals(
    name: str, signals: Signals, severity: int, rng: np.random.Generator, *, fs_hz: float, mains_hz: float = MAINS_HZ
) -> Signals:
    """Return signals with one corruption, float32; severity 0 returns them as they are.

    Args:
        name: one of `LEVELS`.
        signals: (n, leads, samples).
        severity: 0 to 5.
        rng: of the noise.
        fs_hz: samples a second.
        mains_hz: frequency of the mains.

    Raises:
        ValueError: another name or severity, or signals of another shape.
    """
    if name not in LEVELS:
        raise ValueError(unknown("corruption", name, LEVELS))
    if severity not in (0, *SEVERITIES):
        raise ValueError(f"severity = {severity}; it must be 0 to 5")
    if signals.ndim != 3:
        raise ValueError(f"signals have the shape {signals.shape}; (n, leads, samples) is needed")
    if severity == 0 or not len(signals):
        return signals
    level, x = LEVELS[name][severity - 1], np.asarray(signals, dtype=np.float64)
    rate = mains_hz / fs_hz if name == "powerline" else 1 / fs_hz
    return np.stack([_CORRUPTIONS[name](one, level, rate, rng) for one in x]).astype(np.float32)


def _noise(x: np.ndarray, share: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(x + share * _sd(x) * rng.standard_normal(x.shape))


def _wander(x: np.ndarray, share: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Add a slow sine to each lead, of another frequency and phase."""
    leads, t = len(x), np.arange(x.shape[1]) * rate
    hz, phase = rng.uniform(*WANDER_HZ, (leads, 1)), rng.uniform(0, 2 * np.pi, (leads, 1))
    return np.asarray(x + share * _sd(x) * np.sin(2 * np.pi * hz * t + phase))


def _lead_loss(x: np.ndarray, share: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    lost = rng.permutation(len(x))[: max(1, round(share * len(x)))]
    made = x.copy()
    made[lost] = 0.0
    return made


def _time_scaling(x: np.ndarray, factor: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Read faster or slower about the middle; what lies beyond the ends is the last value there."""
    n = x.shape[1]
    speed = factor if rng.random() < 0.5 else 1 / factor
    at = (np.arange(n) - (n - 1) / 2) * speed + (n - 1) / 2
    return np.stack([np.interp(at, np.arange(n), lead) for lead in x])


def _powerline(x: np.ndarray, share: float, cycles: float, rng: np.random.Generator) -> np.ndarray:
    phase = rng.uniform(0, 2 * np.pi)
    return np.asarray(x + share * _sd(x) * np.sin(2 * np.pi * cycles * np.arange(x.shape[1]) + phase))


def _sd(x: np.ndarray) -> np.ndarray:
    return x.std(axis=1, keepdims=True)


_CORRUPTIONS: dict[str, Corruption] = {
    "noise": _noise, "baseline wander": _wander, "lead loss": _lead_loss, "time scaling": _time_scaling,
    "powerline": _powerline,
}  # fmt: skip
