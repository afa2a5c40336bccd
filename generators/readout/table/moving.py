"""Classical augmentation of signals, images and volumes, with their masks and boxes: moved, turned, scaled, exposed.

Nothing is mirrored unless it is asked for: left and right differ in most of the body.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional


class MovingConfig(BaseModel):
    """The largest of each change; a change is drawn evenly up to it.

    Attributes:
        shift: of the length of each axis.
        turn_deg: rotation in the plane of the last two axes, either way; signals are not turned.
        scale: log of the factor, common to all axes.
        contrast: log of the factor about a sample's mean.
        brightness: added, in deviations of the sample.
        noise: standard deviation, in deviations of the sample.
        mirror: whether half of the samples are mirrored along the last axis.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shift: float = Field(0.06, ge=0, le=0.5)
    turn_deg: float = Field(10.0, ge=0, le=180)
    scale: float = Field(0.12, ge=0, le=1)
    contrast: float = Field(0.25, ge=0, le=2)
    brightness: float = Field(0.2, ge=0, le=2)
    noise: float = Field(0.1, ge=0, le=2)
    mirror: bool = False


STRONG = MovingConfig(shift=0.12, turn_deg=15.0, scale=0.35, contrast=0.5, brightness=0.4, noise=0.2)


@dataclass(frozen=True)
class Drawn:
    """A batch before it is trained on.

    Attributes:
        x: (batch, channels, *space).
        mask: (batch, *space), or None.
        boxes: an array a sample: low edges, high edges, class; empty where there are none.
    """

    x: Tensor
    mask: Tensor | None = None
    boxes: tuple[np.ndarray, ...] = ()


def moved(drawn: Drawn, rng: np.random.Generator, config: MovingConfig) -> Drawn:
    """Return a batch whose samples were each changed in their own way.

    Args:
        drawn: the batch.
        rng: the stream of the draws.
        config: how large the changes are at most.
    """
    matrix = _matrices(len(drawn.x), drawn.x.ndim - 2, rng, config)
    seen = warped(drawn, matrix)
    return replace(seen, x=_exposed(seen.x, rng, config))


def warped(drawn: Drawn, matrix: Float[np.ndarray, "b dims more"], outside: str = "border") -> Drawn:
    """Return a batch seen through affine maps.

    A box keeps its edges parallel to the axes: its centre is mapped and its size scaled, which is a little small for
    one that was turned. One whose centre leaves the sample is dropped.

    Args:
        drawn: the batch.
        matrix: (batch, axes, axes + 1): from a place of the new sample to one of the old, both -1 to 1, axes in order.
        outside: what stands where nothing was: `border` or `zeros`.
    """
    shape = tuple(drawn.x.shape[2:])
    x = _sampled(drawn.x, matrix, "bilinear", outside)
    mask = drawn.mask
    if mask is not None:
        mask = _sampled(mask[:, None].float(), matrix, "nearest", "zeros")[:, 0].round().to(mask.dtype)
    boxes = tuple(_boxes(b, m, shape) for b, m in zip(drawn.boxes, matrix, strict=True)) if drawn.boxes else ()
    return Drawn(x, mask, boxes)


def _matrices(b: int, dims: int, rng: np.random.Generator, config: MovingConfig) -> np.ndarray:
    turn = math.radians(config.turn_deg) * rng.uniform(-1, 1, b) * (dims > 1)
    scale = np.exp(config.scale * rng.uniform(-1, 1, b))
    mirror = np.where(rng.random(b) < 0.5, -1.0, 1.0) if config.mirror else np.ones(b)
    matrix = np.zeros((b, dims, dims + 1))
    matrix[:, range(dims), range(dims)] = scale[:, None]
    if dims > 1:
        matrix[:, -2, -3], matrix[:, -1, -2] = scale * np.cos(turn), scale * np.cos(turn)
        matrix[:, -2, -2], matrix[:, -1, -3] = -scale * np.sin(turn), scale * np.sin(turn)
    matrix[:, :, -2] *= mirror[:, None]
    matrix[:, :, -1] = 2 * config.shift * rng.uniform(-1, 1, (b, dims))
    return matrix


def _sampled(x: Tensor, matrix: np.ndarray, mode: str, outside: str) -> Tensor:
    """Sample by torch's grids, which order axes from the last to the first and have two at least."""
    dims = x.ndim - 2
    flipped = np.concatenate([matrix[:, ::-1, -2::-1], matrix[:, ::-1, -1:]], axis=2)
    if dims == 1:
        wide = np.zeros((len(x), 2, 3))
        wide[:, 0, 0], wide[:, 0, 2], wide[:, 1, 1] = flipped[:, 0, 0], flipped[:, 0, 1], 1.0
        flipped, x = wide, x[:, :, None]
    theta = torch.from_numpy(flipped.astype(np.float32)).to(x.device)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    out = functional.grid_sample(x, grid, mode=mode, padding_mode=outside, align_corners=False)
    return out[:, :, 0] if dims == 1 else out


def _boxes(boxes: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if not len(boxes):
        return boxes
    dims, size = len(shape), np.asarray(shape, dtype=float)
    low, high = boxes[:, :dims], boxes[:, dims : 2 * dims]
    inverse = np.linalg.inv(matrix[:, :dims])
    centre = (((low + high) / size - 1) - matrix[:, dims]) @ inverse.T
    half = (high - low) / 2 * abs(np.linalg.det(inverse)) ** (1 / dims)
    middle = (centre + 1) * size / 2
    kept = np.all(np.abs(centre) < 1, axis=1)
    edges = [np.clip(middle - half, 0, size), np.clip(middle + half, 0, size), boxes[:, 2 * dims :]]
    return np.asarray(np.concatenate(edges, axis=1)[kept], dtype=boxes.dtype)


def _exposed(x: Tensor, rng: np.random.Generator, config: MovingConfig) -> Tensor:
    axes = tuple(range(1, x.ndim))
    mean = x.mean(axes, keepdim=True)
    deviation = (x - mean).square().mean(axes, keepdim=True).sqrt()
    contrast, brightness, noise = (
        _each(rng.uniform(-1, 1, len(x)) * most, x) for most in (config.contrast, config.brightness, config.noise)
    )
    grain = torch.from_numpy(rng.standard_normal(tuple(x.shape), dtype=np.float32)).to(x.device)
    return (x - mean) * contrast.exp() + mean + deviation * (brightness + noise.abs() * grain)


def _each(value: np.ndarray, x: Tensor) -> Tensor:
    return torch.from_numpy(value.astype(np.float32)).to(x.device).reshape(-1, *(1,) * (x.ndim - 1))
