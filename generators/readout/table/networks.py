"""Small networks for signals, images and volumes: one that sums a sample up, one that says something at each place.

GroupNorm and no state. A network is a body, which gives features, and a head, which tells the task's numbers from
them; what is learnt before a task is known, or adapted after it, is the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from .rows import DENSE, Kind

WIDTHS = (16, 32, 64)
MAP_WIDTHS = (8, 16, 32)
GROUPS = 8
CONV: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
MODE = {1: "linear", 2: "bilinear", 3: "trilinear"}
Standard = Literal["image", "none"]


class TableNetwork(nn.Module):
    """A body with the head of a task: (batch, channels, *space) -> what the task needs.

    Classification gives (batch, classes), regression (batch, 1), segmentation (batch, classes, *space), detection
    (batch, classes + 2 axes, *coarser space): logits of centres, then sizes and offsets in cells.

    Args:
        body: gives (batch, width) or (batch, width, *space); its attribute `width` says how many.
        kind: of the task.
        outputs: classes, labels, or 1.
        dims: axes of space.
        standard: `image` sets each channel of each sample to mean 0 and deviation 1 first, as sites differ in
            brightness; `none` leaves it, where the brightness itself tells something.
    """

    def __init__(self, body: nn.Module, kind: Kind, outputs: int, dims: int, standard: Standard = "image") -> None:
        super().__init__()
        self.body, self.kind, self.dims, self.standard = body, kind, dims, standard
        width = int(body.width)
        if kind in DENSE:
            more = 2 * dims if kind == "detection" else 0
            self.head: nn.Module = CONV[dims](width, outputs + more, 1)
            if kind == "detection":
                with torch.no_grad():
                    self.head.bias[:outputs] = -2.2  # a centre is rare: one place in ten at the start
        else:
            self.head = nn.Linear(getattr(body, "pooled", width), outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind not in DENSE:
            out: Tensor = self.head(self.features(x))
            return out
        said: Tensor = self.head(self.maps(x))
        if self.kind == "segmentation" and said.shape[2:] != x.shape[2:]:
            said = functional.interpolate(said, x.shape[2:], mode=MODE[self.dims])
        return said

    def maps(self, x: Tensor) -> Tensor:
        """Return what the body gives: (batch, width, *space), or (batch, width) from one that sums up itself."""
        out: Tensor = self.body(standardised(x) if self.standard == "image" else x)
        return out

    def features(self, x: Tensor) -> Tensor:
        """Return a row of features a sample."""
        y = self.maps(x)
        if y.ndim == 2:
            return y
        y = y.flatten(2)
        return torch.cat([y.mean(2), y.amax(2)], 1) if hasattr(self.body, "pooled") else y.mean(2)


def standardised(x: Tensor) -> Tensor:
    """Return samples whose channels have mean 0 and deviation 1; a constant one becomes 0."""
    axes = tuple(range(2, x.ndim))
    x = x - x.mean(axes, keepdim=True)
    return x / (x.square().mean(axes, keepdim=True).sqrt() + 1e-3)


class SmallBody(nn.Module):
    """Three convolutions with strides and two beside the identity; every side of 8 pixels or more will do.

    Its map is summed up by its mean and its largest value: a small sign in one place is not drowned by the rest.
    """

    width = WIDTHS[-1]
    pooled = 2 * WIDTHS[-1]

    def __init__(self, channels: int, dims: int, *, coarse: bool = True) -> None:
        super().__init__()
        stride = 4 if coarse else 2
        layers: list[nn.Module] = [CONV[dims](channels, WIDTHS[0], 7, stride=stride, padding=3), *normed(WIDTHS[0])]
        for a, b in zip(WIDTHS[:-1], WIDTHS[1:], strict=True):
            layers += [CONV[dims](a, b, 3, stride=2, padding=1), *normed(b), Beside(conv(b, b, dims))]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class SmallUNet(nn.Module):
    """A U-Net with two halvings whose ways across are added; `stride` 2 begins with one more, giving half the size."""

    width = MAP_WIDTHS[0]

    def __init__(self, channels: int, dims: int, *, stride: int = 1) -> None:
        super().__init__()
        a, b, c = MAP_WIDTHS
        first = CONV[dims](channels, a, 3, stride=stride, padding=1)
        self.first = nn.Sequential(first, *normed(a))
        self.second = nn.Sequential(conv(a, b, dims, 2), conv(b, b, dims))
        self.third = nn.Sequential(conv(b, c, dims, 2), conv(c, c, dims))
        self.narrow, self.narrower = CONV[dims](c, b, 1), CONV[dims](b, a, 1)
        self.rise, self.last = conv(b, b, dims), conv(a, a, dims)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.first(x)
        middle = self.second(fine)
        y = self.rise(_onto(self.narrow(self.third(middle)), middle))
        out: Tensor = self.last(_onto(self.narrower(y), fine))
        return out


class Beside(nn.Module):
    """A layer beside the identity."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layer(x)
        return out


def conv(a: int, b: int, dims: int, stride: int = 1) -> nn.Module:
    """Return a convolution of 3 pixels with its norm and nonlinearity."""
    return nn.Sequential(CONV[dims](a, b, 3, stride=stride, padding=1), *normed(b))


def normed(width: int) -> tuple[nn.Module, nn.Module]:
    """Return a norm and a nonlinearity."""
    return nn.GroupNorm(GROUPS, width), nn.SiLU()


def grouped(module: nn.Module, build: Callable[[int], nn.Module] | None = None) -> nn.Module:
    """Return a network whose batch and instance norms are group norms: no state, and each sample for itself."""
    make = build or (lambda n: nn.GroupNorm(next(g for g in (GROUPS, 4, 2, 1) if n % g == 0), n))
    for name, child in module.named_children():
        if isinstance(child, nn.modules.batchnorm._NormBase):
            setattr(module, name, make(child.num_features))
        else:
            grouped(child, make)
    return module


def _onto(coarse: Tensor, fine: Tensor) -> Tensor:
    return functional.interpolate(coarse, fine.shape[2:], mode="nearest") + fine
