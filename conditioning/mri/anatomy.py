"""A patient's brain: the share of each tissue in every voxel, and the labels of what grew in it.

The template is brought into the patient's head (`anatomy_map`), its shares are made as crisp as one person's and given
gyri of their own, fluid spaces get their age's volume, and tumours grow and push (`tumour_growth`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from ..seeds import stream
from .anatomy_ageing import draw_volumes
from .anatomy_map import COARSE_MM, BrainMap, draw_map
from .anatomy_template import in_location, template
from .anatomy_warp import sample, smooth_noise, upsample
from .phantom_condition import BrainPhantomCondition, Side, Tumour
from .tissue import INDEX, TISSUES, Tissue
from .tumour_growth import Growth, Seed, grow, pushed_back

_CRISP = 2.1  # power of the template's shares, which are means over many people
_OWN_FOLDS = 0.8  # spread of the log shares over the places of one person's gyri
LABELS = {Tissue.necrosis: 1, Tissue.tumour: 1, Tissue.oedema: 2, Tissue.enhancing: 3}


@dataclass(frozen=True)
class Anatomy:
    """A brain on its grid; arrays of `n` hold the voxels inside the mask, in its order.

    Attributes:
        mask: brain with its fluid.
        shares: share of each tissue of `TISSUES`, float32 (tissues, n); they add up to 1.
        edge: what skull stripping left of each voxel, 1 inside.
        myelin: how much brighter than its tissue's mean T1 weighting shows a place.
        iron: share of iron-rich nuclei.
        labels: 0 none, 1 necrosis or tumour that does not enhance, 2 oedema, 3 enhancing.
        affine: voxel to world in mm, RAS.
        spacing_mm: size of a voxel.
        least_jacobian: least determinant of the deformation's Jacobian.
        seeds: the tumours.
        ventricles_ml: fluid in the ventricles.
    """

    mask: Bool[np.ndarray, "x y z"]
    shares: Float[np.ndarray, "tissues n"]
    edge: Float[np.ndarray, " n"]
    myelin: Float[np.ndarray, " n"]
    iron: Float[np.ndarray, " n"]
    labels: UInt8[np.ndarray, "x y z"]
    affine: Float[np.ndarray, "4 4"]
    spacing_mm: float
    least_jacobian: float
    seeds: tuple[Seed, ...]
    ventricles_ml: float

    @property
    def voxel_ml(self) -> float:
        """Return the volume of one voxel."""
        return self.spacing_mm**3 / 1000

    def volume_ml(self, tissue: Tissue) -> float:
        """Return how much there is of a tissue."""
        return float(self.shares[INDEX[tissue]].sum(dtype=np.float64)) * self.voxel_ml

    def on_grid(self, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, "x y z"]:
        """Return values of the mask's voxels as a volume that is 0 elsewhere."""
        volume = np.zeros(self.mask.shape, np.float32)
        volume[self.mask] = values
        return volume


@dataclass
class _Grid:
    """Voxels of the patient's space: those of the template's box, at any spacing."""

    spacing_mm: float
    shape: tuple[int, int, int]
    origin_mm: np.ndarray

    def mm(self, flat: np.ndarray) -> Float[np.ndarray, "3 n"]:
        index = np.stack(np.unravel_index(flat, self.shape)).astype(np.float32)
        return np.asarray(index * np.float32(self.spacing_mm) + self.origin_mm[:, None], np.float32)

    def back(self, head: BrainMap, seeds: Sequence[Seed] = ()) -> Float[np.ndarray, "3 n"]:
        """Return where all voxels come from in the template, in mm; the smooth map is made coarsely, then refined."""
        sides = [max(int(np.ceil(n * self.spacing_mm / COARSE_MM)), 2) + 2 for n in self.shape]
        index = np.indices(sides, dtype=np.float32).reshape(3, -1) - 1
        mm = np.asarray(index * np.float32(COARSE_MM) + self.origin_mm[:, None], np.float32)
        for seed in seeds:
            mm = pushed_back(mm, seed)
        places = tuple(1 + np.arange(n) * self.spacing_mm / COARSE_MM for n in self.shape)
        return np.stack([upsample(part.reshape(sides), places).ravel() for part in head.back(mm)])


