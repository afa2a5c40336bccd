"""What goes wrong with images: noise, blur, resolution, contrast, brightness, compression, motion and bias fields.

Each corruption takes images (n, y, x) or volumes (n, z, y, x) and a severity of 0, which changes nothing, to 5. Values
stay in the range that they may have.

Source: the kinds and the five severities are those of Hendrycks and Dietterich 2019, arXiv 1903.12261; bias fields and
motion are magnetic resonance's. Sizes here are our own, stated in `LEVELS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy import ndimage

SEVERITIES = (1, 2, 3, 4, 5)
Images = Float[np.ndarray, "n ..."]
Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]

# What each severity is: of noise and blur and motion in shares of the range or of the edge, and so on.
LEVELS: dict[str, tuple[float, ...]] = {
    "gaussian noise": (0.02, 0.04, 0.08, 0.12, 0.18),  # standard deviation, of the range
    "poisson noise": (1000.0, 400.0, 150.0, 60.0, 25.0),  # counts where an image is brightest
    "blur": (0.006, 0.010, 0.016, 0.024, 0.036),  # standard deviation, of the longest edge
    "resolution": (0.75, 0.5, 0.35, 0.25, 0.16),  # of the edges; brought back by cubic splines
    "contrast": (0.75, 0.6, 0.45, 0.3, 0.2),  # of the distance from an image's mean
    "brightness": (0.06, 0.12, 0.18, 0.25, 0.35),  # added, of the range
    "gamma": (1.2, 1.5, 1.9, 2.4, 3.0),  # exponent
    "compression": (0.02, 0.05, 0.1, 0.2, 0.4),  # step that cosine coefficients are rounded to, of the range
    "motion": (0.01, 0.02, 0.04, 0.06, 0.09),  # shift between frequencies taken at other times, of the edge
    "bias field": (0.1, 0.2, 0.35, 0.5, 0.7),  # largest gain less one, smooth over the image
}
BLOCK = 8  # pixels a side of a block that is compressed
_LEAST_BLUR = 0.3  # pixels: less moves nothing


def corrupted(
    name: str, images: Images, severity: int, rng: np.random.Generator, limits: tuple[float, float] = (0.0, 1.0)
) -> Images:
    """Return images with one corruption, float32; severity 0 returns them as they are.

    Args:
        name: one of `LEVELS`.
        images: (n, y, x) or (n, z, y, x).
        severity: 0 to 5.
        rng: of the noise.
        limits: least and largest value that an image can have.

    Raises:
        ValueError: another name or severity, images of another shape, or limits that are none.
    """
    from ...conditioning.words import unknown

    if name not in LEVELS:
        raise ValueError(unknown("corruption", name, LEVELS))
    if severity not in (0, *SEVERITIES):
        raise ValueError(f"severity = {severity}; it must be 0 to 5")
    if images.ndim not in (3, 4):
        raise ValueError(f"images have the shape {images.shape}; (n, y, x) or (n, z, y, x) is needed")
    low, high = limits
    if not high > low:
        raise ValueError(f"limits are {limits}; the second must be larger")
    if severity == 0 or not len(images):
        return images
    x = (np.asarray(images, dtype=np.float64) - low) / (high - low)
    made = np.stack([_CORRUPTIONS[name](one, LEVELS[name][severity - 1], rng) for one in x])
    return (np.clip(made, 0, 1) * (high - low) + low).astype(np.float32)


def _gaussian(x: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(x + sd * rng.standard_normal(x.shape))


def _poisson(x: np.ndarray, counts: float, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(np.clip(x, 0, 1) * counts) / counts


def _blur(x: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(x, max(_LEAST_BLUR, sd * max(x.shape)), mode="nearest"))


def _resolution(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Average over areas as a coarse detector does, then bring it back."""
    small = [max(2, round(n * share)) for n in x.shape]
    soft = ndimage.gaussian_filter(x, [0.4 * max(0.0, n / m - 1) for n, m in zip(x.shape, small, strict=True)])
    down = ndimage.zoom(soft, [m / n for n, m in zip(x.shape, small, strict=True)], order=1, grid_mode=True,
                        mode="nearest")  # fmt: skip
    factors = [n / m for n, m in zip(x.shape, down.shape, strict=True)]
    return np.asarray(ndimage.zoom(down, factors, order=3, grid_mode=True, mode="nearest"))


def _contrast(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(x.mean() + share * (x - x.mean()))


def _brightness(x: np.ndarray, shift: float, rng: np.random.Generator) -> np.ndarray:
    return x + shift


def _gamma(x: np.ndarray, exponent: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(np.clip(x, 0, 1) ** exponent)


def _compression(x: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Round the cosine coefficients of blocks of 8 x 8, coarser where the frequency is higher, as JPEG does."""
    from scipy.fft import dctn, idctn

    planes = x[None] if x.ndim == 2 else x
    h, w = planes.shape[1:]
    padded = np.pad(planes, ((0, 0), (0, -h % BLOCK), (0, -w % BLOCK)), mode="edge")
    rows, cols = padded.shape[1] // BLOCK, padded.shape[2] // BLOCK
    blocks = padded.reshape(len(planes), rows, BLOCK, cols, BLOCK)
    at = np.arange(BLOCK)
    steps = step * (1 + at[:, None] + at[None, :])[None, None, :, None, :] / 2
    made = idctn(np.round(dctn(blocks, axes=(2, 4), norm="ortho") / steps) * steps, axes=(2, 4), norm="ortho")
    made = made.reshape(padded.shape)[:, :h, :w]
    return np.asarray(made[0] if x.ndim == 2 else made)


def _motion(x: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Shift the object along the last edge while frequencies along the one before it are taken: ghosts and smear."""
    n, m = x.shape[-2:]
    lines = np.fft.fftfreq(n)
    moments = np.sort(rng.uniform(-0.5, 0.5, 3))
    shift = share * m * np.searchsorted(moments, lines) / len(moments) * rng.choice([-1.0, 1.0])
    spectrum = np.fft.fft2(x, axes=(-2, -1))
    phase = np.exp(-2j * np.pi * shift[:, None] * np.fft.fftfreq(m)[None, :])
    return np.asarray(np.abs(np.fft.ifft2(spectrum * phase, axes=(-2, -1))))


def _bias_field(x: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply by 1 to 1 + most or its inverse, a quadratic of the place."""
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in x.shape), indexing="ij")
    field = np.sum([rng.normal() * g + rng.normal() * g**2 for g in grid], axis=0)
    field = field / max(float(np.abs(field).max()), 1e-12)
    return np.asarray(x * np.exp(np.log1p(most) * field))


_CORRUPTIONS: dict[str, Corruption] = {
    "gaussian noise": _gaussian, "poisson noise": _poisson, "blur": _blur, "resolution": _resolution,
    "contrast": _contrast, "brightness": _brightness, "gamma": _gamma, "compression": _compression,
    "motion": _motion, "bias field": _bias_field,
}  # fmt: skip
