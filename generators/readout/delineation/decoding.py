"""From the class of every sample to waves with onset, peak and offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .network import CLASSES

SHORTEST_S = {"P": 0.024, "QRS": 0.024, "T": 0.050}
GAP_S = 0.040  # holes in a wave that are closed


@dataclass(frozen=True)
class Waves:
    """Waves of one kind in one lead, in seconds from the record's start."""

    onset_s: Float[np.ndarray, " waves"]
    peak_s: Float[np.ndarray, " waves"]
    offset_s: Float[np.ndarray, " waves"]


def decode(chance: Float[np.ndarray, "4 samples"], x: Float[np.ndarray, " samples"], fs_hz: float) -> dict[str, Waves]:
    """Return the waves of one lead.

    A wave lasts while its chance is above one half, with the crossing interpolated between samples;
    holes up to 40 ms are closed, shorter stretches dropped. Between two QRS only the surest T stays.

    Args:
        chance: chance of each class at each sample.
        x: the lead, for the peak: the largest distance from the line between onset and offset.
        fs_hz: sampling rate.
    """
    spans = {kind: _spans(chance[k], SHORTEST_S[kind] * fs_hz, GAP_S * fs_hz) for k, kind in enumerate(CLASSES) if k}
    spans["T"] = _one_between(spans["T"], spans["QRS"], chance[CLASSES.index("T")])
    return {kind: _waves(spans[kind], x, fs_hz) for kind in CLASSES[1:]}


def _spans(p: np.ndarray, shortest: float, gap: float) -> list[tuple[float, float]]:
    """Return (start, end) in samples of the stretches above one half."""
    above = np.concatenate([[False], p > 0.5, [False]])
    starts, ends = np.flatnonzero(~above[:-1] & above[1:]), np.flatnonzero(above[:-1] & ~above[1:]) - 1
    found: list[tuple[float, float]] = []
    for a, b in zip(starts, ends, strict=True):
        start = a - (p[a] - 0.5) / (p[a] - p[a - 1]) if a > 0 else 0.0
        end = b + (p[b] - 0.5) / (p[b] - p[b + 1]) if b + 1 < len(p) else float(b)
        if found and start - found[-1][1] <= gap:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(a, b) for a, b in found if b - a >= shortest]


def _one_between(
    t: list[tuple[float, float]], qrs: list[tuple[float, float]], chance: np.ndarray
) -> list[tuple[float, float]]:
    starts = np.array([a for a, _ in qrs])
    best: dict[int, tuple[float, tuple[float, float]]] = {}
    for a, b in t:
        beat = int(np.searchsorted(starts, a))
        sure = float(chance[int(a) : int(b) + 1].sum())
        if beat not in best or sure > best[beat][0]:
            best[beat] = (sure, (a, b))
    return [best[beat][1] for beat in sorted(best)]


def _waves(spans: list[tuple[float, float]], x: np.ndarray, fs_hz: float) -> Waves:
    peaks = []
    for a, b in spans:
        i, j = int(round(a)), min(int(round(b)), len(x) - 1)
        part = x[i : j + 1]
        peaks.append(i + int(np.argmax(np.abs(part - np.linspace(part[0], part[-1], len(part))))))
    onset, offset = np.array([s[0] for s in spans]), np.array([s[1] for s in spans])
    return Waves(onset / fs_hz, np.array(peaks, dtype=float) / fs_hz, offset / fs_hz)
