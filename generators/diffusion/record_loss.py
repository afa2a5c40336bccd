"""The loss of single records at fixed noise levels: what a membership attack asks of a denoiser.

Noise is a function of the record's name, the level and the seed, not of the model, so that the losses of two models
differ by what the models know and not by the noise.

Source: Matsumoto et al. 2023, arXiv 2302.03262 (loss of a diffusion model at a fixed step); Carlini et al. 2023,
arXiv 2301.13188 (section 5.1: several noises of a record are averaged).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...conditioning.seeds import stream

LEVELS = (0.1, 0.3, 1.0, 3.0)  # noise over the data's own spread
# (rows, x0 (b, ...), level, eps in the shape of x0) -> the loss of each, (b,).
LossAt = Callable[[Sequence[int], Tensor, float, Tensor], Tensor]


@torch.inference_mode()
def averaged_loss(
    loss_at: LossAt, x0: Float[np.ndarray, "n ..."], names: Sequence[str], *,
    levels: Sequence[float] = LEVELS, draws: int = 2, seed: int = 0, batch: int = 32,
    device: str | torch.device = "cpu",
) -> Float[np.ndarray, " n"]:  # fmt: skip
    """Return each record's loss averaged over noise levels and draws, float64.

    Args:
        loss_at: the loss at one level.
        x0: clean data as the network has them.
        names: of the records; the same name meets the same noise.
        levels: noise over the data's spread.
        draws: noises a level.
        seed: of the noise.
        batch: records that go through the network together.
        device: where the network is.

    Raises:
        ValueError: no level or draw, or numbers of names and records that differ.
    """
    if not levels or draws < 1 or len(names) != len(x0):
        raise ValueError(f"{len(levels)} levels, {draws} draws and {len(names)} names for {len(x0)} records")
    total = np.zeros(len(x0))
    for start in range(0, len(x0), batch):
        rows = range(start, min(start + batch, len(x0)))
        x = torch.from_numpy(np.ascontiguousarray(x0[start : start + batch])).to(device)
        for level in levels:
            for k in range(draws):
                eps = np.stack([_noise(names[i], level, k, seed, x0.shape[1:]) for i in rows])
                total[start : start + batch] += (
                    loss_at(rows, x, level, torch.from_numpy(eps).to(device)).double().cpu().numpy()
                )
    return total / (len(levels) * draws)


def _noise(name: str, level: float, k: int, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return stream(seed, f"record_loss/{name}/{level:g}/{k}").standard_normal(shape, np.float32)
