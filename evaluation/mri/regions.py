"""Where in a brain a figure is taken: brain, tumour, healthy tissue, and the tumour's three nested parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer, Num

NECROSIS, OEDEMA, ENHANCING = 1, 2, 3
REGIONS = ("brain", "tumour", "healthy")
PARTS: Mapping[str, tuple[int, ...]] = {
    "ET": (ENHANCING,),
    "TC": (NECROSIS, ENHANCING),
    "WT": (NECROSIS, OEDEMA, ENHANCING),
}  # enhancing tumour, tumour core, whole tumour: of BraTS


def brain_of(volumes: Mapping[Any, Num[np.ndarray, "x y z"]]) -> Bool[np.ndarray, "x y z"]:
    """Return the voxels of the brain: those where a contrast of a skull-stripped patient is not 0.

    Raises:
        ValueError: no volume, volumes of several shapes, or nothing but 0.
    """
    shapes = {np.shape(v) for v in volumes.values()}
    if len(shapes) != 1:
        said = " and ".join(sorted(" x ".join(map(str, s)) for s in shapes)) or "no volume"
        raise ValueError(f"a brain is found in volumes of one grid; got {said}")
    brain = np.any([np.asarray(v) != 0 for v in volumes.values()], axis=0)
    if not brain.any():
        raise ValueError(f"{', '.join(volumes)}: all voxels are 0; there is no brain in them")
    return np.asarray(brain)


def regions_of(
    brain: Bool[np.ndarray, "x y z"], labels: Integer[np.ndarray, "x y z"] | None = None
) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """Return the brain, and with labels of the tumour also `tumour` and `healthy`; an empty region is left out."""
    found = {"brain": brain}
    if labels is not None:
        tumour = labels > 0
        found |= {"tumour": tumour & brain, "healthy": brain & ~tumour}
    return {name: region for name, region in found.items() if region.any()}


def tumour_parts(labels: Integer[np.ndarray, "x y z"]) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """Return ET, TC and WT from labels 1 (necrosis), 2 (oedema) and 3 (enhancing).

    Raises:
        ValueError: another label, such as the 4 of older BraTS, which readers turn into 3.
    """
    strange = sorted(set(np.unique(labels).tolist()) - {0, NECROSIS, OEDEMA, ENHANCING})
    if strange:
        raise ValueError(f"label {strange[0]} is none of 0, 1 (necrosis), 2 (oedema), 3 (enhancing)")
    return {part: np.isin(labels, of) for part, of in PARTS.items()}
