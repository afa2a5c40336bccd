"""The parts of the MNI152 template that phantom brains are made of: tissues, ventricles, places, and how deep they lie.

Fluid is what the brain's mask holds beside grey and white matter. The grey rim that the maps have between ventricle and
white matter is no tissue but the mixture of the two, and is given back to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from ..embedded.mni152 import tissue_maps
from .phantom_condition import TumourLocation

_RIM_MM = 5.0
Map = Float[np.ndarray, "x y z"]


@dataclass(frozen=True)
class Template:
    """Maps of the template on its own grid, float32 (x, y, z).

    Attributes:
        grey: share of grey matter; `grey`, `white`, `ventricle` and `outer` add up to 1 in the brain, 0 outside.
        white: share of white matter.
        ventricle: share of fluid in the ventricles.
        outer: share of fluid outside of them.
        myelin: how much brighter than its tissue's mean T1 weighting shows a place, about -0.2 to 0.2.
        iron: share of iron-rich nuclei (pallidum, substantia nigra) by place.
        sinus: share of the large veins along the midline.
        choroid: share of the ventricles' plexus.
        ventricle_mm: distance to the nearest ventricle in mm.
        depth_mm: depth below the brain's surface in mm, negative outside.
        spacing_mm: size of a voxel.
        origin_mm: MNI152 position of the first voxel in mm.
    """

    grey: Map
    white: Map
    ventricle: Map
    outer: Map
    myelin: Map
    iron: Map
    sinus: Map
    choroid: Map
    ventricle_mm: Map
    depth_mm: Map
    spacing_mm: float
    origin_mm: Float[np.ndarray, " 3"]

    def volume_ml(self, part: np.ndarray) -> float:
        """Return the volume of a map of shares in mL."""
        return float(part.sum(dtype=np.float64) * self.spacing_mm**3 / 1000)

    def at(self, mm: Float[np.ndarray, "3 n"]) -> Float[np.ndarray, "3 n"]:
        """Return where MNI152 positions in mm lie on the grid, in voxels."""
        return (mm - self.origin_mm[:, None]) / np.float32(self.spacing_mm)


@cache
def template() -> Template:
    """Return the template's parts; they are shared and cannot be written to."""
    maps = tissue_maps()
    affine = np.asarray(maps.affine, float)
    spacing, origin = float(affine[0, 0]), affine[:3, 3].astype(np.float32)
    x, y, z = _positions(maps.t1.shape, spacing, origin)
    mask = maps.t1 > 0
    depth = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    depth_mm = ndimage.gaussian_filter(depth.astype(np.float32), 0.7) * np.float32(spacing)
    grey, white = maps.grey * mask, maps.white * mask
    fluid = np.clip(mask - grey - white, 0, 1).astype(np.float32)
    inside = _ventricles(fluid, depth_mm, x, y, z)
    ventricle = fluid * inside
    distance = (ndimage.distance_transform_edt(ventricle < 0.5) * spacing).astype(np.float32)
    grey, white, ventricle = _without_rim(grey, white, ventricle, distance)
    outer = fluid * ~inside
    total = np.maximum(grey + white + ventricle + outer, 1e-6)
    grey, white, ventricle, outer = (np.asarray(v / total * mask, np.float32) for v in (grey, white, ventricle, outer))
    myelin = _residual(maps.t1, grey, white, ventricle + outer, mask)
    sinus = _sinus(depth_mm, x, y, z)
    parts = (grey, white, ventricle, outer, myelin, _iron(x, y, z), sinus, _choroid(ventricle, x, y, z))
    for part in (*parts, distance, depth_mm):
        part.setflags(write=False)
    return Template(*parts, distance, depth_mm, spacing, origin)


