"""Radiomics-style features of images and volumes: first order, co-occurrence, run lengths and, of a mask, its shape.

Grey levels are counted in steps of one common range, so features of two data sets are of one kind. A Fréchet distance
between such features, put on the real rows' mean and spread, is what the literature calls FRD (up to its logarithm and
its filters): it stays steady with few samples, and a radiologist knows what the features mean.

Source: Haralick et al. 1973 (co-occurrence); Galloway 1975 (runs); Zwanenburg et al. 2020 for the names and formulae
(Image Biomarker Standardisation Initiative); Konz et al. 2024, arXiv 2412.01496.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from .texture import value_range

LEVELS = 32
FIRST_ORDER = (
    "mean", "sd", "skewness", "kurtosis", "p10", "median", "p90", "interquartile", "mean_absolute_deviation", "rms",
    "entropy", "uniformity",
)  # fmt: skip
CO_OCCURRENCE = (
    "joint_energy", "joint_entropy", "contrast", "dissimilarity", "inverse_difference_moment", "correlation",
    "cluster_shade", "cluster_prominence",
)  # fmt: skip
RUNS = (
    "short_run_emphasis", "long_run_emphasis", "grey_level_non_uniformity", "run_length_non_uniformity",
    "run_percentage", "low_grey_run_emphasis", "high_grey_run_emphasis",
)  # fmt: skip
SHAPE = ("size", "surface_to_size", "compactness", "elongation", "flatness", "filled_of_box")
NAMES = tuple(
    f"{family}_{name}"
    for family, names in (("first_order", FIRST_ORDER), ("glcm", CO_OCCURRENCE), ("glrlm", RUNS))
    for name in names
)
SHAPE_NAMES = tuple(f"shape_{name}" for name in SHAPE)


def radiomics(
    x: Num[np.ndarray, "n ..."], masks: Bool[np.ndarray, "n ..."] | None = None, *,
    limits: tuple[float, float] | None = None, spacing: Sequence[float] | None = None,
) -> Float[np.ndarray, "n features"]:  # fmt: skip
    """Return the features of images (n, y, x) or volumes (n, z, y, x); columns as `NAMES`, then `SHAPE_NAMES`.

    Args:
        x: grey values, finite.
        masks: where to look, and what the shape is of; everywhere, and no shape, when left out.
        limits: values that the lowest and the highest grey level stand for; give one pair to all data sets compared.
            Those of all but a thousandth of the values when left out.
        spacing: edges of a pixel in mm, slowest axis first; 1 each when left out.

    Returns:
        A row each; NaN where a mask is empty.

    Raises:
        ValueError: neither images nor volumes, masks of another shape, or values that are not finite.
    """
    if x.ndim not in (3, 4):
        raise ValueError(f"arrays have the shape {x.shape}; images are (n, y, x) and volumes (n, z, y, x)")
    if masks is not None and masks.shape != x.shape:
        raise ValueError(f"masks have the shape {masks.shape}, images {x.shape}; they must be the same")
    if not np.isfinite(x).all():
        raise ValueError(f"{int((~np.isfinite(x)).sum())} values are not finite")
    low, high = value_range(x) if limits is None else limits
    edges = np.ones(x.ndim - 1) if spacing is None else np.asarray(spacing, dtype=float)
    out = np.full((len(x), len(NAMES) + (0 if masks is None else len(SHAPE_NAMES))), np.nan)
    for k, one in enumerate(x):
        mask = np.ones(one.shape, bool) if masks is None else masks[k]
        if not mask.any():
            continue
        level = grey_levels(one, low, high)
        parts = [first_order(one[mask].astype(np.float64), level[mask]), co_occurrence(level, mask), runs(level, mask)]
        if masks is not None:
            parts.append(shape(mask, edges))
        out[k] = np.concatenate(parts)
    return out


def grey_levels(
    x: Num[np.ndarray, "*space"], low: float, high: float, levels: int = LEVELS
) -> Int[np.ndarray, "*space"]:
    """Return the grey level of each value, 0 to `levels` - 1; values outside the limits take the end's."""
    scaled = (x.astype(np.float64) - low) / max(high - low, 1e-300) * levels
    return np.clip(np.floor(scaled), 0, levels - 1).astype(np.int64)


def first_order(values: Float[np.ndarray, " n"], level: Int[np.ndarray, " n"]) -> Float[np.ndarray, " features"]:
    """Return what values say without their places; entropy and uniformity are of grey levels."""
    mean, sd = values.mean(), values.std()
    z = (values - mean) / sd if sd > 1e-12 * max(1.0, abs(mean)) else np.zeros_like(values)
    p10, q1, median, q3, p90 = np.quantile(values, [0.1, 0.25, 0.5, 0.75, 0.9])
    share = np.bincount(level, minlength=LEVELS) / len(level)
    return np.array(
        [
            mean, sd, (z**3).mean(), (z**4).mean(), p10, median, p90, q3 - q1, np.abs(values - mean).mean(),
            np.sqrt((values**2).mean()), _entropy(share), (share**2).sum(),
        ]
    )  # fmt: skip


def directions(axes: int) -> tuple[tuple[int, ...], ...]:
    """Return one step to each neighbour, of opposite ones only one: 4 in an image, 13 in a volume."""
    steps = itertools.product((-1, 0, 1), repeat=axes)
    return tuple(step for step in steps if next((s for s in step if s), 0) > 0)


