"""Brains for tests: an ellipsoid of a brain's size on a coarse grid, its contrasts unlike each other."""

from pathlib import Path

import nibabel
import numpy as np

CONTRASTS = ("t1", "t1ce", "t2", "flair")
SHAPE, STEP_MM = (22, 26, 20), 8.0
AFFINE = np.array([[-STEP_MM, 0, 0, 80], [0, -STEP_MM, 0, 100], [0, 0, STEP_MM, -60], [0, 0, 0, 1.0]])


def inside(shape=SHAPE):
    """Return where the brain is: half axes of 64, 80 and 60 mm, 1290 ml."""
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * STEP_MM for n in shape), indexing="ij")
    return sum((a / r) ** 2 for a, r in zip(axes, (64, 80, 60), strict=True)) <= 1


def brain(contrast="t1", seed=0, shape=SHAPE):
    """Return whole numbers, int16 (x, y, z), 0 outside the brain."""
    rng = np.random.default_rng([seed, CONTRASTS.index(contrast)])
    smooth = np.cumsum(np.cumsum(rng.normal(size=shape), axis=0), axis=1)
    values = 300 + 100 * CONTRASTS.index(contrast) + 20 * smooth
    return np.where(inside(shape), np.clip(values, 20, 3000), 0).astype(np.int16)


def segmentation(labels=(1, 2, 4)):
    """Return labels, uint8 (x, y, z), as small boxes in the brain."""
    found = np.zeros(SHAPE, np.uint8)
    for k, label in enumerate(labels):
        found[8 + 2 * k : 10 + 2 * k, 10:13, 8:11] = label
    return found


def write(path: Path, volume, affine=AFFINE):
    """Write a NIfTI file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(volume, affine), path)
    return path


def write_patient(folder: Path, pattern: str, names, seed=0):
    """Write a patient's contrasts; `names` says what each is called in the pattern."""
    for contrast, called in names.items():
        volume = segmentation() if contrast == "segmentation" else brain(contrast, seed)
        write(folder / pattern.format(called), volume)