def build(condition: BrainPhantomCondition, seed: int) -> Anatomy:
    """Return the brain of a complete condition (`phantom_prior.complete`) and a patient's seed."""
    c, base = condition, template()
    grid = _grid(c.spacing_mm)
    whole = base.volume_ml(base.grey + base.white + base.ventricle + base.outer)
    assert c.sex is not None and c.age_years is not None and c.ventricles_ml is not None
    young = base.volume_ml(base.ventricle) / whole
    volumes = draw_volumes(c.sex, c.age_years, young, stream(seed, "mri.volumes"))
    head = draw_map(stream(seed, "mri.shape"), volumes.intracranial_ml, c.ventricles_ml / volumes.intracranial_ml)
    calm = grid.back(head)
    mask, inside, edge = _mask(calm, grid, stream(seed, "mri.skull_strip"))
    seeds = _seeds(c, grid.mm(inside), calm[:, inside], stream(seed, "mri.tumours"))
    at = base.at((grid.back(head, seeds) if seeds else calm)[:, inside])
    shares, ventricles = _normal(at, mask, grid, volumes.outer_ml, stream(seed, "mri.folds"))
    rng = stream(seed, "mri.growth")
    shares = _aged(shares, at, mask, grid, c.hyperintensities_ml or 0.0, stream(seed, "mri.ageing"))
    shares = _with_vessels(shares, at, mask, grid, stream(seed, "mri.vessels"))
    growths = [(s, grow(s, grid.spacing_mm, grid.origin_mm, _room(shares, mask), rng)) for s in seeds]
    strength = float(rng.uniform(0.65, 1.0))
    labels = np.zeros(grid.shape, np.uint8)
    for tumour, growth in growths:
        _place(shares, labels, mask, tumour, growth, strength)
    affine = np.diag([grid.spacing_mm] * 3 + [1.0])
    affine[:3, 3] = grid.origin_mm
    return Anatomy(
        mask, shares, edge, sample(base.myelin, at), sample(base.iron, at), labels, affine, grid.spacing_mm,
        head.least_jacobian, seeds, ventricles * grid.spacing_mm**3 / 1000,
    )  # fmt: skip


def _grid(spacing_mm: float) -> _Grid:
    base = template()
    edges = np.array(base.grey.shape) * base.spacing_mm
    x, y, z = (max(int(round(edge / spacing_mm)), 1) for edge in edges)
    origin = base.origin_mm + (edges - np.array([x, y, z]) * spacing_mm) / 2 + (spacing_mm - base.spacing_mm) / 2
    return _Grid(spacing_mm, (x, y, z), origin.astype(np.float32))


