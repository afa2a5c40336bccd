"""The segmenter: a small 3-D U-Net on patches, half of them about a tumour, mirrored, turned and exposed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Bool, Num, UInt8
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.mri.contrasts import CONTRASTS, Contrast
from .scan import MULTIPLE, Scan, padded, scan_of

if TYPE_CHECKING:
    import torch

    from ..table.moving import Drawn
    from ..table.networks import TableNetwork

LABELS = 4  # background, necrosis, oedema, enhancing


class SegmenterConfig(BaseModel):
    """How a segmenter is trained.

    Attributes:
        steps: optimiser steps.
        batch: patches a step.
        patch: voxels a side, a multiple of 4.
        learning_rate: its peak.
        about_tumour: share of the patches that lie about a voxel of the tumour.
        change: augmentation, one of `readout.table.teaching.CHANGES`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(300, ge=0)
    batch: int = Field(2, ge=1)
    patch: int = Field(32, ge=8, multiple_of=MULTIPLE)
    learning_rate: float = Field(3e-3, gt=0)
    about_tumour: float = Field(0.7, ge=0, le=1)
    change: str = "mirrored"


@dataclass(frozen=True)
class TumourSegmenter:
    """A trained network that says which voxels are of which part of a tumour."""

    network: TableNetwork

    def labels(
        self, volumes: Mapping[Contrast, Num[np.ndarray, "x y z"]], brain: Bool[np.ndarray, "x y z"]
    ) -> UInt8[np.ndarray, "x y z"]:
        """Return the label of each voxel of the brain: 0, 1 necrosis, 2 oedema, 3 enhancing."""
        import torch

        x = scan_of(volumes, brain).x
        with torch.no_grad():
            said = self.network(torch.from_numpy(padded(x))[None])[0].argmax(0).numpy()
        z, y, w = x.shape[1:]
        return np.ascontiguousarray(said[:z, :y, :w].T * brain).astype(np.uint8)


def untaught(seed: int) -> TumourSegmenter:
    """Return a segmenter whose weights are a function of the seed."""
    from ..table.teaching import untrained

    return TumourSegmenter(untrained("small", "segmentation", len(CONTRASTS), LABELS, (16, 16, 16), seed, "none"))


def taught_segmenter(
    scans: Sequence[Scan], config: SegmenterConfig, seed: int, start: TumourSegmenter | None = None
) -> TumourSegmenter:
    """Return a segmenter that learned on labelled scans.

    Args:
        scans: each is drawn as often as any other.
        config: how.
        seed: of the first weights, patches and changes.
        start: where training starts; a network of `untaught` when None. It is left as it was.

    Raises:
        ValueError: no scan, one without labels, or training diverged.
    """
    from ..supervised import Schedule, train
    from ..table.losses import task_loss
    from ..table.teaching import CHANGES

    if not scans or any(s.labels is None for s in scans):
        bare = sum(s.labels is None for s in scans)
        raise ValueError(f"a segmenter learns on labelled scans; {bare} of {len(scans)} have no labels")
    ready = [_ready(s, config.patch) for s in scans]

    def batch(rng: np.random.Generator) -> Mapping[str, torch.Tensor]:
        drawn = CHANGES[config.change](_drawn(ready, config, rng), rng)
        assert drawn.mask is not None
        return {"x": drawn.x, "y": drawn.mask}

    def cost(network: torch.nn.Module, b: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return task_loss("segmentation", network(b["x"]), {"y": b["y"]}, b["x"])

    schedule = Schedule(config.steps, learning_rate=config.learning_rate)
    begun = (start or untaught(seed)).network
    return TumourSegmenter(cast("TableNetwork", train(begun, batch, cost, schedule, seed)))


@dataclass(frozen=True)
class _Ready:
    x: np.ndarray
    labels: np.ndarray
    tumour: np.ndarray  # places of its voxels


def _ready(scan: Scan, patch: int) -> _Ready:
    assert scan.labels is not None
    labels = padded(scan.labels, patch)
    return _Ready(padded(scan.x, patch), labels, np.argwhere(labels > 0))


def _drawn(scans: Sequence[_Ready], config: SegmenterConfig, rng: np.random.Generator) -> Drawn:
    """Return a batch of patches with their labels."""
    import torch

    from ..table.moving import Drawn

    x, y = [], []
    for _ in range(config.batch):
        scan = scans[int(rng.integers(len(scans)))]
        room = np.array(scan.labels.shape) - config.patch
        corner = rng.integers(0, room + 1)
        if len(scan.tumour) and rng.random() < config.about_tumour:
            centre = scan.tumour[int(rng.integers(len(scan.tumour)))]
            corner = np.clip(centre - rng.integers(0, config.patch, 3), 0, room)
        at = tuple(slice(int(c), int(c) + config.patch) for c in corner)
        x.append(scan.x[(slice(None), *at)])
        y.append(scan.labels[at])
    return Drawn(torch.from_numpy(np.stack(x)), torch.from_numpy(np.stack(y)).long())
