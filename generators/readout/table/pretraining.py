"""Learns a body without labels: by telling views of one sample from those of others, or by filling in what is hidden.

Only the body is kept; the head stays as it was at the start, which all arms of a seed share.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ....conditioning.seeds import stream
from ..supervised import Schedule, initialise, train
from .moving import STRONG, Drawn, moved
from .networks import CONV, MODE, TableNetwork, standardised
from .rows import Rows
from .teaching import seeded

Way = Literal["contrastive", "masked"]
TEMPERATURE = 0.2
HIDDEN, PATCHES = 0.6, 8  # share of the patches that are hidden, patches along an axis
PROJECTED, COARSE = 32, 8


class _Projected(nn.Module):
    def __init__(self, net: TableNetwork, width: int) -> None:
        super().__init__()
        self.net = net
        self.projection = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, PROJECTED))


class _Filling(nn.Module):
    """A light decoder: the body's map, or a coarse map out of its row of features, at full size in the end."""

    def __init__(self, net: TableNetwork, channels: int, width: int) -> None:
        super().__init__()
        self.net, dims = net, net.dims
        self.spread = nn.Linear(width, COARSE * 4**dims) if _flat(net) else None
        self.mix = CONV[dims](COARSE if self.spread is not None else int(net.body.width), COARSE, 3, padding=1)
        self.out = CONV[dims](COARSE, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.net.maps(x)
        if self.spread is not None:
            y = self.spread(y).reshape(len(x), COARSE, *(4,) * self.net.dims)
        y = functional.silu(self.mix(y))
        y = functional.interpolate(y, x.shape[2:], mode=MODE[self.net.dims])
        out: Tensor = self.out(y)
        return out


def pretrained(start: TableNetwork, rows: Rows, way: Way, schedule: Schedule, batch: int, seed: int) -> TableNetwork:
    """Return a network whose body was trained on the samples alone.

    Args:
        start: where training starts; left as it was.
        rows: their samples are used, their targets are not.
        way: `contrastive` or `masked`.
        schedule: how long and how fast.
        batch: samples a step (two views of each for `contrastive`).
        seed: of batches and views.

    Raises:
        ValueError: a way that is not known.

    Source: Chen et al. 2020, arXiv 2002.05709 (NT-Xent); He et al. 2021, arXiv 2111.06377 (loss on hidden patches).
    """
    if way not in ("contrastive", "masked"):
        raise ValueError(f"way = {way!r} of pretraining; give contrastive or masked")
    device = next(start.parameters()).device
    net = copy.deepcopy(start)
    with torch.no_grad():
        width = net.eval().features(torch.from_numpy(rows.x[:1]).to(device)).shape[1]
    key = int(stream(seed, "readout.pretraining").integers(2**62))
    if way == "contrastive":
        whole = initialise(lambda: _Projected(net, width), key).to(device)
    else:
        whole = initialise(lambda: _Filling(net, rows.x.shape[1], width), key).to(device)

    def drawn(rng: np.random.Generator) -> Mapping[str, Tensor]:
        at = rng.choice(len(rows), size=min(batch, len(rows)) if way == "contrastive" else batch,
                        replace=way == "masked", p=rows.weight / rows.weight.sum())  # fmt: skip
        x = torch.from_numpy(rows.x[at]).to(device)
        if way == "contrastive":
            return {"x": torch.cat([moved(Drawn(x), rng, STRONG).x for _ in range(2)])}
        return {"x": standardised(x), "hidden": _patches(x, rng)}

    cost = _contrast if way == "contrastive" else _filled
    done = seeded(lambda: train(whole, drawn, cost, schedule, seed), seed)
    out = copy.deepcopy(start)
    out.body.load_state_dict(cast(TableNetwork, done.net).body.state_dict())
    return out.eval()


def _flat(net: TableNetwork) -> bool:
    from .named import Named, Tokens

    return net.kind in ("classification", "multilabel", "regression") and isinstance(net.body, (Named, Tokens))


def _patches(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Return where samples are hidden, 1 or 0, (batch, 1, *space)."""
    coarse = [min(PATCHES, n) for n in x.shape[2:]]
    hidden = torch.from_numpy((rng.random((len(x), 1, *coarse)) < HIDDEN).astype(np.float32)).to(x.device)
    return functional.interpolate(hidden, x.shape[2:], mode="nearest")


def _filled(whole: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    x, hidden = batch["x"], batch["hidden"]
    error = (whole(x * (1 - hidden)) - x) ** 2 * hidden
    return error.sum() / (hidden.sum() * x.shape[1]).clamp(min=1)


def _contrast(whole: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    net = cast(TableNetwork, whole.net)
    z = functional.normalize(whole.projection(net.features(batch["x"])), dim=1)
    n = len(z) // 2
    likeness = z @ z.T / TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf)
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
    loss: Tensor = functional.cross_entropy(likeness, partner)
    return loss