def _positions(shape: tuple[int, ...], spacing: float, origin: np.ndarray) -> list[np.ndarray]:
    """Return MNI152 x, y, z in mm, each along its own axis."""
    axes = [origin[k] + np.float32(spacing) * np.arange(n, dtype=np.float32) for k, n in enumerate(shape)]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _ventricles(fluid: Map, depth_mm: Map, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return where fluid is that of the lateral, third or fourth ventricle; boxes part them from the cisterns."""
    side = np.abs(x)
    bodies = (side > 1.5) & (side < 30) & (y > -32) & (y < 38) & (z > -5) & (z < 32) & ((z > 9) | (y > -4))
    bodies &= (side > 4) | (z < 19) & (y > -20) & (y < 22)  # above and before lies the fissure between the hemispheres
    atria = (side > 9) & (side < 36) & (y <= -24) & (y > -62) & (z > -4) & (z < 30)
    temporal = (side > 24) & (side < 40) & (y > -40) & (y < -6) & (z > -24) & (z <= 0)
    third = (side < 5) & (y > -28) & (y < 8) & (z > -13) & (z < 10)
    fourth = (side < 12) & (y > -54) & (y < -36) & (z > -44) & (z < -20)
    deep = (bodies | atria | temporal) & (depth_mm > 20) | third & (depth_mm > 16) | fourth & (depth_mm > 12)
    near = ndimage.binary_dilation(deep & (fluid > 0.45), iterations=2)
    return near & deep & (fluid > 0.05)


def _without_rim(grey: Map, white: Map, ventricle: Map, distance: Map) -> tuple[Map, Map, Map]:
    """Return grey, white and ventricle with the thin grey rim beside ventricles shared among white and fluid."""
    thick = ndimage.grey_opening(grey, size=(4, 4, 4))
    weight = np.clip(1 - distance / _RIM_MM, 0, 1)
    rim = np.maximum(grey - np.maximum(thick, 0.0), 0) * np.minimum(2 * weight, 1)
    to_fluid = rim * np.clip(ndimage.gaussian_filter(ventricle, 1.0) * 1.2, 0, 1)
    return grey - rim, white + rim - to_fluid, ventricle + to_fluid


def _residual(t1: Map, grey: Map, white: Map, fluid: Map, mask: np.ndarray) -> Map:
    """Return what tissue shares leave unexplained of the T1-weighted mean, local, as a share of white matter."""
    shares = np.stack([v[mask] for v in (grey, white, fluid)], 1)
    inner = np.asarray(t1[mask], np.float64)
    means = np.linalg.lstsq(shares, inner, rcond=None)[0]
    rest = np.zeros_like(t1)
    rest[mask] = (inner - shares @ means) / means[1]
    sure = np.asarray((fluid < 0.08) & mask, np.float32)
    near, wide = (
        ndimage.gaussian_filter(rest * sure, sigma) / (ndimage.gaussian_filter(sure, sigma) + 0.05)
        for sigma in (0.9, 8.0)
    )
    return np.asarray(np.clip(near - wide, -0.2, 0.2) * mask, np.float32)


def _ball(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: Sequence[float], radii: Sequence[float]
) -> Map:  # fmt: skip
    """Return a soft ellipsoid on both sides of the midline."""
    squared = sum(((v - c) / r) ** 2 for v, c, r in zip((np.abs(x), y, z), centre, radii, strict=True))
    return np.asarray(1 / (1 + np.exp(np.clip(6 * (np.sqrt(squared) - 1), -30, 30))), np.float32)


def _iron(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Map:
    """Return pallidum, red nucleus, substantia nigra and (half as much) putamen, by their MNI152 places."""
    nuclei = [
        ((18.0, -4.0, -1.0), (6.0, 10.0, 6.0)),
        ((9.0, -17.0, -11.0), (6.0, 6.0, 3.0)),
        ((5.0, -20.0, -7.0), (4.0, 4.0, 4.0)),
    ]
    full = np.max([_ball(x, y, z, c, r) for c, r in nuclei], axis=0)
    return np.asarray(np.maximum(full, 0.5 * _ball(x, y, z, (26.0, 2.0, 1.0), (7.0, 16.0, 10.0))), np.float32)


def _sinus(depth_mm: Map, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Map:
    """Return the superior sagittal sinus (midline, under the vault), the straight sinus and the great vein."""
    vault = np.exp(-((x / 2.6) ** 2)) * np.exp(-(((depth_mm - 2.0) / 2.4) ** 2)) * ((z > 12) | (y < -62) & (z > -16))
    along = np.clip((y + 40) / -45, 0, 1)  # from the great vein at y = -40 to the confluence at y = -85
    straight = np.exp(-((x / 2.2) ** 2)) * np.exp(-(((z - (10 - 22 * along)) / 2.4) ** 2)) * ((y < -38) & (y > -88))
    return np.asarray(np.maximum(vault, straight), np.float32)


def _choroid(ventricle: Map, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Map:
    """Return the plexus: in the atria, less along the bodies' floor."""
    atria = _ball(x, y, z, (20.0, -40.0, 10.0), (7.0, 8.0, 8.0))
    floor = 0.6 * _ball(x, y, z, (6.0, -12.0, 15.0), (4.0, 18.0, 4.0))
    return np.asarray(np.maximum(atria, floor) * np.clip(2 * ventricle, 0, 1), np.float32)


def in_location(place: TumourLocation, mm: Float[np.ndarray, "3 n"]) -> np.ndarray:
    """Return which MNI152 positions lie in a part of the brain, whose bounds are planes (no atlas: about a centimetre).

    Args:
        place: the part.
        mm: positions in mm.
    """
    side, y, z = np.abs(mm[0]), mm[1], mm[2]
    lobes = {
        TumourLocation.frontal: (y > -12) & (z > -12) & ~((side > 28) & (z < 4)) & ~_deep(side, y, z),
        TumourLocation.temporal: (side > 28) & (z < 4) & (y < 12) & (y > -55) & (z > -40),
        TumourLocation.parietal: (y < -20) & (y > -68) & (z > 24),
        TumourLocation.occipital: (y < -68) & (z > -12) & (z < 34),
        TumourLocation.deep: _deep(side, y, z),
        TumourLocation.cerebellum: (y < -44) & (z < -22),
    }
    return np.asarray(lobes[place])


def _deep(side: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.asarray((side > 7) & (side < 34) & (y > -30) & (y < 18) & (z > -8) & (z < 20))
