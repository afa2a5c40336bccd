"""Simple features of anything: values, their spread, their texture and their spectrum, without a trained network.

They see brightness, contrast, sharpness, noise and coarse layout. What only a trained eye sees they do not.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..realism.texture import radial_spectra_db
from .arrays import Compared

POOLED = 4  # cells along an edge of the coarse layout
BANDS = 8  # bands of a spectrum
FEW_LEADS = 3  # up to so many each lead has features of its own
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_FLOOR = 1e-12
_LUMA = np.array([0.299, 0.587, 0.114])


def features_of(kind: str, x: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n d"]:
    """Return the features of images, volumes or signals.

    Args:
        kind: `image`, `volume` or `signal`.
        x: as `Cohort.x` holds them.
    """
    return {"image": image_features, "volume": volume_features, "signal": signal_features}[kind](x)


def feature_words(compared: Compared) -> str:
    """Say in a sentence what the features are."""
    return {
        "image": f"means of {POOLED} x {POOLED} cells, quantiles of grey levels, radial power spectrum in {BANDS} "
        "bands, and texture (gradients, local contrast, entropy, skewness; of colour images also of each channel)",
        "volume": f"means of {POOLED} slabs along each axis, quantiles of values, gradients and their spread along "
        f"each axis, and the power spectrum of each axis in {BANDS} bands",
        "signal": f"of each lead mean, standard deviation, quantiles, slope and kurtosis, power spectrum in {BANDS} "
        "bands, and the correlations between leads",
    }[compared.kind]


def image_features(x: Float[np.ndarray, "n y x *channels"]) -> Float[np.ndarray, "n d"]:
    """Return layout, greys, spectrum and texture of square images, grey or coloured, 0 to 1."""
    grey = grey_of(x)
    parts = [pooled(grey), _quantiles(grey), _banded(radial_spectra_db(grey)), texture(grey)]
    if x.ndim == 4:
        flat = x.reshape(len(x), -1, x.shape[3]).astype(np.float64)
        parts += [flat.mean(axis=1), flat.std(axis=1), _between(np.moveaxis(flat, 2, 1))]
    return np.concatenate(parts, axis=1)


def grey_of(x: Float[np.ndarray, "n y x *channels"]) -> Float[np.ndarray, "n y x"]:
    """Return images without their colour."""
    return x if x.ndim == 3 else (x @ _LUMA).astype(np.float32)


def pooled(x: Float[np.ndarray, "n y x"], cells: int = POOLED) -> Float[np.ndarray, "n cells"]:
    """Return the mean of each of cells x cells parts of an image."""
    rows = np.array_split(np.arange(x.shape[1]), cells)
    cols = np.array_split(np.arange(x.shape[2]), cells)
    return np.stack([x[:, r][:, :, c].mean(axis=(1, 2), dtype=np.float64) for r in rows for c in cols], axis=1)


def texture(x: Float[np.ndarray, "n y x"]) -> Float[np.ndarray, "n 6"]:
    """Return gradient's mean and spread, local contrast, entropy of greys, skewness and kurtosis of each image."""
    y = x.astype(np.float64)
    steps = np.hypot(np.diff(y, axis=1)[:, :, :-1], np.diff(y, axis=2)[:, :-1])
    fine = y[:, 1:-1, 1:-1] - (y[:, :-2, 1:-1] + y[:, 2:, 1:-1] + y[:, 1:-1, :-2] + y[:, 1:-1, 2:]) / 4
    flat = y.reshape(len(y), -1)
    counts = np.stack([np.histogram(row, 32, (0, 1))[0] for row in flat]) / flat.shape[1]
    entropy = -(counts * np.log2(np.maximum(counts, _FLOOR))).sum(axis=1)
    return np.stack([steps.mean((1, 2)), steps.std((1, 2)), fine.std((1, 2)), entropy, *_moments(flat)], axis=1)


def volume_features(x: Float[np.ndarray, "n x y z"]) -> Float[np.ndarray, "n d"]:
    """Return values, layout, gradients and spectrum along each axis of cubes, 0 to 1."""
    parts = [_quantiles(x), np.stack(_moments(x.reshape(len(x), -1).astype(np.float64)), axis=1)]
    for axis in (1, 2, 3):
        slabs = np.array_split(np.arange(x.shape[axis]), POOLED)
        other = tuple(a for a in (1, 2, 3) if a != axis)
        profile = x.mean(axis=other, dtype=np.float64)
        parts.append(np.stack([profile[:, s].mean(axis=1) for s in slabs], axis=1))
        steps = np.abs(np.diff(x, axis=axis)).reshape(len(x), -1)
        parts.append(np.stack([steps.mean(1, dtype=np.float64), steps.std(1, dtype=np.float64)], axis=1))
        parts.append(_banded(_axis_spectra_db(x, axis)))
    return np.concatenate(parts, axis=1)


