"""Where each voxel of a patient's brain comes from in the template: size, pose, one-to-one warp, wide ventricles.

Left stays left: every step is near to the identity, with a Jacobian above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from .anatomy_template import template
from .anatomy_warp import Field, flow, random_warp, sample

COARSE_MM = 4.0
_CENTRE_MM = np.array([0.0, -20.0, 8.0], np.float32)
_SCALES = ((6.0, 0.55), (2.6, 0.33))  # smoothness and displacement in coarse voxels
_TIMES = np.linspace(-1.6, 4.6, 8)  # of the flow away from the ventricles


@dataclass(frozen=True)
class BrainMap:
    """A patient's way back into the template.

    Attributes:
        inverse: 3 x 3 matrix from the patient's axes to the template's.
        shift_mm: where the template's centre lies in the patient's space.
        warp: displacement in coarse voxels.
        widening: displacement that widens (or narrows) the ventricles, in coarse voxels.
        least_jacobian: least determinant of the two displacements' Jacobians.
    """

    inverse: Float[np.ndarray, "3 3"]
    shift_mm: Float[np.ndarray, " 3"]
    warp: Field
    widening: Field
    least_jacobian: float

    def back(self, mm: Float[np.ndarray, "3 n"]) -> Float[np.ndarray, "3 n"]:
        """Return the MNI152 positions of a patient's positions, both in mm."""
        at = _CENTRE_MM[:, None] + self.inverse @ (mm - self.shift_mm[:, None])
        for displacement in (self.warp, self.widening):
            coarse = _coarse(at)
            at = at + np.float32(COARSE_MM) * np.stack([sample(part, coarse) for part in displacement])
        return np.asarray(at, np.float32)


def draw_map(rng: np.random.Generator, intracranial_ml: float, ventricle_share: float) -> BrainMap:
    """Draw the shape of a head.

    Args:
        rng: random stream.
        intracranial_ml: volume of the brain with its fluid.
        ventricle_share: share of that volume that the ventricles are to have.
    """
    base = template()
    whole = base.volume_ml(base.grey + base.white + base.ventricle + base.outer)
    size = (intracranial_ml / whole) ** (1 / 3)
    stretch = np.exp(0.03 * np.clip(rng.standard_normal(3), -2.5, 2.5))
    stretch *= size / np.prod(stretch) ** (1 / 3)
    turn = _rotation(np.deg2rad(np.clip(rng.standard_normal(3), -2, 2) * (2.5, 1.5, 1.5)))
    shift = _CENTRE_MM + np.clip(rng.standard_normal(3), -2, 2) * 1.5
    warp, least = random_warp(rng, _coarse_shape(), _SCALES)
    widening = flow(_away() * np.float32(widening_time(ventricle_share)))
    return BrainMap(
        np.asarray(np.linalg.inv(turn @ np.diag(stretch)), np.float32), np.asarray(shift, np.float32), warp, widening,
        least,
    )  # fmt: skip


def widening_time(ventricle_share: float) -> float:
    """Return how long tissue flows away from the ventricles until they have a share of the intracranial volume."""
    return float(np.interp(ventricle_share, _shares(), _TIMES))


def _rotation(angles: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    (a, b, c), (p, q, r) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, a, -p], [0, p, a]])
    about_y = np.array([[b, 0, q], [0, 1, 0], [-q, 0, b]])
    about_z = np.array([[c, -r, 0], [r, c, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def _coarse_shape() -> tuple[int, ...]:
    base = template()
    return tuple(int(np.ceil(n * base.spacing_mm / COARSE_MM)) for n in base.grey.shape)


def _coarse(mm: Float[np.ndarray, "3 n"]) -> Float[np.ndarray, "3 n"]:
    origin = template().origin_mm.astype(np.float32)[:, None] + np.float32((COARSE_MM - template().spacing_mm) / 2)
    return np.asarray((mm - origin) / np.float32(COARSE_MM))


@cache
def _away() -> Field:
    """Return the velocity, in coarse voxels, that draws what lies around the ventricles from inside of them."""
    base = template()
    step = int(COARSE_MM / base.spacing_mm)
    padded = [(0, -n % step) for n in base.grey.shape]
    blocks = np.pad(base.ventricle, padded)
    shape = [n for m in blocks.shape for n in (m // step, step)]
    ventricle = blocks.reshape(shape).mean(axis=(1, 3, 5))
    slope = np.stack(np.gradient(ndimage.gaussian_filter(ventricle, 1.5)))
    return np.asarray(slope / np.sqrt((slope**2).sum(0)).max(), np.float32)


@cache
def _shares() -> Float[np.ndarray, " times"]:
    """Return the ventricles' share of the intracranial volume at each of the flow's times."""
    base = template()
    whole = base.volume_ml(base.grey + base.white + base.ventricle + base.outer)
    near = np.flatnonzero(base.ventricle_mm < 24)
    mm = np.stack(np.unravel_index(near, base.grey.shape)).astype(np.float32) * np.float32(base.spacing_mm)
    mm += base.origin_mm[:, None]
    return np.array([_widened_ml(mm, float(time)) / whole for time in _TIMES])


def _widened_ml(mm: Float[np.ndarray, "3 n"], time: float) -> float:
    base = template()
    coarse, moved = _coarse(mm), flow(_away() * np.float32(time))
    at = mm + np.float32(COARSE_MM) * np.stack([sample(part, coarse) for part in moved])
    return base.volume_ml(sample(base.ventricle, base.at(at)))
