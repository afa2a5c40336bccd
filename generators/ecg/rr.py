"""RR intervals: breathing, the sinus node's two bands, and the AV node in fibrillation.

The sinus process runs for at least 300 s, whatever the record's length, and the record is cut from
it, so that variability is right in the mean of many short records and exact on a long one.
Source: two-band spectrum of McSharry et al. (IEEE TBME 50:289, 2003); AV-node filtering of random
atrial impulses as in Lian et al. (IEEE TBME 54:1615, 2007), with our own numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from . import compiled

STEP_S = 0.25
RUN_S = 300.0
MARGIN_S = 10.0


@dataclass(frozen=True)
class Window:
    """The stretch of a longer process that a record shows.

    Attributes:
        start_s: first moment of the record in process time.
        duration_s: length of the record.
        horizon_s: length of the process.
    """

    start_s: float
    duration_s: float
    horizon_s: float


def window(duration_s: float, rng: np.random.Generator) -> Window:
    """Place a record of `duration_s` in a process of at least 300 s and a margin on both sides."""
    horizon = max(RUN_S, duration_s) + 2 * MARGIN_S
    horizon = np.ceil(horizon / 16) * 16
    start = MARGIN_S + rng.random() * (horizon - 2 * MARGIN_S - duration_s)
    return Window(float(start), duration_s, float(horizon))


@dataclass(frozen=True)
class Modulation:
    """What modulates the RR interval, every 0.25 s over the horizon.

    Attributes:
        cycles: respiratory phase in cycles; its rate wanders by 4 %.
        lf: the 0.1 Hz component, unit scale.
        hf: the respiratory component, following inspiration with a short lag.
    """

    cycles: Float[np.ndarray, " steps"]
    lf: Float[np.ndarray, " steps"]
    hf: Float[np.ndarray, " steps"]


def modulation(resp_hz: float, horizon_s: float, rng: np.random.Generator) -> Modulation:
    """Draw breathing at `resp_hz` and the 0.1 Hz component over the horizon."""
    n = int(horizon_s / STEP_S)
    bins = int(0.16 * horizon_s) + 2
    white = rng.standard_normal((2, 2 * bins))
    spectrum = np.zeros((2, n // 2 + 1), complex)
    compiled.band_spectrum(white[0], 0.0, 0.04, 0.02, 0.02, 1 / horizon_s, spectrum[0])
    compiled.band_spectrum(white[1], 0.045, 0.145, 0.1, 0.02, 1 / horizon_s, spectrum[1])
    slow, lf = np.fft.irfft(spectrum, n)
    cycles, hf = np.empty(n), np.empty(n)
    compiled.breath_cycles(slow, resp_hz, 0.04, STEP_S, rng.random(), cycles, hf, 0.1)
    return Modulation(cycles, lf, hf)


def sinus_times(mean_s: float, sd_s: float, lf_hf: float, m: Modulation, span: Window) -> Float[np.ndarray, " beats"]:
    """Return times of sinus beats over the horizon.

    Mean, standard deviation and the power ratio of the two bands are exact over the beats of the
    whole process, or of the record where it is 300 s or longer.

    Args:
        mean_s: mean RR.
        sd_s: standard deviation of RR; 0 gives a metronome.
        lf_hf: power of the 0.1 Hz band over that of the respiratory component.
        m: the modulation.
        span: the record's place in the process.
    """
    first, last = (span.start_s, span.start_s + span.duration_s) if span.duration_s >= RUN_S else (0.0, span.horizon_s)
    out = np.empty((4, int(4 * span.horizon_s / mean_s) + 8))
    count = compiled.sinus_beats(
        mean_s, sd_s, lf_hf, m.lf, m.hf, STEP_S, span.horizon_s - STEP_S, first, last, out
    )  # fmt: skip
    return out[0, :count]


def fibrillation_times(mean_s: float, span: Window, rng: np.random.Generator) -> np.ndarray:
    """Return times of ventricular beats in atrial fibrillation, by an AV node under random impulses.

    Impulses reach the node as a Poisson process (6.5 a second, thinned by fibres that do not
    reach it); the node's refractory period is set by bisection so that the mean RR is as asked.
    """
    rate = min(6.5, 3.2 / mean_s)
    arrivals = np.cumsum(rng.exponential(1 / rate, int(rate * span.horizon_s * 1.3) + 40))
    arrivals = arrivals[arrivals < span.horizon_s]
    chance = rng.random(arrivals.size)
    out = np.empty(int(span.horizon_s / 0.15))
    low, high = 0.05, mean_s
    count = 0
    for _ in range(18):
        middle = 0.5 * (low + high)
        count = compiled.conducted_impulses(arrivals, chance, middle, 0.06 * mean_s, 0.4, out)
        mean = (out[count - 1] - out[0]) / max(1, count - 1)
        low, high = (middle, high) if mean < mean_s else (low, middle)
    return out[:count].copy()
