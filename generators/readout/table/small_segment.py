"""Scale-and-texture augmentation ("segment small"): a baseline that needs no generator.

Only the abstract of the method was open to us, so this is our reading of it: what is labelled is cut out, made smaller,
put somewhere on black, and gets noise inside. Where no mask says what is labelled, the whole sample is taken for the
object (the centre-object variant): it is shrunk onto black with noise inside, and its label stays. With boxes the whole
sample is shrunk and the noise is inside the boxes. Numbers are not to be changed by how large a thing is, so a task
whose target is a size should not be given this.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from .moving import Drawn, warped


class SmallSegmentConfig(BaseModel):
    """How much is shrunk, and how noisy it gets.

    Attributes:
        chance: share of the samples that are changed.
        smallest: smallest factor of the size; the largest is 1.
        noise: largest standard deviation of the noise inside, in deviations of the sample.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chance: float = Field(0.5, ge=0, le=1)
    smallest: float = Field(0.4, gt=0, le=1)
    noise: float = Field(0.5, ge=0)


def segmented_small(drawn: Drawn, rng: np.random.Generator, config: SmallSegmentConfig) -> Drawn:
    """Return a batch of which a part was cut out, shrunk, moved and roughened.

    Black is the least value of a sample.

    Args:
        drawn: the batch.
        rng: the stream of the draws.
        config: how much.
    """
    x, b = drawn.x, len(drawn.x)
    change = torch.from_numpy(rng.random(b) < config.chance).to(x.device)
    axes = tuple(range(2, x.ndim))
    least, deviation = x.amin(axes, keepdim=True), x.std(axes, keepdim=True)
    inside = _inside(drawn)
    noise = torch.from_numpy(rng.standard_normal(tuple(x.shape), dtype=np.float32)).to(x.device)
    amount = torch.from_numpy((config.noise * rng.random(b)).astype(np.float32)).to(x.device)
    rough = x + noise * inside * deviation * amount.reshape(-1, *(1,) * (x.ndim - 1))
    cut = (rough - least) * inside if drawn.mask is not None else rough - least
    small = warped(Drawn(cut, drawn.mask, drawn.boxes), _placed(b, x.ndim - 2, rng, config.smallest), "zeros")
    chosen = change.reshape(-1, *(1,) * (x.ndim - 1))
    mask = drawn.mask
    if mask is not None and small.mask is not None:
        mask = torch.where(change.reshape(-1, *(1,) * (mask.ndim - 1)), small.mask, mask)
    sides = enumerate(zip(small.boxes, drawn.boxes, strict=True))
    boxes = tuple(after if bool(change[k]) else before for k, (after, before) in sides)
    return Drawn(torch.where(chosen, small.x + least, x), mask, boxes)


def _placed(b: int, dims: int, rng: np.random.Generator, smallest: float) -> np.ndarray:
    """Return maps that shrink a sample and keep all of it in sight."""
    factor = rng.uniform(smallest, 1, b)
    matrix = np.zeros((b, dims, dims + 1))
    matrix[:, range(dims), range(dims)] = (1 / factor)[:, None]
    place = rng.uniform(-1, 1, (b, dims)) * (1 - factor)[:, None]
    matrix[:, :, -1] = -place / factor[:, None]
    return matrix


def _inside(drawn: Drawn) -> Tensor:
    x = drawn.x
    if drawn.mask is not None:
        return (drawn.mask > 0).to(x.dtype)[:, None]
    if not drawn.boxes:
        return torch.ones_like(x[:, :1])
    inside, dims = torch.zeros_like(x[:, :1]), x.ndim - 2
    for k, boxes in enumerate(drawn.boxes):
        for box in boxes:
            low, high = np.floor(box[:dims]).astype(int), np.ceil(box[dims : 2 * dims]).astype(int)
            inside[(k, 0, *(slice(int(a), int(z)) for a, z in zip(low, high, strict=True)))] = 1
    return inside
