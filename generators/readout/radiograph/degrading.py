"""Blur and noise of known size, as an image that a weak model made may have them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

WIDEST = 4  # a kernel reaches this many standard deviations at least, so that little is cut off


def blurred(images: Float[Tensor, "b 1 h w"], sigma: Float[Tensor, " b"]) -> Float[Tensor, "b 1 h w"]:
    """Return images smoothed by a Gaussian, each by its own; 0 leaves one as it is.

    Args:
        images: at least as large as the kernel.
        sigma: standard deviation in pixels.
    """
    reach = min(int(np.ceil(WIDEST * float(sigma.max()))), min(images.shape[2:]) - 1) if len(sigma) else 0
    if reach == 0:
        return images
    at = torch.arange(-reach, reach + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (at / sigma[:, None].clamp(min=1e-3)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True))[:, None]
    b = len(images)
    x = F.pad(images, (reach,) * 4, mode="reflect").transpose(0, 1)
    x = F.conv2d(F.conv2d(x, kernel[:, :, None], groups=b), kernel[..., None], groups=b)
    return x.transpose(0, 1)


def noisy(
    images: Float[Tensor, "b 1 h w"], sd: Float[Tensor, " b"], rng: np.random.Generator
) -> Float[Tensor, "b 1 h w"]:
    """Return images with white noise, each of its own standard deviation (of the range), kept in [0, 1]."""
    noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
    return (images + sd[:, None, None, None] * noise).clamp(0, 1)
