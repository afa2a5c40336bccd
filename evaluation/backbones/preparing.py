"""Images as a published network takes them: resized in float with antialiasing, cropped, put on its mean and spread.

A resize that goes through 8-bit pixels rounds, which moves Fréchet distances; here nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_RESAMPLE = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # PIL's numbers


class Preparation(BaseModel):
    """What is done to an image before a network sees it.

    Attributes:
        shortest: the shortest edge is brought to so many pixels; None where both are given by `size`.
        size: rows and columns that the network sees: cropped from the middle after `shortest`, else resized to.
        mode: `bicubic` (a = -0.5, as PIL has it) or `bilinear`, both antialiased, or `nearest`.
        mean: taken off, a channel, of values 0 to 1.
        sd: divided by, a channel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    shortest: int | None = Field(None, ge=1)
    size: tuple[int, int] = (224, 224)
    mode: str = "bicubic"
    mean: tuple[float, ...] = IMAGENET_MEAN
    sd: tuple[float, ...] = IMAGENET_SD

    @property
    def channels(self) -> int:
        """Return how many channels the network takes."""
        return len(self.mean)


def preparation(config: Mapping[str, Any], image_size: int = 224) -> Preparation:
    """Return what a `preprocessor_config.json` asks for.

    Args:
        config: its content; empty for bicubic to `image_size` with ImageNet's mean and spread.
        image_size: pixels along an edge where the content does not say.

    Raises:
        ValueError: a way of resizing that is not known, or a deviation that is not above 0.
    """
    size, crop = config.get("size", {}), config.get("crop_size", {})
    size = {"shortest_edge": size} if isinstance(size, int) else size
    crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
    asked = config.get("resample", 3)
    if asked not in _RESAMPLE:
        raise ValueError(f"resample is {asked!r}; nearest (0), bilinear (2) and bicubic (3) are known")
    plain = not config.get("do_normalize", True)
    mean = tuple(config.get("image_mean", IMAGENET_MEAN)) if not plain else (0.0,) * 3
    sd = tuple(config.get("image_std", IMAGENET_SD)) if not plain else (1.0,) * 3
    if len(mean) != len(sd) or min(sd) <= 0:
        raise ValueError(
            f"image_mean is {list(mean)} and image_std {list(sd)}; one of each a channel, deviations above 0"
        )
    shortest = size.get("shortest_edge") if config.get("do_resize", True) else None
    edges = crop if crop and config.get("do_center_crop", True) else size
    edge = shortest or image_size
    both = (int(edges.get("height", edge)), int(edges.get("width", edge)))
    return Preparation(shortest=shortest, size=both, mode=_RESAMPLE[asked], mean=mean, sd=sd)


def prepared(images: Num[np.ndarray, "n ..."], how: Preparation) -> Float[Tensor, "n c h w"]:
    """Return images as the network takes them.

    Args:
        images: (n, y, x), or (n, channels, y, x) with 1 or 3 channels; 0 to 1. Grey is repeated for a network of three
            channels, colour averaged for a network of one.
        how: what is done.

    Raises:
        ValueError: another shape, a value that is not finite or outside 0 to 1.
    """
    x = images[:, None] if images.ndim == 3 else images
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise ValueError(f"images have the shape {images.shape}; (n, y, x) or (n, 1 or 3, y, x) is needed")
    if images.size and not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
        raise ValueError(f"images range from {images.min():g} to {images.max():g}; values in [0, 1] are needed")
    y = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
    if how.shortest is not None:
        scale = how.shortest / min(y.shape[2:])
        y = _cropped(resized(y, tuple(max(1, round(n * scale)) for n in y.shape[2:]), how.mode), how.size)
    else:
        y = resized(y, how.size, how.mode)
    if y.shape[1] != how.channels:
        y = y.expand(-1, how.channels, -1, -1) if how.channels > 1 else y.mean(1, keepdim=True)
    mean, sd = (torch.tensor(v, dtype=torch.float32).reshape(1, -1, 1, 1) for v in (how.mean, how.sd))
    return (y - mean) / sd


def resized(x: Float[Tensor, "n c h w"], size: tuple[int, ...], mode: str) -> Float[Tensor, "n c h2 w2"]:
    """Return images of another size, in float, never above or below their range; a filter as wide as a step."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    if mode == "nearest":
        return F.interpolate(x, size=size, mode=mode)
    y = F.interpolate(x, size=size, mode=mode, antialias=True, align_corners=False)
    return y.clamp(0, 1)


def _cropped(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the middle of images; what is not there is black."""
    for axis, n in zip((2, 3), size, strict=True):
        have = x.shape[axis]
        if have < n:
            first = (n - have) // 2
            pad = [0, 0, first, n - have - first] if axis == 2 else [first, n - have - first]
            x = F.pad(x, pad)
        else:
            x = x.narrow(axis, (have - n) // 2, n)
    return x
