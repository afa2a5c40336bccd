"""An image of any shape as a square of the size wanted: padded with black, then resized without aliasing."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Resample = Literal["lanczos", "area"]
SMALLEST, LARGEST = 8, 4096


def check_square(size: int | None, resample: str) -> None:
    """Refuse a size or a way of resizing that there is not.

    Raises:
        ValueError: it is named, with what is allowed.
    """
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size = {size} is not from {SMALLEST} to {LARGEST} pixels")
    if resample not in get_args(Resample):
        raise ValueError(f"resample = {resample!r} is not known (allowed: {', '.join(get_args(Resample))})")


def squared(
    image: Float[np.ndarray, "rows cols"], size: int, resample: Resample = "lanczos"
) -> Float[np.ndarray, "size size"]:
    """Return a square image.

    Args:
        image: (rows, cols) in [0, 1]; black is 0.
        size: side in pixels.
        resample: `lanczos` (sharper; cut to [0, 1]) or `area` (exact mean of the pixels below).
    """
    rows, cols = image.shape
    side = max(rows, cols)
    top, left = (side - rows) // 2, (side - cols) // 2
    square = np.zeros((side, side), np.float32)
    square[top : top + rows, left : left + cols] = image
    if side == size:
        return square
    if resample == "area":
        return np.ascontiguousarray(_area(_area(square, size).T, size).T, dtype=np.float32)
    from PIL import Image

    resized = Image.fromarray(square).resize((size, size), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized, dtype=np.float32), 0, 1)


def _area(image: Float[np.ndarray, "rows cols"], size: int) -> Float[np.ndarray, "size cols"]:
    """Return the mean of the rows below each of `size` equal stretches, parts of a row counted by their share."""
    rows = len(image)
    below = np.vstack([np.zeros(image.shape[1]), np.cumsum(image, axis=0, dtype=np.float64)])
    edges = np.linspace(0, rows, size + 1)
    whole = np.minimum(edges.astype(int), rows - 1)
    at_edge = below[whole] + (edges - whole)[:, None] * image[whole]
    return np.clip(np.diff(at_edge, axis=0) * (size / rows), 0, 1)