def _axis_spectra_db(x: np.ndarray, axis: int) -> Float[np.ndarray, "n bins"]:
    n = x.shape[axis]
    moved = np.moveaxis(x, axis, -1)
    windowed = (moved - moved.mean(axis=-1, keepdims=True)) * np.hanning(n).astype(np.float32)
    power = (np.abs(np.fft.rfft(windowed, axis=-1)) ** 2)[..., 1:]
    return _relative_db(power.reshape(len(x), -1, power.shape[-1]).mean(axis=1, dtype=np.float64))


def signal_features(x: Float[np.ndarray, "n leads samples"]) -> Float[np.ndarray, "n d"]:
    """Return values, slopes, spectrum and correlation of the leads of signals.

    Of more than three leads each feature's mean and spread over the leads, so that there are always fewer than 70.
    """
    y = x.astype(np.float64)
    n, leads = y.shape[:2]
    slopes = np.abs(np.diff(y, axis=2))
    kurtosis = _moments(y.reshape(-1, y.shape[2]))[1].reshape(n, leads)
    values = [y.mean(axis=2), y.std(axis=2), slopes.mean(axis=2), slopes.max(axis=2), kurtosis]
    values += [np.quantile(y, q, axis=2) for q in QUANTILES]
    spectra = signal_spectra_db(x)
    bands = _banded(spectra.reshape(-1, spectra.shape[2])).reshape(n, leads, -1)
    each = np.concatenate([np.stack(values, axis=2), bands], axis=2)
    between = _between(y)
    if leads <= FEW_LEADS:
        return np.concatenate([each.reshape(n, -1), between], axis=1)
    mean, spread = between.mean(axis=1, keepdims=True), between.std(axis=1, keepdims=True)
    return np.concatenate([each.mean(axis=1), each.std(axis=1), mean, spread], axis=1)


def signal_spectra_db(x: Float[np.ndarray, "n leads samples"]) -> Float[np.ndarray, "n leads bins"]:
    """Return the power spectrum of each lead in dB of its whole power, by Welch's method."""
    from scipy.signal import welch

    n = min(256, x.shape[2])
    power = welch(x.astype(np.float64), nperseg=n, axis=2, detrend="linear")[1][..., 1:]
    return _relative_db(power.reshape(-1, power.shape[2])).reshape(power.shape)


def _relative_db(power: Float[np.ndarray, "n bins"]) -> Float[np.ndarray, "n bins"]:
    total = np.maximum(power.sum(axis=1, keepdims=True), _FLOOR)
    return np.asarray(10 * np.log10(np.maximum(power / total, 1e-8)))


def _banded(spectra: Float[np.ndarray, "n bins"]) -> Float[np.ndarray, "n bands"]:
    """Return the mean level of bands that grow evenly in octaves; each holds at least one bin."""
    edges = np.unique(np.geomspace(1, spectra.shape[1] + 1, BANDS + 1).round().astype(int))
    return np.stack([spectra[:, a - 1 : b - 1].mean(axis=1) for a, b in zip(edges[:-1], edges[1:], strict=True)], 1)


def _quantiles(x: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n q"]:
    return np.quantile(x.reshape(len(x), -1), QUANTILES, axis=1).T.astype(np.float64)


def _moments(flat: Float[np.ndarray, "n m"]) -> tuple[np.ndarray, np.ndarray]:
    """Return skewness and kurtosis of each row; 0 where it is constant."""
    centred = flat - flat.mean(axis=1, keepdims=True)
    sd = centred.std(axis=1)
    z = centred / np.where(sd > 0, sd, 1)[:, None]
    return (z**3).mean(axis=1), (z**4).mean(axis=1)


def _between(y: Float[np.ndarray, "n rows samples"]) -> Float[np.ndarray, "n pairs"]:
    """Return the correlation of each pair of rows; 0 where one is constant."""
    centred = y - y.mean(axis=2, keepdims=True)
    sd = centred.std(axis=2, keepdims=True)
    z = centred / np.where(sd > 0, sd, 1)
    r = np.einsum("nis,njs->nij", z, z) / y.shape[2]
    first, second = np.triu_indices(y.shape[1], 1)
    return r[:, first, second]
