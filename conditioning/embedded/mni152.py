"""The MNI152 template's T1 image and its grey and white matter maps at 2 mm, from which phantom brains are made.

Source: Fonov et al., "Unbiased average age-appropriate atlases for pediatric studies", NeuroImage 54:313 (2011); the
ICBM152 2009a nonlinear symmetric template. `mni152_2mm/README.md` says what was changed, `NOTICE` on what terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

_DATA = files(__package__ or "clinsynth.conditioning.embedded") / "mni152_2mm"


@dataclass(frozen=True)
class TissueMaps:
    """The template, RAS axes, 98 x 116 x 94 voxels of 2 mm; what is no brain is 0 in all three.

    Attributes:
        t1: T1-weighted mean brain, float32 (x, y, z), 0 to 1; fluid is dark, white matter bright.
        grey: probability of grey matter, float32 (x, y, z).
        white: probability of white matter, float32 (x, y, z).
        affine: voxel to MNI152 space in mm, 4 x 4.
    """

    t1: Float[np.ndarray, "x y z"]
    grey: Float[np.ndarray, "x y z"]
    white: Float[np.ndarray, "x y z"]
    affine: Float[np.ndarray, "4 4"]


@cache
def tissue_maps() -> TissueMaps:
    """Return the maps; their arrays are shared and cannot be written to."""
    with (_DATA / "maps.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        affine = stored["affine"]
        shape, offset = stored["shape"], stored["offset"]
        t1, grey, white = (_whole(stored[name], shape, offset) for name in ("t1", "grey", "white"))
    affine.setflags(write=False)
    return TissueMaps(t1, grey, white, affine)


def _whole(cut: np.ndarray, shape: np.ndarray, offset: np.ndarray) -> Float[np.ndarray, "x y z"]:
    """Return a map on the template's whole grid, of which the brain's box is stored in steps of 1/255."""
    whole = np.zeros(tuple(shape), np.float32)
    whole[tuple(slice(a, a + n) for a, n in zip(offset, cut.shape, strict=True))] = cut / np.float32(255)
    whole.setflags(write=False)
    return whole
