"""A small network that reads findings from a radiograph, its loss under imbalance, and classical augmentation."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 64)
GROUPS = 8
MOST_WEIGHT = 10.0  # a finding in one image of a thousand does not count a thousandfold

ROTATION_DEG, SHIFT, ZOOM, GAMMA = 8.0, 0.06, 0.10, 0.25


class FindingsNetwork(nn.Module):
    """(batch, 1, rows, cols) in [0, 1] -> (batch, findings) logits; every side of 16 pixels or more will do.

    Each image is set to mean 0 and standard deviation 1 first: sites differ in brightness and contrast.
    """

    def __init__(self, findings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, WIDTHS[0], 7, stride=4, padding=3), *_normed(WIDTHS[0])]
        for a, b in zip(WIDTHS[:-1], WIDTHS[1:], strict=True):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), *_normed(b), Residual(b)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(WIDTHS[-1], findings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x - x.mean((2, 3), keepdim=True)
        y = self.body(x / (x.std((2, 3), keepdim=True) + 1e-3))
        logits: torch.Tensor = self.head(y.mean((2, 3)))
        return logits


class Residual(nn.Module):
    """One convolution beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), *_normed(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.body(x)
        return y


def _normed(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(GROUPS, width), nn.SiLU()


def positive_weight(
    label: Float[np.ndarray, "n findings"], weight: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " findings"]:
    """Return what a positive counts so that positives and negatives of a finding count alike, 0.1 to 10.

    Args:
        label: 1 present, 0 absent, NaN not said.
        weight: what each row counts.
    """
    positive, negative = (((label == c) * weight[:, None]).sum(axis=0) for c in (1, 0))
    ratio = np.divide(negative, positive, out=np.ones(label.shape[1]), where=(positive > 0) & (negative > 0))
    return np.clip(ratio, 1 / MOST_WEIGHT, MOST_WEIGHT)


def findings_loss(logits: torch.Tensor, label: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the weighted cross-entropy of the findings of which something is said.

    Args:
        logits: (batch, findings).
        label: (batch, findings); NaN where nothing is said.
        weight: (findings,): what a positive counts.
    """
    known = ~torch.isnan(label)
    each = functional.binary_cross_entropy_with_logits(
        logits, torch.nan_to_num(label), pos_weight=weight, reduction="none"
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def augmented(image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return images turned, shifted, zoomed and with another gamma, each its own way.

    No image is mirrored: left and right tell a heart from its mirror image, and many findings have a side.

    Args:
        image: (batch, 1, rows, cols) in [0, 1].
        rng: the stream of the draws.
    """
    n = len(image)
    angle = np.radians(rng.uniform(-ROTATION_DEG, ROTATION_DEG, n))
    zoom = np.exp(rng.uniform(math.log1p(-ZOOM), math.log1p(ZOOM), n))
    cos, sin, (dx, dy) = np.cos(angle) * zoom, np.sin(angle) * zoom, rng.uniform(-2 * SHIFT, 2 * SHIFT, (2, n))
    matrix = np.stack([np.stack([cos, -sin, dx], -1), np.stack([sin, cos, dy], -1)], axis=1)
    grid = functional.affine_grid(torch.from_numpy(matrix).float(), list(image.shape), align_corners=False)
    moved = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    gamma = torch.from_numpy(np.exp(rng.uniform(-GAMMA, GAMMA, n))).float()
    return moved.clamp(1e-4, 1.0) ** gamma[:, None, None, None]
