"""Radiographs as the networks have them: square, one size, in [-1, 1]; and small changes that keep what they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.readers.square import squared as as_square
from ....conditioning.record import Record


class AugmentConfig(BaseModel):
    """How far a copy of an image may lie from it. Images are never flipped: the heart is on the left.

    Attributes:
        shift: largest shift along an axis, as a share of the side.
        rotate_deg: largest turn.
        scale: largest change of size, as a share.
        gamma: largest change of ln(gamma) of the grey values.
        contrast: largest change of their spread about the mean, as a share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shift: float = Field(0.03, ge=0, le=0.5)
    rotate_deg: float = Field(3.0, ge=0, le=45)
    scale: float = Field(0.04, ge=0, le=0.5)
    gamma: float = Field(0.1, ge=0, le=1)
    contrast: float = Field(0.05, ge=0, le=0.9)


def squared(record: Record, size: int) -> Float[np.ndarray, "size size"]:
    """Return a record's image, padded with black to a square and brought to one size; values in [0, 1].

    Raises:
        ValueError: the record holds no single-channel image of finite values in [0, 1].
    """
    image = record.arrays.get("image")
    if image is None or image.ndim != 2 or 0 in image.shape:
        held = "no image" if image is None else f"an image of shape {image.shape}"
        raise ValueError(f"record {record.record_id} holds {held}; a radiograph has rows and columns")
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
        raise ValueError(f"record {record.record_id} has grey values outside [0, 1] or not finite")
    return as_square(image, size)


def to_network(images: Float[np.ndarray, "b h w"]) -> Float[np.ndarray, "b 1 h w"]:
    """Return grey values from [0, 1] in [-1, 1], with a channel."""
    return (2 * images - 1).astype(np.float32)[:, None]


def to_grey(x: Float[np.ndarray, "b 1 h w"]) -> Float[np.ndarray, "b h w"]:
    """Return the network's values as grey values, cut to [0, 1]."""
    return np.clip((x[:, 0].astype(np.float32) + 1) / 2, 0, 1)


def varied(
    image: Float[np.ndarray, "h w"], config: AugmentConfig, rng: np.random.Generator
) -> Float[np.ndarray, "h w"]:
    """Return the image a little moved, turned, scaled and brightened; what comes in from outside repeats the edge."""
    from scipy.ndimage import affine_transform

    n = np.array(image.shape)
    angle = np.deg2rad(config.rotate_deg) * rng.uniform(-1, 1)
    zoom = np.exp(config.scale * rng.uniform(-1, 1))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    middle = (n - 1) / 2
    offset = middle - turn @ (middle + n * config.shift * rng.uniform(-1, 1, 2))
    moved = np.clip(affine_transform(image, turn, offset, order=3, mode="nearest"), 0, 1)
    bright = moved ** np.exp(config.gamma * rng.uniform(-1, 1))
    mean = bright.mean()
    return np.clip(mean + (bright - mean) * (1 + config.contrast * rng.uniform(-1, 1)), 0, 1).astype(np.float32)


def contact_sheet(images: Sequence[Float[np.ndarray, "h w"]], columns: int, scale: int = 1) -> np.ndarray:
    """Return images side by side as 8-bit grey values, (rows, columns), with a black line between."""
    from math import ceil

    h, w = images[0].shape
    sheet = np.zeros((ceil(len(images) / columns) * (h + 1) - 1, columns * (w + 1) - 1), np.float32)
    for k, image in enumerate(images):
        y, x = k // columns * (h + 1), k % columns * (w + 1)
        sheet[y : y + h, x : x + w] = image
    grey = np.rint(np.clip(sheet, 0, 1) * 255).astype(np.uint8)
    return grey.repeat(scale, axis=0).repeat(scale, axis=1)
