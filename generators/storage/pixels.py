"""Turns a radiograph's values in [0, 1] into whole pixel values, for every format that holds them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...conditioning.record import ImageGeometry, Record
from .quality import Unfit


def quantise(record: Record, bits: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Return a radiograph's pixel values and its spacing.

    Args:
        record: `image`, float (rows, columns) in [0, 1], white is dense; an `ImageGeometry` of two spacings.
        bits: 8 or 16; 1.0 becomes the largest value that they hold.

    Returns:
        uint8 or uint16 (rows, columns); (row spacing, column spacing) in mm.

    Raises:
        ValueError: the record is not a radiograph.
        Unfit: a value is not in [0, 1]; values are never wrapped or cut.
    """
    geometry = record.geometry
    image: Any = record.arrays.get("image")
    if not isinstance(geometry, ImageGeometry) or len(geometry.spacing_mm) != 2 or np.ndim(image) != 2:
        raise ValueError(f"record {record.record_id!r} is not a radiograph: an `image` (rows, columns), two spacings")
    if geometry.unit != "1":
        raise ValueError(f"record {record.record_id!r} is in {geometry.unit!r}; a radiograph has values in [0, 1]")
    low, high = float(image.min(initial=0)), float(image.max(initial=0))
    if not (low >= 0 and high <= 1):
        raise Unfit("range", f"image has values from {low:.6g} to {high:.6g}; a radiograph's are in [0, 1]")
    kind = {8: np.uint8, 16: np.uint16}[bits]
    top = np.float64(2**bits - 1)
    dy, dx = geometry.spacing_mm
    return np.rint(image * top).astype(kind), (float(dy), float(dx))
