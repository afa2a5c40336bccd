"""Smooth one-to-one deformations: the flow of a stationary velocity field, made by composing small displacements.

Source: Arsigny et al., "A log-Euclidean framework for statistics on diffeomorphisms", MICCAI 2006 (scaling and
squaring).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy import ndimage

Field = Float[np.ndarray, "3 x y z"]
_LEAST_JACOBIAN = 0.15
_COARSE_SIGMA = 1.4  # voxels over which noise is still smooth enough for a cubic spline


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Float[np.ndarray, "x y z"]:
    """Return Gaussian noise of unit variance, smooth over `sigma` voxels, float32; made coarsely where it is smooth."""
    step = max(sigma / _COARSE_SIGMA, 1.0)
    coarse = shape if step == 1 else tuple(int(np.ceil((n - 1) / step)) + 3 for n in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), sigma / step, mode="wrap")
    if step > 1:
        field = upsample(field, tuple(1 + np.arange(n) / step for n in shape))
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


def upsample(values: Float[np.ndarray, "x y z"], at: Sequence[np.ndarray]) -> Float[np.ndarray, "i j k"]:
    """Return a smooth map on a finer lattice: a cubic spline along each axis in turn, float32.

    Args:
        values: the map.
        at: positions in its voxels along each axis.
    """
    for axis, places in enumerate(at):
        weights = _weights(values.shape[axis], tuple(places.tolist()))
        values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return np.asarray(values, np.float32)


@lru_cache(maxsize=64)
def _weights(n: int, places: tuple[float, ...]) -> Float[np.ndarray, "m n"]:
    """Return the matrix that takes n values to a spline's values at some places."""
    from scipy.interpolate import make_interp_spline

    spline = make_interp_spline(np.arange(n), np.eye(n), k=min(3, n - 1))
    return np.asarray(spline(np.asarray(places)), np.float32)


def flow(velocity: Field, steps: int = 5) -> Field:
    """Return the displacement of the flow of a velocity field at time 1, in voxels.

    Args:
        velocity: voxels per unit of time; its largest is divided by 2**steps before it is composed.
        steps: number of squarings.
    """
    moved = velocity / np.float32(2**steps)
    for _ in range(steps):
        moved = compose(moved, moved)
    return moved


def compose(outer: Field, inner: Field) -> Field:
    """Return the displacement of x -> x + inner(x), then outer there; both in voxels of one grid."""
    at = np.indices(inner.shape[1:], dtype=np.float32) + inner
    return inner + np.stack([sample(part, at) for part in outer])


def sample(values: Float[np.ndarray, "x y z"], at: np.ndarray, outside: float | None = None) -> np.ndarray:
    """Return a map's values between its voxels, trilinear, float32.

    Args:
        values: the map.
        at: positions in voxels, (3, ...).
        outside: value beyond the edge; None: that of the edge.
    """
    mode = "nearest" if outside is None else "constant"
    return np.asarray(
        ndimage.map_coordinates(values, at, order=1, mode=mode, cval=outside or 0.0, output=np.float32, prefilter=False)
    )


def jacobian(displacement: Field) -> Float[np.ndarray, "x y z"]:
    """Return the determinant of the Jacobian of x -> x + displacement(x), above 0 where one-to-one.

    Args:
        displacement: in voxels.
    """
    matrix = np.stack([np.stack(np.gradient(part)) for part in displacement])
    for k in range(3):
        matrix[k, k] += 1
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return np.asarray(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def random_warp(
    rng: np.random.Generator, shape: tuple[int, ...], scales: tuple[tuple[float, float], ...]
) -> tuple[Field, float]:
    """Draw a one-to-one deformation.

    Args:
        rng: random stream.
        shape: of the grid.
        scales: (smoothness, typical displacement) of each part, in voxels.

    Returns:
        The displacement in voxels, and the least determinant of its Jacobian, above 0.15: a draw that folds more is
        halved until it is.
    """
    velocity = np.zeros((3, *shape), np.float32)
    for sigma, size in scales:
        for part in velocity:
            part += np.float32(size) * smooth_noise(rng, shape, sigma)
    while True:
        moved = flow(velocity)
        least = float(jacobian(moved).min())
        if least > _LEAST_JACOBIAN:
            return moved, least
        velocity *= np.float32(0.5)
