"""Small tables of drawn images, volumes and signals, on disk, as a stranger would send them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from PIL import Image

CLASSES = ("left", "right")


def drawn(n: int, seed: int, size: int = 24, noise: float = 0.08) -> tuple[np.ndarray, list[str]]:
    """Return images of a blob on the left or right, 0 to 1, with their classes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    side = rng.integers(0, 2, n)
    centre = np.where(side, 0.7, 0.3) + rng.normal(0, 0.05, n)
    wide = rng.uniform(0.1, 0.2, n)
    blobs = np.exp(-((x - centre[:, None, None]) ** 2 + (y - 0.5) ** 2) / (2 * wide[:, None, None] ** 2))
    return np.clip(0.2 + 0.6 * blobs + rng.normal(0, noise, blobs.shape), 0, 1), [CLASSES[k] for k in side]


def image_table(folder: Path, name: str, n: int = 40, seed: int = 0, **how: float) -> Path:
    """Write PNG files and their table; return it."""
    images, labels = drawn(n, seed, **how)  # type: ignore[arg-type]
    (folder / name).mkdir(parents=True)
    rows = []
    for k, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(folder / name / f"{k:03d}.png")
        rows.append({"path": f"{name}/{k:03d}.png", "label": label, "sex": "FM"[k % 2]})
    return written(folder, name, rows)


def volume_table(folder: Path, name: str, n: int = 20, seed: int = 0, size: int = 12) -> Path:
    """Write NIfTI files in HU and their table; return it."""
    rng = np.random.default_rng(seed)
    (folder / name).mkdir(parents=True)
    rows = []
    for k in range(n):
        volume = rng.normal(40, 20, (size, size, size + 2)).astype(np.int16)
        volume[: size // 2] -= 500
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 3.0, 1.0])), folder / name / f"{k}.nii.gz")
        rows.append({"path": f"{name}/{k}.nii.gz", "label": CLASSES[k % 2]})
    return written(folder, name, rows)


def signal_table(
    folder: Path, name: str, n: int = 24, seed: int = 0, fs_hz: float = 100, leads: str = "x|y", seconds: float = 4
) -> Path:
    """Write .npy files of noisy sines and their table; return it."""
    rng = np.random.default_rng(seed)
    (folder / name).mkdir(parents=True)
    rows = []
    t = np.arange(round(fs_hz * seconds)) / fs_hz
    for k in range(n):
        wave = np.sin(2 * np.pi * (1 + k % 2) * t + rng.uniform(0, 6))
        signal = np.stack([wave * a for a in (1.0, 0.5, 0.2)[: len(leads.split("|"))]])
        np.save(folder / name / f"{k}.npy", signal + rng.normal(0, 0.05, signal.shape))
        rows.append({"path": f"{name}/{k}.npy", "fs_hz": fs_hz, "unit": "g", "leads": leads, "label": CLASSES[k % 2]})
    return written(folder, name, rows)


def written(folder: Path, name: str, rows: list[dict[str, object]]) -> Path:
    """Write a table."""
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv"
