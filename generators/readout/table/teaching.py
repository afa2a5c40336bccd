"""Trains and applies a network of a table's task: batches of rows, changed as the arm wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ....conditioning.seeds import stream
from ..supervised import Schedule, initialise, train
from .centres import boxes_of, centre_targets
from .losses import class_weight, task_loss
from .moving import Drawn, MovingConfig, moved
from .named import network
from .networks import Standard, TableNetwork
from .rows import Kind, Rows
from .small_segment import SmallSegmentConfig, segmented_small
from .wavelet import bands_dropped

Change = Literal["", "classical", "small segment", "wavelet", "wavelet, not rescaled"]
CHANGES: Mapping[str, Callable[[Drawn, np.random.Generator], Drawn]] = {
    "": lambda drawn, rng: drawn,
    "classical": lambda drawn, rng: moved(drawn, rng, MovingConfig()),
    "mirrored": lambda drawn, rng: moved(drawn, rng, MovingConfig(mirror=True)),
    "small segment": lambda drawn, rng: segmented_small(drawn, rng, SmallSegmentConfig()),
    "wavelet": lambda drawn, rng: Drawn(bands_dropped(drawn.x, rng), drawn.mask, drawn.boxes),
    "wavelet, not rescaled": lambda drawn, rng: Drawn(
        bands_dropped(drawn.x, rng, rescale=False), drawn.mask, drawn.boxes
    ),
}
SCORED = 64  # samples scored at once


def untrained(
    name: str, kind: Kind, channels: int, outputs: int, shape: Sequence[int], seed: int, standard: Standard = "image"
) -> TableNetwork:
    """Return a network whose weights are a function of the seed; see `network`."""
    made = initialise(lambda: network(name, kind, channels, outputs, len(shape), shape=shape, standard=standard), seed)
    return cast(TableNetwork, made)


def taught(
    start: TableNetwork, rows: Rows, outputs: int, schedule: Schedule, batch: int, seed: int, change: str = ""
) -> TableNetwork:
    """Return a network trained on rows.

    Args:
        start: where training starts; left as it was.
        rows: what to train on; numbers of a regression in units of their deviation.
        outputs: classes, labels, or 1.
        schedule: how long and how fast.
        batch: rows a step.
        seed: of batches and changes.
        change: one of `CHANGES`.

    Raises:
        ValueError: training diverged.
    """
    device = next(start.parameters()).device
    weight = torch.from_numpy(class_weight(rows, outputs)).float().to(device)
    chance = np.cumsum(rows.weight / rows.weight.sum())
    cells = _cells(start, rows) if rows.kind == "detection" else ()

    def drawn(rng: np.random.Generator) -> Mapping[str, Tensor]:
        at = np.minimum(np.searchsorted(chance, rng.random(batch), side="right"), len(rows) - 1)
        made = CHANGES[change](_batch(rows, at, device), rng)
        if rows.kind == "detection":
            target = centre_targets(made.boxes, outputs, rows.x.shape[2:], cells)
            return {"x": made.x} | {name: part.to(device) for name, part in target.items()}
        y = made.mask if rows.kind == "segmentation" else torch.from_numpy(rows.y[at]).to(device)
        assert y is not None
        return {"x": made.x, "y": y.long() if rows.kind in ("classification", "segmentation") else y.float()}

    def cost(net: torch.nn.Module, b: Mapping[str, Tensor]) -> Tensor:
        return task_loss(rows.kind, net(b["x"]), {k: v for k, v in b.items() if k != "x"}, weight)

    return cast(TableNetwork, seeded(lambda: train(start, drawn, cost, schedule, seed), seed))


def seeded(make: Callable[[], torch.nn.Module], seed: int) -> torch.nn.Module:
    """Return what is made while torch's own random numbers, which dropout takes, follow the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, "readout.dropout").integers(2**31)))
        return make()


def said_of(net: TableNetwork, x: Float[np.ndarray, "n channels *space"], outputs: int, most: int = 10) -> np.ndarray:
    """Return what a network says of samples.

    Args:
        net: trained.
        x: samples.
        outputs: classes, labels, or 1.
        most: boxes a sample, for detection.

    Returns:
        Classification (n, classes): chances; multilabel (n, labels): chances; regression (n,); segmentation
        (n, *space): class indices; detection: see `boxes_of`.
    """
    return _over(net, x, lambda part: _said(net, part, outputs, most))


def features_of(net: TableNetwork, x: Float[np.ndarray, "n channels *space"]) -> Float[np.ndarray, "n features"]:
    """Return a row of features a sample."""
    return _over(net, x, lambda part: net.features(part).double().cpu().numpy())


def _over(net: TableNetwork, x: np.ndarray, say: Callable[[Tensor], np.ndarray]) -> np.ndarray:
    device = next(net.parameters()).device
    net.eval()
    with torch.no_grad():
        parts = [say(torch.from_numpy(x[k : k + SCORED]).to(device)) for k in range(0, len(x), SCORED)]
    return np.concatenate(parts)


def _said(net: TableNetwork, x: Tensor, outputs: int, most: int) -> np.ndarray:
    y = net(x)
    if net.kind == "detection":
        return boxes_of(y, outputs, x.shape[2:], most)
    if net.kind == "segmentation":
        return np.asarray(y.argmax(1).cpu().numpy().astype(np.int16))
    if net.kind == "regression":
        return np.asarray(y[:, 0].double().cpu().numpy())
    p = y.double().softmax(1) if net.kind == "classification" else y.double().sigmoid()
    return np.asarray(p.cpu().numpy())


def _batch(rows: Rows, at: np.ndarray, device: torch.device) -> Drawn:
    x = torch.from_numpy(rows.x[at]).to(device)
    mask = torch.from_numpy(rows.y[at]).long().to(device) if rows.kind == "segmentation" else None
    return Drawn(x, mask, tuple(rows.boxes[k] for k in at.tolist()) if rows.kind == "detection" else ())


def _cells(net: TableNetwork, rows: Rows) -> tuple[int, ...]:
    device = next(net.parameters()).device
    with torch.no_grad():
        return tuple(net(torch.from_numpy(rows.x[:1]).to(device)).shape[2:])