def _mask(mni: np.ndarray, grid: _Grid, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what skull stripping leaves: the mask, its voxels' flat numbers, and how much of each voxel is kept.

    It cuts at a depth that varies, and stripped voxels that are resampled get a dark edge.
    """
    base = template()
    depth = sample(base.depth_mm, base.at(mni), outside=-10.0)
    rough = smooth_noise(rng, grid.shape, 12.0 / grid.spacing_mm).ravel()
    left = depth - 0.8 * rough - rng.uniform(-0.7, 1.8)
    mask = (left > 0).reshape(grid.shape)
    inside = np.flatnonzero(mask)
    return mask, inside, np.asarray(np.clip(left[inside] / rng.uniform(0.5, 3.5) + 0.05, 0, 1), np.float32)


def _seeds(c: BrainPhantomCondition, mm: np.ndarray, mni: np.ndarray, rng: np.random.Generator) -> tuple[Seed, ...]:
    """Return the tumours' seeds: the largest where the condition says, others anywhere in white or grey matter."""
    if c.tumour in (None, Tumour.none):
        return ()
    assert c.tumour is not None and c.tumour_size_mm and c.tumour_location is not None
    base = template()
    depth, white = sample(base.depth_mm, base.at(mni)), sample(base.white, base.at(mni))
    side = mni[0] < -5 if c.tumour_side is Side.left else mni[0] > 5
    first = in_location(c.tumour_location, mni) & side
    found: list[Seed] = []
    for k in range(c.tumour_count or 1):
        size = c.tumour_size_mm if k == 0 else c.tumour_size_mm * float(rng.uniform(0.3, 0.9))
        size = max(size, 5.0)
        near = (depth > min(0.42 * size, 16.0)) & (white > 0.4) & _apart(mm, found, size)
        places = np.flatnonzero(near & (first if k == 0 else True))
        if not places.size and k == 0:
            places = np.flatnonzero(first & (depth > 6))
        if not places.size:
            continue
        chosen = int(places[rng.integers(places.size)])
        x, y, z = (float(v) for v in mni[:, chosen])
        centre = mm[:, chosen].astype(float) + rng.uniform(-1, 1, 3)
        push = float(rng.uniform(*{Tumour.low_grade: (0.05, 0.3)}.get(c.tumour, (0.15, 0.5))))
        oedema = (c.oedema_mm or 0.0) * (1.0 if k == 0 else float(rng.uniform(0.2, 1.0)))
        found.append(Seed(centre, size, c.necrosis_share or 0.0, oedema, c.tumour, push, (x, y, z)))
    return tuple(found)


def _apart(mm: np.ndarray, others: Sequence[Seed], size_mm: float) -> np.ndarray:
    """Return which positions are far enough from other tumours."""
    far = np.ones(mm.shape[1], bool)
    for other in others:
        distance = np.sqrt(((mm - other.centre_mm[:, None]) ** 2).sum(0))
        far &= distance > 0.6 * (size_mm + other.size_mm) + 4
    return far


def _noise(rng: np.random.Generator, grid: _Grid, mask: np.ndarray, mm: float) -> Float[np.ndarray, " n"]:
    return smooth_noise(rng, grid.shape, mm / grid.spacing_mm)[mask]


def _normal(
    at: np.ndarray, mask: np.ndarray, grid: _Grid, outer_ml: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "tissues n"], float]:
    """Return the shares of a healthy brain, and how many voxels of fluid lie in ventricles."""
    base = template()
    parts = np.stack([sample(part, at) for part in (base.grey, base.white, base.outer, base.ventricle)])
    levels = np.float32(_CRISP) * np.log(parts + np.float32(0.015))
    for k in range(3):
        levels[k] += np.float32(_OWN_FOLDS) * _noise(rng, grid, mask, 2.2)
    levels = np.exp(levels - levels.max(0))
    low, high = -4.0, 4.0
    wanted = outer_ml / grid.spacing_mm**3 * 1000
    for _ in range(14):  # sulci widen until the fluid has its volume
        middle = (low + high) / 2
        fluid = levels[2] * np.float32(math.exp(middle))
        if float((fluid / (levels[0] + levels[1] + levels[3] + fluid)).sum()) < wanted:
            low = middle
        else:
            high = middle
    levels[2] *= np.float32(math.exp((low + high) / 2))
    levels /= levels.sum(0)
    shares = np.zeros((len(TISSUES), levels.shape[1]), np.float32)
    shares[INDEX[Tissue.grey]], shares[INDEX[Tissue.white]] = levels[0], levels[1]
    shares[INDEX[Tissue.fluid]] = levels[2] + levels[3]
    plexus = np.minimum(0.45 * sample(base.choroid, at), levels[3])
    _move(shares, plexus, Tissue.plexus, (Tissue.fluid,))
    return shares, float(levels[3].sum(dtype=np.float64))


def _move(shares: np.ndarray, amount: np.ndarray, to: Tissue, sources: tuple[Tissue, ...]) -> None:
    """Turn `amount`, a share of the whole voxel, of the sources into another tissue, in proportion."""
    there = np.sum([shares[INDEX[s]] for s in sources], axis=0)
    part = np.clip(amount / np.maximum(there, 1e-6), 0, 1)
    for source in sources:
        shares[INDEX[source]] *= 1 - part
    shares[INDEX[to]] += part * there


