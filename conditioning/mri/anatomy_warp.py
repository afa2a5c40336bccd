"""Smooth one-to-one deformations: the flow of a stationary velocity field, made by composing small displacements.

Source: Arsigny et al., "A log-Euclidean framework for statistics on diffeomorphisms", MICCAI 2006 (scaling and
squaring).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

Field = Float[np.ndarray, "3 x y z"]
_LEAST_JACOBIAN = 0.15


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Float[np.ndarray, "x y z"]:
    """Return Gaussian noise of unit variance, smooth over `sigma` voxels, float32."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


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


def sample(values: Float[np.ndarray, "x y z"], at: Float[np.ndarray, "3 *n"], outside: float | None = None) -> np.ndarray:
    """Return a map's values between its voxels, trilinear, float32.

    Args:
        values: the map.
        at: positions in voxels.
        outside: value beyond the edge; None: that of the edge.
    """
    mode = "nearest" if outside is None else "constant"
    return np.asarray(
        ndimage.map_coordinates(values, at, order=1, mode=mode, cval=outside or 0.0, output=np.float32, prefilter=False)
    )


def jacobian(displacement: Field) -> Float[np.ndarray, "x y z"]:
    """Return the determinant of the Jacobian of x -> x + displacement(x): the change of volume, above 0 where one-to-one.

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
