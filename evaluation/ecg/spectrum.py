"""Power spectra of ECGs: Welch per lead, median over the independent leads, bands in dB."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import signal as sps

from ...conditioning.ecg.vocabulary import INDEPENDENT_LEADS, LEADS
from ...conditioning.record import Record, SignalGeometry

STEP_HZ = 0.25  # windows of 4 s, so records of any sampling rate share the same frequencies
TOP_HZ = 150.0
FREQUENCIES_HZ: Float[np.ndarray, " bins"] = np.arange(STEP_HZ, TOP_HZ + STEP_HZ / 2, STEP_HZ)
REFERENCE_HZ = (1.0, 40.0)  # everything is relative to the power here, so the gain does not matter

# Name and edges in Hz: drift; P, T and rate; QRS body; QRS edges; muscle; mains of both kinds.
BANDS: tuple[tuple[str, float, float], ...] = (
    ("0.25-1", 0.25, 1),
    ("1-5", 1, 5),
    ("5-15", 5, 15),
    ("15-40", 15, 40),
    ("40-48", 40, 48),
    ("48-52", 48, 52),
    ("62-100", 62, 100),
    ("100-150", 100, 150),
)


def millivolts(record: Record) -> dict[str, Float[np.ndarray, " samples"]]:
    """Return the leads of a record by name, in mV, as float64.

    Raises:
        ValueError: the record has no signal, or a unit that is neither mV nor uV.
    """
    geometry = record.geometry
    if not isinstance(geometry, SignalGeometry) or "signal" not in record.arrays:
        raise ValueError(f"record {record.record_id!r} has no signal with leads; an ECG is needed")
    scale = {"mV": 1.0, "uV": 1e-3, "V": 1e3}.get(geometry.unit)
    if scale is None:
        raise ValueError(f"record {record.record_id!r} is in {geometry.unit!r}; mV, uV or V is needed")
    signal = np.asarray(record.arrays["signal"], dtype=np.float64) * scale
    if signal.ndim != 2 or signal.shape[0] != len(geometry.leads):
        raise ValueError(f"record {record.record_id!r}: {signal.shape} does not hold {len(geometry.leads)} leads")
    return dict(zip(geometry.leads, signal, strict=True))


def spectrum_db(record: Record) -> Float[np.ndarray, " bins"]:
    """Return the power density at FREQUENCIES_HZ in dB over the mean density of 1 to 40 Hz.

    Each lead is scaled by itself, then the median over I, II, V1-V6 is taken (over what leads there
    are, if none of these). Flat leads, leads with NaN, and frequencies above half the sampling rate
    give NaN, as does a record under 4 s.
    """
    leads = millivolts(record)
    fs_hz = record.geometry.fs_hz  # type: ignore[union-attr]
    names = [n for n in INDEPENDENT_LEADS if n in leads] or [n for n in LEADS if n in leads] or list(leads)
    density = [d for n in names if (d := _density_db(leads[n], fs_hz)) is not None]
    return np.median(density, axis=0) if density else np.full(len(FREQUENCIES_HZ), np.nan)


def _density_db(x: Float[np.ndarray, " samples"], fs_hz: float) -> Float[np.ndarray, " bins"] | None:
    window = round(fs_hz / STEP_HZ)
    if len(x) < window or not np.isfinite(x).all() or np.ptp(x) < 1e-6:
        return None
    f, power = sps.welch(x, fs=fs_hz, nperseg=window, detrend="linear")
    reference = power[(f >= REFERENCE_HZ[0]) & (f < REFERENCE_HZ[1])].mean()
    db = 10 * np.log10(np.maximum(power / reference, 1e-12))
    return np.interp(FREQUENCIES_HZ, f, db, right=np.nan)


def band_powers_db(spectrum: Float[np.ndarray, "*batch bins"]) -> dict[str, Float[np.ndarray, "*batch"]]:
    """Return the mean level of each band in dB; NaN where the band was not sampled."""
    return {
        name: np.asarray(np.mean(spectrum[..., (FREQUENCIES_HZ >= low) & (FREQUENCIES_HZ < high)], axis=-1))
        for name, low, high in BANDS
    }


def band_distances_db(a: Float[np.ndarray, "n bins"], b: Float[np.ndarray, "m bins"]) -> dict[str, float]:
    """Return, per band, the mean absolute difference of two groups' mean log spectra, in dB."""
    gap = np.abs(mean_db(a) - mean_db(b))
    return {name: float(value) for name, value in band_powers_db(gap).items()}


def mean_db(spectra: Float[np.ndarray, "n bins"]) -> Float[np.ndarray, " bins"]:
    """Return the mean over records that were sampled at a frequency; NaN where none was."""
    known = np.isfinite(spectra)
    return np.where(known, spectra, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)


def half_differences_db(
    spectra: Float[np.ndarray, "n bins"], seeds: range, size: int
) -> Float[np.ndarray, "seeds bins"]:
    """Return, per seed, mean log spectrum of one random half less that of another: the floor."""
    rows = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(spectra))
        rows.append(mean_db(spectra[order[:size]]) - mean_db(spectra[order[size : 2 * size]]))
    return np.array(rows)
