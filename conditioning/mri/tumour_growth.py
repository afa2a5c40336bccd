"""Where a tumour grows in a brain: core, necrosis in it, oedema that follows white matter, and how it pushes.

The core is a ball made irregular by noise, cut where its volume is the one asked for. Oedema reaches as far as a path
of the stated length through white matter; through grey matter the same length costs more, through fluid far more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from .anatomy_warp import smooth_noise
from .phantom_condition import Tumour

_COST = {"white": 1.0, "grey": 2.4, "fluid": 9.0}


@dataclass(frozen=True)
class Seed:
    """One tumour before it grows.

    Attributes:
        centre_mm: in the patient's space.
        size_mm: diameter of a ball with the core's volume.
        necrosis_share: share of the core that is necrosis, or a cyst.
        oedema_mm: reach of the oedema in white matter.
        kind: what grows.
        push: how much of its radius tissue is pushed away by, 0 to 0.6.
        mni_mm: where in the template the centre's voxel comes from.
    """

    centre_mm: Float[np.ndarray, " 3"]
    size_mm: float
    necrosis_share: float
    oedema_mm: float
    kind: Tumour
    push: float
    mni_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Growth:
    """What grew, in shares of each voxel of a box of the grid.

    Attributes:
        box: slices of the grid.
        core: share of tumour, float32 (x, y, z).
        necrosis: share of necrosis or cyst, a part of the core.
        oedema: share of oedema, none of it in the core.
    """

    box: tuple[slice, slice, slice]
    core: Float[np.ndarray, "x y z"]
    necrosis: Float[np.ndarray, "x y z"]
    oedema: Float[np.ndarray, "x y z"]


def pushed_back(mm: Float[np.ndarray, "3 n"], seed: Seed) -> Float[np.ndarray, "3 n"]:
    """Return where what lies at `mm` lay before the tumour pushed it: r (1 - push exp(-(r / L)^2)) from its centre.

    One-to-one, because the new radius grows with the old one for any push below 1.

    Args:
        mm: positions in mm.
        seed: the tumour.
    """
    away = mm - seed.centre_mm[:, None].astype(np.float32)
    reach = 0.65 * seed.size_mm + 0.5 * min(seed.oedema_mm, 15.0) + 4.0
    squared = (away**2).sum(0) / np.float32(reach**2)
    return np.asarray(mm - away * (np.float32(seed.push) * np.exp(-squared)), np.float32)


def grow(
    seed: Seed,
    spacing_mm: float,
    origin_mm: Float[np.ndarray, " 3"],
    tissues: dict[str, Float[np.ndarray, "x y z"]],
    rng: np.random.Generator,
) -> Growth:
    """Grow one tumour.

    Args:
        seed: where and how large.
        spacing_mm: of the grid.
        origin_mm: of the grid's first voxel.
        tissues: shares of `white`, `grey` and `fluid` on the whole grid; nothing grows where all are 0.
        rng: random stream.
    """
    box, mm = _box(seed, spacing_mm, origin_mm, tissues["white"].shape)
    white, grey, fluid = (tissues[name][box] for name in ("white", "grey", "fluid"))
    room = white + grey + fluid > 0.5
    noise = [smooth_noise(rng, room.shape, mm_ / spacing_mm) for mm_ in (7.0, 3.5, 3.0)]
    level = _core_level(seed, mm, noise, fluid, rng)
    level[~room] = np.inf
    volume = np.pi / 6 * seed.size_mm**3 / spacing_mm**3
    cut = _cut(level, volume)
    body = _largest(level <= cut)
    soft = spacing_mm / (0.5 * seed.size_mm)  # change of level over one voxel
    core = np.asarray(np.clip(0.5 + (cut - level) / soft, 0, 1) * ndimage.binary_dilation(body), np.float32)
    necrosis = _necrosis(seed, level + 0.16 * noise[2], core, soft)
    reach = _reach(seed, body, white, grey, fluid, spacing_mm, noise[0])
    tissue = np.clip(white + grey, 0, 1)
    return Growth(box, core, necrosis, np.asarray(reach * tissue * (1 - core) * room, np.float32))


def _box(
    seed: Seed, spacing_mm: float, origin_mm: np.ndarray, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice, slice], list[np.ndarray]]:
    """Return the part of the grid that the tumour can reach, and positions in it relative to its centre, in mm."""
    radius = 0.8 * seed.size_mm + 1.2 * seed.oedema_mm + 2 * spacing_mm
    middle = (seed.centre_mm - origin_mm) / spacing_mm
    low = np.maximum(np.floor(middle - radius / spacing_mm), 0).astype(int)
    high = np.minimum(np.ceil(middle + radius / spacing_mm) + 1, shape).astype(int)
    axes = [(np.arange(a, b) - m) * spacing_mm for a, b, m in zip(low, high, middle, strict=True)]
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (x, y, z), list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _core_level(
    seed: Seed, mm: list[np.ndarray], noise: list[np.ndarray], fluid: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return distance from the centre in radii, made irregular; a metastasis is rounder, and fluid holds growth up."""
    rough = {Tumour.metastasis: 0.07, Tumour.high_grade: 0.17}.get(seed.kind, 0.20)
    stretch = np.exp(rough * rng.standard_normal(3))
    stretch /= np.prod(stretch) ** (1 / 3)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    along = [sum(turn[k, j] * mm[j] for j in range(3)) / stretch[k] for k in range(3)]
    radii = np.sqrt(sum(a**2 for a in along)) / (0.5 * seed.size_mm)
    return np.asarray(radii + rough * noise[0] + 0.5 * rough * noise[1] + 0.7 * fluid, np.float32)