def _aged(
    shares: np.ndarray, at: np.ndarray, mask: np.ndarray, grid: _Grid, volume_ml: float, rng: np.random.Generator
) -> np.ndarray:
    """Return shares with the hyperintensities of age: caps and bands on the ventricles, spots in deep white matter."""
    white = shares[INDEX[Tissue.white]]
    distance = sample(template().ventricle_mm, at)
    deep = sample(template().depth_mm, at)
    score = 2.2 * np.exp(-distance / 3.5) + 0.75 * _noise(rng, grid, mask, 3.0) + np.clip(deep / 25, 0, 1)
    score[white < 0.55] = -9
    wanted = int(volume_ml / grid.spacing_mm**3 * 1000 * 1.3)
    if wanted < 2:
        return shares
    cut = np.partition(score, -min(wanted, score.size - 1))[-min(wanted, score.size - 1)]
    _move(shares, white * np.clip(0.5 + (score - cut) / 0.5, 0, 1) * 0.9, Tissue.hyperintensity, (Tissue.white,))
    return shares


def _with_vessels(
    shares: np.ndarray, at: np.ndarray, mask: np.ndarray, grid: _Grid, rng: np.random.Generator
) -> np.ndarray:
    """Return shares with blood: large veins along the midline, and tubes in the fluid around the brain.

    A tube is where two smooth noises are both near 0.
    """
    sinus = sample(template().sinus, at) * np.float32(rng.uniform(0.2, 1.0))
    _move(shares, sinus, Tissue.blood, (Tissue.fluid, Tissue.grey))
    a, b = _noise(rng, grid, mask, 4.0), _noise(rng, grid, mask, 4.0)
    width = rng.uniform(0.14, 0.28)
    tube = np.exp(-(a**2 + b**2) / (2 * width**2)) * np.clip(1.6 * shares[INDEX[Tissue.fluid]], 0, 1)
    distance = sample(template().ventricle_mm, at)
    _move(shares, np.asarray(tube * (distance > 5), np.float32), Tissue.blood, (Tissue.fluid, Tissue.grey))
    return shares


def _room(shares: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    names = {
        "white": (Tissue.white, Tissue.hyperintensity),
        "grey": (Tissue.grey,),
        "fluid": (Tissue.fluid, Tissue.blood),
    }
    room = {}
    for name, tissues in names.items():
        room[name] = np.zeros(mask.shape, np.float32)
        room[name][mask] = np.sum([shares[INDEX[t]] for t in tissues], axis=0)
    return room


def _place(
    shares: np.ndarray, labels: np.ndarray, mask: np.ndarray, seed: Seed, growth: Growth, strength: float
) -> None:
    """Put a tumour's parts in place of what was there, and label what fills half a voxel or more."""
    numbers = np.full(mask.shape, -1, np.int32)
    numbers[mask] = np.arange(shares.shape[1], dtype=np.int32)
    inner = numbers[growth.box]
    here = inner >= 0
    voxels = inner[here]
    core, dead, wet = growth.core[here], growth.necrosis[here], growth.oedema[here]
    local = shares[:, voxels]
    fresh = wet * strength * (1 - local[INDEX[Tissue.oedema]])
    _move(local, fresh, Tissue.oedema, (Tissue.white, Tissue.grey, Tissue.hyperintensity))
    local *= 1 - core
    local[INDEX[Tissue.necrosis]] += dead
    solid = Tissue.tumour if seed.kind is Tumour.low_grade else Tissue.enhancing
    local[INDEX[solid]] += core - dead
    shares[:, voxels] = local / local.sum(0)
    label = np.where(wet > 0.5, LABELS[Tissue.oedema], 0)
    label = np.where(core > 0.5, np.where(dead > core - dead, LABELS[Tissue.necrosis], LABELS[solid]), label)
    view = labels[growth.box]
    old = view[here]
    view[here] = np.where((core > 0.5) | (old == 0), label, old).astype(np.uint8)
