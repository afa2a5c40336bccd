"""When the ventricles beat, as the network is told it: five rows beside the leads.

Two rows have a bump at each R peak, one for beats through the conduction system and one for ventricular ones; two say
how long ago the last beat was and how soon the next one comes; the fifth says that beats are told at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .signal import FS_HZ, SAMPLES

ROWS = 5
_BUMP_S = 0.016
_MEMORY_S = 0.4  # after which a beat's trace has fallen to 1/e


@dataclass(frozen=True)
class BeatTimes:
    """The beats of ten seconds.

    Attributes:
        at_s: (beats,) R peaks in seconds from the first sample, rising.
        ventricular: (beats,) whether the beat does not come through the conduction system.
    """

    at_s: Float[np.ndarray, " beats"]
    ventricular: Bool[np.ndarray, " beats"]

    def within(self, duration_s: float) -> BeatTimes:
        """Return the beats from 0 to below `duration_s`."""
        keep = (self.at_s >= 0) & (self.at_s < duration_s)
        return BeatTimes(self.at_s[keep], self.ventricular[keep])

    @property
    def rate_bpm(self) -> float | None:
        """Return the mean rate, None with fewer than three beats."""
        return 60 / float(np.mean(np.diff(self.at_s))) if self.at_s.size > 2 else None

    def rows(self) -> Float[np.ndarray, "5 1250"]:
        """Return what the network is told on its grid of 10 s at 125 Hz."""
        t = np.arange(SAMPLES) / FS_HZ
        told = self.within(SAMPLES / FS_HZ)
        bumps = [_bumps(t, told.at_s[told.ventricular == kind]) for kind in (False, True)]
        since, until = _fading(t, told.at_s)
        return np.stack([*bumps, since, until, np.ones(SAMPLES)]).astype(np.float32)


NO_BEATS = BeatTimes(np.zeros(0), np.zeros(0, bool))


def untold() -> Float[np.ndarray, "5 1250"]:
    """Return the rows of a record whose beats are not told."""
    return np.zeros((ROWS, SAMPLES), np.float32)


def _bumps(t: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * ((t - at_s[:, None]) / _BUMP_S) ** 2).sum(0))


def _fading(t: np.ndarray, at_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return traces of the last and of the next beat; where there is none, 0."""
    edges = np.concatenate([[-np.inf], at_s, [np.inf]])
    k = np.searchsorted(at_s, t, side="right")
    return np.exp(-(t - edges[k]) / _MEMORY_S), np.exp(-(edges[k + 1] - t) / _MEMORY_S)