def _cut(level: Float[np.ndarray, "x y z"], voxels: float) -> float:
    """Return the level below which lie so many voxels, or all that there are."""
    finite = level[np.isfinite(level)]
    count = int(np.clip(round(voxels), 1, max(finite.size - 1, 1)))
    return float(np.partition(finite, count - 1)[count - 1])


def _largest(body: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Return the largest connected part."""
    labels, n = ndimage.label(body)
    if n < 2:
        return body
    return np.asarray(labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:])))


def _necrosis(seed: Seed, level: np.ndarray, core: np.ndarray, soft: float) -> Float[np.ndarray, "x y z"]:
    """Return the share of the core's inner part that has died."""
    inside = core > 0.5
    if seed.necrosis_share <= 0 or not inside.any():
        return np.zeros_like(core)
    cut = float(np.quantile(level[inside], seed.necrosis_share))
    return np.asarray(np.clip(0.5 + (cut - level) / soft, 0, 1) * core, np.float32)


def _reach(
    seed: Seed, body: np.ndarray, white: np.ndarray, grey: np.ndarray, fluid: np.ndarray, spacing_mm: float,
    noise: np.ndarray,
) -> Float[np.ndarray, "x y z"]:  # fmt: skip
    """Return the share to which oedema has reached: the cheapest path from the core, by tissue."""
    from skimage.graph import MCP_Geometric

    if seed.oedema_mm <= 0 or not body.any():
        return np.zeros_like(white)
    nothing = np.clip(1 - white - grey - fluid, 0, 1)
    cost = _COST["white"] * white + _COST["grey"] * grey + _COST["fluid"] * fluid + 50.0 * nothing
    cost = cost * np.exp(0.35 * noise)
    edge = body & ~ndimage.binary_erosion(body)
    paths = MCP_Geometric(cost, sampling=(spacing_mm,) * 3)
    length, _ = paths.find_costs(np.argwhere(edge))
    length[body] = 0
    return np.asarray(np.clip(0.5 + (seed.oedema_mm - length) / (1.5 * spacing_mm), 0, 1), np.float32)
