"""Images as the autoencoder sees them: brought to one size, in [-1, 1], and their latents."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ....conditioning.record import Record


def squared(image: Float[np.ndarray, "rows cols"], size: int) -> Float[np.ndarray, "size size"]:
    """Return an image padded with black to a square and resized, in the same unit; nothing is cut or mirrored."""
    rows, cols = image.shape
    side = max(rows, cols)
    above, left = (side - rows) // 2, (side - cols) // 2
    whole = np.pad(image, ((above, side - rows - above), (left, side - cols - left)))
    if side == size:
        return whole.astype(np.float32)
    resized = F.interpolate(
        torch.from_numpy(whole)[None, None].float(), (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0, 0].numpy()


def image_of(record: Record, size: int) -> Float[np.ndarray, "size size"]:
    """Return a record's image at the size of training.

    Raises:
        ValueError: the record has no image of two axes with values in [0, 1].
    """
    image = record.arrays.get("image")
    if image is None or image.ndim != 2 or min(image.shape) < 1:
        have = ", ".join(f"{name} {value.shape}" for name, value in record.arrays.items()) or "nothing"
        raise ValueError(f"{record.record_id} has no image (rows, cols); it has {have}")
    low, high = float(image.min()), float(image.max())
    if not (0 <= low and high <= 1):  # also where one of them is NaN
        raise ValueError(
            f"{record.record_id}: the image's values go from {low:g} to {high:g}; they should be in [0, 1]"
        )
    return squared(image.astype(np.float32), size)


@torch.no_grad()
def moments_of(vae: Any, images: Float[Tensor, "b rows cols"]) -> Float[Tensor, "b c h w"]:
    """Return mean and log variance of the images' latents, one behind the other along c.

    Args:
        vae: diffusers' AutoencoderKL, on the images' device.
        images: in [0, 1].
    """
    colours = (2 * images - 1)[:, None].expand(-1, 3, -1, -1)
    moments: Tensor = vae.encode(colours, return_dict=False)[0].parameters
    return moments.float()


def drawn(moments: Float[Tensor, "b c2 h w"], eps: Float[Tensor, "b c h w"], factor: float) -> Float[Tensor, "b c h w"]:
    """Return latents drawn from their distribution, in the U-Net's unit.

    Args:
        moments: of `moments_of`.
        eps: standard normal noise.
        factor: the autoencoder's scaling factor.
    """
    mean, logvar = moments.chunk(2, dim=1)
    return factor * (mean + torch.exp(0.5 * logvar.clamp(-30, 20)) * eps)