def co_occurrence_matrix(
    level: Int[np.ndarray, "*space"], mask: Bool[np.ndarray, "*space"], step: Sequence[int], levels: int = LEVELS
) -> Float[np.ndarray, "levels levels"]:
    """Return the shares of pairs of levels one step apart, either way round; zeros where there is no pair."""
    here, there = _shifted(step, level.shape)
    both = mask[here] & mask[there]
    pair = level[here][both] * levels + level[there][both]
    count = np.bincount(pair, minlength=levels**2).reshape(levels, levels).astype(float)
    count += count.T.copy()
    return count / max(count.sum(), 1)


def co_occurrence(level: Int[np.ndarray, "*space"], mask: Bool[np.ndarray, "*space"]) -> Float[np.ndarray, " features"]:
    """Return features of neighbouring grey levels, averaged over directions."""
    i, j = np.mgrid[:LEVELS, :LEVELS]
    rows = []
    for step in directions(level.ndim):
        p = co_occurrence_matrix(level, mask, step)
        if not p.any():
            continue
        mean, gap = (i * p).sum(), np.abs(i - j)
        variance = ((i - mean) ** 2 * p).sum()
        correlation = ((i - mean) * (j - mean) * p).sum() / variance if variance > 0 else 1.0
        cluster = i + j - 2 * mean
        rows.append(
            [
                (p**2).sum(), _entropy(p), (gap**2 * p).sum(), (gap * p).sum(), (p / (1 + gap**2)).sum(), correlation,
                (cluster**3 * p).sum(), (cluster**4 * p).sum(),
            ]
        )  # fmt: skip
    return np.mean(rows, axis=0) if rows else np.full(len(CO_OCCURRENCE), np.nan)


def run_lengths(
    level: Int[np.ndarray, "*space"], mask: Bool[np.ndarray, "*space"], step: Sequence[int]
) -> tuple[Int[np.ndarray, " runs"], Int[np.ndarray, " runs"]]:
    """Return level and length of each run of equal levels along a direction, within the mask."""
    here, there = _shifted(step, level.shape)
    goes_on = np.zeros(level.shape, bool)
    goes_on[here] = mask[here] & mask[there] & (level[here] == level[there])
    comes_from = np.zeros(level.shape, bool)
    comes_from[there] = goes_on[here]
    at = np.argwhere(mask & ~comes_from)
    values, length = level[tuple(at.T)], np.ones(len(at), np.int64)
    alive, place = np.arange(len(at)), at
    while len(alive):
        further = goes_on[tuple(place.T)]
        alive, place = alive[further], place[further] + np.asarray(step)
        length[alive] += 1
    return values, length


def runs(level: Int[np.ndarray, "*space"], mask: Bool[np.ndarray, "*space"]) -> Float[np.ndarray, " features"]:
    """Return features of run lengths, averaged over directions."""
    rows, voxels = [], int(mask.sum())
    for step in directions(level.ndim):
        values, length = run_lengths(level, mask, step)
        n, grey = len(length), values + 1.0
        by_level, by_length = np.bincount(values), np.bincount(length)
        rows.append(
            [
                (1.0 / length**2).mean(), (length**2.0).mean(), (by_level**2).sum() / n, (by_length**2).sum() / n,
                n / voxels, (1 / grey**2).mean(), (grey**2).mean(),
            ]
        )  # fmt: skip
    return np.mean(rows, axis=0)


def shape(mask: Bool[np.ndarray, "*space"], spacing: Float[np.ndarray, " axes"]) -> Float[np.ndarray, " features"]:
    """Return the shape of a mask: size, surface over size, compactness, elongation, flatness, share of its box.

    Size is in mm^2 or mm^3. The surface (outline in an image) is that of a mesh at half height (marching cubes or
    squares). Compactness is 1 for a ball or disc and less for all else. Elongation and flatness are the spreads along
    the second and the last principal axis over that along the first; 1 where they are equal.
    """
    padded = np.pad(mask, 1).astype(np.float32)
    size = float(mask.sum() * np.prod(spacing))
    surface = _surface(padded, spacing)
    at = np.argwhere(mask)
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(np.atleast_2d(np.cov(at.T * spacing[:, None], bias=True))), 0))[::-1]
    box = float(np.prod((at.max(axis=0) - at.min(axis=0) + 1) * spacing))
    if mask.ndim == 2:
        compact = 2 * np.sqrt(np.pi * size) / surface if surface > 0 else np.nan
    else:
        compact = np.pi ** (1 / 3) * (6 * size) ** (2 / 3) / surface if surface > 0 else np.nan
    longest = spread[0] if spread[0] > 0 else np.nan
    return np.array([size, surface / size, compact, spread[1] / longest, spread[-1] / longest, size / box])


def _surface(padded: np.ndarray, spacing: np.ndarray) -> float:
    from skimage import measure

    if padded.ndim == 2:
        lines = measure.find_contours(padded, 0.5)
        return float(sum(np.linalg.norm(np.diff(line * spacing, axis=0), axis=1).sum() for line in lines))
    vertices, faces, _, _ = measure.marching_cubes(padded, 0.5, spacing=tuple(spacing))
    return float(measure.mesh_surface_area(vertices, faces))


def _shifted(step: Sequence[int], shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of all places that have a neighbour one step on, and of those neighbours."""
    here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, shape, strict=True))
    there = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, shape, strict=True))
    return here, there


def _entropy(share: np.ndarray) -> float:
    p = share[share > 0]
    return float(-(p * np.log2(p)).sum())
