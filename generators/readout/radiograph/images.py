"""Radiographs as a network takes them: square, float32 in [0, 1], of its own size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ....conditioning.record import Record


def sized(images: Float[np.ndarray, "b h w"], size: int) -> Float[Tensor, "b 1 size size"]:
    """Return images put on a black square and brought to `size`: averaged over areas, or interpolated if smaller.

    Args:
        images: in [0, 1], white is dense.
        size: pixels along an edge.

    Raises:
        ValueError: a value is NaN, infinite or outside [0, 1].
    """
    if not np.isfinite(images).all() or (images.size and (images.min() < 0 or images.max() > 1)):
        raise ValueError(f"images range from {images.min():g} to {images.max():g}; values in [0, 1] are needed")
    h, w = images.shape[1:]
    edge = max(h, w)
    top, left = (edge - h) // 2, (edge - w) // 2
    square = np.pad(images, ((0, 0), (top, edge - h - top), (left, edge - w - left)))
    x = torch.from_numpy(np.ascontiguousarray(square, dtype=np.float32))[:, None]
    if edge == size:
        return x
    if edge > size:
        return F.interpolate(x, size=(size, size), mode="area")
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)


def images_of(records: Sequence[Record], size: int) -> Float[Tensor, "n 1 size size"]:
    """Return the images of records, each brought to `size`.

    Raises:
        ValueError: a record has no two-dimensional `image`, or one with values outside [0, 1]; the message names it.
    """
    rows = []
    for record in records:
        image = record.arrays.get("image")
        if image is None or image.ndim != 2:
            raise ValueError(f"record {record.record_id} has no image of (rows, columns)")
        try:
            rows.append(sized(np.asarray(image, dtype=np.float32)[None], size))
        except ValueError as error:
            raise ValueError(f"record {record.record_id}: {error}") from None
    return torch.cat(rows) if rows else torch.empty(0, 1, size, size)
