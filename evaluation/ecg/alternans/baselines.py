"""The field's own detectors of T-wave alternans, on beats that lie in order and are lined up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ....generators.readout.alternans.beats import Beats, st_t

NOISE_BAND = (0.40, 0.47)  # cycles per beat, below the alternans at 0.5: 5 lines at 64 beats, 9 at 128
SPECTRAL_BEATS = 64
_LARGEST_STEP_UV, _SMALLEST_STEP_UV, _SHARE = 32.0, 1.0, 1 / 8


@dataclass(frozen=True)
class Spectral:
    """What the spectral method says of each lead.

    Attributes:
        v_alt_uv: (leads,) root of the power at 0.5 cycles per beat above the noise; 0 where it is not above.
        k: (leads,) that excess in standard deviations of the noise lines.
    """

    v_alt_uv: Float[np.ndarray, " leads"]
    k: Float[np.ndarray, " leads"]


def modified_moving_average(
    st_t_uv: Float[np.ndarray, "beats leads samples"], usual: Bool[np.ndarray, " beats"] | None = None
) -> Float[np.ndarray, " leads"]:
    """Return the largest difference over ST-T between the moving averages of even and odd beats, in uV.

    Each average starts at its first beat and moves by an eighth of the distance to the next beat of
    its parity, by 1 uV at least (but not beyond it) and 32 uV at most.

    Args:
        st_t_uv: ST-T of each beat.
        usual: beats that count; one that does not keeps its place, and the averages stay.

    Raises:
        ValueError: no even or no odd beat counts.

    Source: Nearing and Verrier, J Appl Physiol 92:541 (2002).
    """
    counts = np.ones(len(st_t_uv), bool) if usual is None else usual
    averages = []
    for parity in (0, 1):
        mine = st_t_uv[parity::2][counts[parity::2]]
        if not len(mine):
            raise ValueError("there is no even or no odd beat to average")
        average = mine[0].astype(np.float64)
        for beat in mine[1:]:
            average += _step(beat - average)
        averages.append(average)
    return np.asarray(np.abs(averages[0] - averages[1]).max(axis=-1))


def _step(distance_uv: np.ndarray) -> np.ndarray:
    size = np.clip(_SHARE * np.abs(distance_uv), _SMALLEST_STEP_UV, _LARGEST_STEP_UV)
    return np.asarray(np.sign(distance_uv) * np.minimum(size, np.abs(distance_uv)))


def mean_difference(
    st_t_uv: Float[np.ndarray, "beats leads samples"], usual: Bool[np.ndarray, " beats"] | None = None
) -> Float[np.ndarray, " leads"]:
    """Return the largest difference over ST-T between the plain means of even and odd beats, in uV."""
    counts = np.ones(len(st_t_uv), bool) if usual is None else usual
    even, odd = (st_t_uv[p::2][counts[p::2]] for p in (0, 1))
    if not len(even) or not len(odd):
        raise ValueError("there is no even or no odd beat to average")
    return np.asarray(np.abs(even.mean(axis=0) - odd.mean(axis=0)).max(axis=-1), dtype=float)


def spectral(
    st_t_uv: Float[np.ndarray, "beats leads samples"], usual: Bool[np.ndarray, " beats"] | None = None
) -> Spectral:
    """Return alternans amplitude and K score of each lead by the spectral method.

    At each sample of ST-T the series over beats is transformed; spectra are averaged over the
    samples, scaled so that a series of +-A has the power A squared at 0.5 cycles per beat. For a
    difference between even and odd that is square over ST-T, V_alt is half of it.

    Args:
        st_t_uv: ST-T of each beat; an even number of beats, 64 at least.
        usual: beats that count; the others are replaced by the mean of their parity.

    Raises:
        ValueError: fewer than 64 beats, or an odd number.

    Source: Smith et al., Circulation 77:110 (1988); Rosenbaum et al., N Engl J Med 330:235 (1994).
    """
    n = len(st_t_uv)
    if n < SPECTRAL_BEATS or n % 2:
        raise ValueError(f"{n} beats; the spectral method needs an even number, {SPECTRAL_BEATS} at least")
    series = _filled(st_t_uv, np.ones(n, bool) if usual is None else usual)
    power = (np.abs(np.fft.rfft(series - series.mean(axis=0), axis=0)) ** 2).mean(axis=-1) / n**2
    f = np.arange(len(power)) / n
    noise = power[(f >= NOISE_BAND[0]) & (f <= NOISE_BAND[1])]
    excess = power[-1] - noise.mean(axis=0)
    k = excess / np.maximum(noise.std(axis=0, ddof=1), 1e-9)
    return Spectral(np.sqrt(np.maximum(excess, 0)), k)


def _filled(x: np.ndarray, usual: np.ndarray) -> np.ndarray:
    out = x.astype(np.float64)
    for parity in (0, 1):
        rows = np.arange(parity, len(x), 2)
        good, bad = rows[usual[rows]], rows[~usual[rows]]
        if len(good):
            out[bad] = out[good].mean(axis=0)
    return out


def scores(beats: Beats) -> dict[str, float]:
    """Return each method's score of a record, the maximum over leads; the spectral ones from 64 beats on.

    `mma_uv`, `mean_difference_uv`, `spectral_v_uv`, `spectral_k`. Beats unlike the record's median
    are left out, unless so few are alike that one parity has none.
    """
    x = beats.x_uv[:, :, st_t(float(np.median(beats.rr_s)))]
    n = len(x)
    usual = beats.usual if beats.usual[::2].any() and beats.usual[1::2].any() else np.ones(n, bool)
    out = {
        "mma_uv": float(modified_moving_average(x, usual).max()),
        "mean_difference_uv": float(mean_difference(x, usual).max()),
    }
    even = n - n % 2
    if even >= SPECTRAL_BEATS:
        found = spectral(x[:even], usual[:even])
        out |= {"spectral_v_uv": float(found.v_alt_uv.max()), "spectral_k": float(found.k.max())}
    return out
