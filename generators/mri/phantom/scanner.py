"""What a scanner does to an image: coil sensitivity, thick slices, Rician noise, an intensity scale of its own."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from ....conditioning.mri.anatomy_warp import upsample

Volume = Float[np.ndarray, "x y z"]


def bias_field(rng: np.random.Generator, mask: Bool[np.ndarray, "x y z"], percent: float, spacing_mm: float) -> Volume:
    """Return a smooth factor whose range over the mask is `percent` of its mean, float32, mean 1.

    Args:
        rng: random stream.
        mask: the brain.
        percent: 0 to 100; 40 is 0.8 to 1.2.
        spacing_mm: size of a voxel.
    """
    coarse = tuple(max(int(np.ceil(n * spacing_mm / 16)), 2) for n in mask.shape)
    field = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), 2.2, mode="reflect")
    smooth = upsample(field, tuple(np.linspace(0, m - 1, n) for n, m in zip(mask.shape, coarse, strict=True)))
    inside = smooth[mask]
    low, high = float(inside.min()), float(inside.max())
    scaled = (smooth - low) / max(high - low, 1e-9) - 0.5
    field = 1 + np.float32(percent / 100) * scaled
    return np.asarray(field / field[mask].mean(), np.float32)


def slice_profile(n: int, spacing_mm: float, slice_mm: float, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return how slices average voxels along an axis, and how voxels are interpolated from slices.

    Args:
        n: voxels along the axis.
        spacing_mm: size of a voxel.
        slice_mm: thickness and distance of the slices.
        offset: where the first slice begins, in slices, 0 to 1.

    Returns:
        (slices, n) weights that add up to 1 a row, and (n, slices) linear weights that add up to 1 a row.
    """
    step = max(slice_mm, spacing_mm)
    count = int(np.ceil(n * spacing_mm / step)) + 1
    edges = (np.arange(count + 1) - offset) * step
    voxel = np.arange(n + 1) * spacing_mm
    overlap = np.minimum(edges[1:, None], voxel[None, 1:]) - np.maximum(edges[:-1, None], voxel[None, :-1])
    average = np.clip(overlap, 0, None)
    kept = average.sum(1) > 0.25 * step
    average = average[kept]
    average /= average.sum(1, keepdims=True)
    centre = (0.5 * (edges[1:] + edges[:-1]))[kept]
    at = (np.arange(n) + 0.5) * spacing_mm
    place = np.clip(np.interp(at, centre, np.arange(centre.size)), 0, centre.size - 1)
    low = np.minimum(place.astype(int), max(centre.size - 2, 0))
    back = np.zeros((n, centre.size))
    back[np.arange(n), low] = 1 - (place - low)
    back[np.arange(n), np.minimum(low + 1, centre.size - 1)] += place - low
    return average.astype(np.float32), back.astype(np.float32)


def acquire(
    rng: np.random.Generator,
    signal: Volume,
    sigma: float,
    spacing_mm: float,
    slice_mm: float,
    blur_mm: float,
) -> Volume:
    """Return the magnitude image that a scanner reconstructs, brought back to the signal's grid.

    Blurred in plane, averaged over axial slices, noise added to both channels there (Rician magnitude; Gudbjartsson and
    Patz, Magn Reson Med 34:910, 1995), interpolated along the slices.

    Args:
        rng: random stream.
        signal: noiseless, at least 0.
        sigma: standard deviation of each channel's noise, in the signal's unit.
        spacing_mm: size of a voxel.
        slice_mm: thickness of a slice; below the spacing it changes nothing.
        blur_mm: full width at half maximum of the in-plane point spread.
    """
    width = blur_mm / 2.3548 / spacing_mm
    seen = ndimage.gaussian_filter(signal, (width, width, 0)) if width > 0.15 else signal
    if slice_mm <= spacing_mm * 1.05:
        return rician(rng, seen, sigma)
    average, back = slice_profile(signal.shape[2], spacing_mm, slice_mm, float(rng.random()))
    thick = rician(rng, np.asarray(seen @ average.T, np.float32), sigma)
    return np.asarray(thick @ back.T, np.float32)


def rician(rng: np.random.Generator, signal: Volume, sigma: float) -> Volume:
    """Return |signal + noise| with complex Gaussian noise of standard deviation sigma a channel."""
    real = signal + np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    other = np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(np.sqrt(real**2 + other**2), np.float32)
