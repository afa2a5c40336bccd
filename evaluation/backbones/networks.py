"""DenseNet-121 and ResNet-50, written out with the names that published states use, so that such a state fits.

They are read, never trained here, so their BatchNorm stands in evaluation mode and is a fixed scale and shift.

Source: Huang et al. 2017, arXiv 1608.06993; He et al. 2016, arXiv 1512.03385 (stride in the 3 x 3, as torchvision).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROWTH, BOTTLENECK = 32, 4
BLOCKS_121 = (6, 12, 24, 16)
STAGES_50 = (3, 4, 6, 3)


class DenseLayer(nn.Module):
    """All before it, squeezed and convolved; the result is put beside."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv1 = nn.Conv2d(inner, BOTTLENECK * GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * GROWTH)
        self.conv2 = nn.Conv2d(BOTTLENECK * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, inner, h, w) to (b, inner + 32, h, w)."""
        h = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(h)))], dim=1)


def _transition(inner: int) -> nn.Sequential:
    layers = nn.Sequential()
    layers.add_module("norm", nn.BatchNorm2d(inner))
    layers.add_module("relu", nn.ReLU())
    layers.add_module("conv", nn.Conv2d(inner, inner // 2, 1, bias=False))
    layers.add_module("pool", nn.AvgPool2d(2))
    return layers


class DenseNet121(nn.Module):
    """(b, channels, h, w) -> (b, 1024) by `embed`, (b, outputs) by `forward`."""

    features_out = 1024

    def __init__(self, channels: int = 3, outputs: int = 1000) -> None:
        super().__init__()
        body = nn.Sequential()
        body.add_module("conv0", nn.Conv2d(channels, 2 * GROWTH, 7, stride=2, padding=3, bias=False))
        body.add_module("norm0", nn.BatchNorm2d(2 * GROWTH))
        body.add_module("relu0", nn.ReLU())
        body.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        width = 2 * GROWTH
        for k, depth in enumerate(BLOCKS_121, start=1):
            block = nn.Sequential()
            for layer in range(1, depth + 1):
                block.add_module(f"denselayer{layer}", DenseLayer(width))
                width += GROWTH
            body.add_module(f"denseblock{k}", block)
            if k < len(BLOCKS_121):
                body.add_module(f"transition{k}", _transition(width))
                width //= 2
        body.add_module("norm5", nn.BatchNorm2d(width))
        self.features = body
        self.classifier = nn.Linear(width, outputs)

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean of the last map, after its activation."""
        return F.relu(self.features(x)).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs."""
        out: Tensor = self.classifier(self.embed(x))
        return out


class Bottleneck(nn.Module):
    """Squeezed, convolved, widened; with a way around."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        outer = 4 * width
        self.conv1 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outer, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inner != outer:
            self.downsample = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, inner, h, w) to (b, 4 width, h / stride, w / stride)."""
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(h)))))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """(b, channels, h, w) -> (b, 2048) by `embed`, (b, outputs) by `forward`."""

    features_out = 2048

    def __init__(self, channels: int = 3, outputs: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inner = 64
        for k, depth in enumerate(STAGES_50):
            width, blocks = 64 * 2**k, []
            for block in range(depth):
                blocks.append(Bottleneck(inner, width, stride=2 if k and not block else 1))
                inner = 4 * width
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inner, outputs)

    def embed(self, x: Tensor) -> Tensor:
        """Return the mean of the last map."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        for k in range(len(STAGES_50)):
            x = getattr(self, f"layer{k + 1}")(x)
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs."""
        out: Tensor = self.fc(self.embed(x))
        return out
