"""Boxes as heat maps of their centres, and back.

Source: Zhou, Wang, Krähenbühl 2019, arXiv 1904.07850 (CenterNet).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

SPREAD = 0.15  # of the box: deviation of the bump about a centre
LEAST_SPREAD = 0.7  # cells
_POOL = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}


def centre_targets(
    boxes: Sequence[np.ndarray], classes: int, shape: Sequence[int], cells: Sequence[int]
) -> dict[str, Tensor]:
    """Return what a detector is to say of each sample.

    Args:
        boxes: a sample's boxes: low edges, high edges in pixels, class.
        classes: how many.
        shape: of the samples, in pixels.
        cells: of the detector's map.

    Returns:
        `heat`: (batch, classes, *cells), 1 at centres and falling off; `size` and `offset`: (batch, axes, *cells) in
        cells; `centre`: (batch, 1, *cells), where those two count.
    """
    dims, b = len(cells), len(boxes)
    heat = np.zeros((b, classes, *cells), dtype=np.float32)
    size, offset = (np.zeros((b, dims, *cells), dtype=np.float32) for _ in range(2))
    centre = np.zeros((b, 1, *cells), dtype=np.float32)
    scale = np.asarray(cells) / np.asarray(shape)
    axes = np.ogrid[tuple(slice(n) for n in cells)] if dims > 1 else [np.arange(cells[0])]
    for k, rows in enumerate(boxes):
        for row in rows:
            low, high = row[:dims] * scale, row[dims : 2 * dims] * scale
            middle = (low + high) / 2
            place = np.minimum(np.floor(middle).astype(int), np.asarray(cells) - 1)
            spread = np.maximum(SPREAD * (high - low), LEAST_SPREAD)
            far = sum(((a - p) / s) ** 2 for a, p, s in zip(axes, place, spread, strict=True))
            c, at = int(row[2 * dims]), tuple(place.tolist())
            heat[k, c] = np.maximum(heat[k, c], np.exp(-np.asarray(far) / 2))
            size[(k, slice(None), *at)], offset[(k, slice(None), *at)] = high - low, middle - place
            centre[(k, 0, *at)] = 1
    parts = {"heat": heat, "size": size, "offset": offset, "centre": centre}
    return {name: torch.from_numpy(part) for name, part in parts.items()}


def centre_loss(said: Tensor, target: dict[str, Tensor]) -> Tensor:
    """Return the focal loss of the heat map and the errors of size and offset at the centres.

    Args:
        said: (batch, classes + 2 axes, *cells).
        target: from `centre_targets`.
    """
    heat, dims = target["heat"], said.ndim - 2
    logit, shape = said[:, : heat.shape[1]], said[:, heat.shape[1] :]
    there = (heat == 1).to(logit.dtype)
    p = logit.sigmoid()
    found = there * (1 - p) ** 2 * functional.logsigmoid(logit)
    empty = (1 - there) * (1 - heat) ** 4 * p**2 * functional.logsigmoid(-logit)
    count = there.sum().clamp(min=1)
    error = functional.l1_loss(shape[:, :dims], target["size"], reduction="none") * 0.1
    error = error + functional.l1_loss(shape[:, dims:], target["offset"], reduction="none")
    return -(found + empty).sum() / count + (error * target["centre"]).sum() / count


def boxes_of(said: Tensor, classes: int, shape: Sequence[int], most: int) -> Float[np.ndarray, "b most columns"]:
    """Return the boxes that a detector sees, the surest first.

    Args:
        said: (batch, classes + 2 axes, *cells).
        classes: how many.
        shape: of the samples, in pixels.
        most: boxes a sample.

    Returns:
        (batch, most, 2 axes + 2): low edges, high edges in pixels, class, score 0 to 1; score 0 where there are fewer.
    """
    dims, cells = said.ndim - 2, said.shape[2:]
    p = said[:, :classes].sigmoid()
    peak = p * (_POOL[dims](p, 3, stride=1, padding=1) == p)
    score, at = peak.flatten(1).topk(min(most, peak[0].numel()), dim=1)
    each = int(np.prod(cells))
    kind, place = at // each, at % each
    shapes = said[:, classes:].flatten(2).gather(2, place[:, None].expand(-1, 2 * dims, -1)).double().cpu().numpy()
    where = np.stack(np.unravel_index(place.cpu().numpy(), tuple(cells)), axis=1)
    scale = (np.asarray(shape) / np.asarray(cells))[None, :, None]
    middle, half = (where + shapes[:, dims:]) * scale, np.maximum(shapes[:, :dims], 0.5) * scale / 2
    edge = np.asarray(shape, dtype=float)[None, :, None]
    columns = [np.clip(middle - half, 0, edge), np.clip(middle + half, 0, edge), kind.cpu().numpy()[:, None],
               score.double().cpu().numpy()[:, None]]  # fmt: skip
    found = np.concatenate(columns, axis=1).transpose(0, 2, 1)
    short = most - found.shape[1]
    return np.pad(found, ((0, 0), (0, short), (0, 0))) if short > 0 else found
