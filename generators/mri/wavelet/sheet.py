"""Pictures and numbers of held-out patients while a model is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from ....conditioning.record import Record

_WORST_DB = 99.0


def quality(real: Float[np.ndarray, "x y z"], made: Float[np.ndarray, "x y z"]) -> float:
    """Return the PSNR in dB where the real volume is not 0, both brought to [0, 1] by the real one's 99.5 percentile.

    What was made is first brought to the real one's scale by their medians, for a missing contrast has no unit of its
    own; 99 where they are the same.
    """
    inside = real != 0
    top, level = float(np.percentile(real[inside], 99.5)), float(np.median(made[inside]))
    scale = float(np.median(real[inside])) / level if level > 0 else 1.0
    error = np.clip(real[inside] / top, 0, 1) - np.clip(made[inside] * scale / top, 0, 1)
    return round(min(_WORST_DB, -10 * float(np.log10(max(1e-12, np.mean(error**2))))), 3)


def write_sheet(rows: Sequence[tuple[Record, Record, Sequence[str]]], path: Path) -> None:
    """Write the middle slice of each target: real, made and how far they are apart, one row a target.

    Args:
        rows: real record, made record and the targets, by patient.
        path: of the picture.
    """
    from PIL import Image

    lines = [
        np.hstack(_slices(np.asarray(real.arrays[name]), np.asarray(made.arrays[name])))
        for real, made, targets in rows
        for name in targets
    ]
    if not lines:
        return
    width = max(line.shape[1] for line in lines)
    padded = [np.pad(line, ((0, 0), (0, width - line.shape[1]))) for line in lines]
    Image.fromarray(np.vstack(padded)).save(path)


def _slices(real: Float[np.ndarray, "x y z"], made: Float[np.ndarray, "x y z"]) -> list[UInt8[np.ndarray, "y x"]]:
    inside = real != 0
    k = int(np.argmax(inside.sum((0, 1))))
    top = float(np.percentile(real[inside], 99.5))
    level = float(np.median(made[inside])) or 1.0
    made = made * float(np.median(real[inside])) / level
    parts = (real[:, :, k] / top, made[:, :, k] / top, 2 * np.abs(real[:, :, k] - made[:, :, k]) / top)
    return [np.rint(255 * np.clip(part, 0, 1)).astype(np.uint8).T[::-1] for part in parts]
