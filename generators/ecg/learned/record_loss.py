"""How well the learned ECG generator fits single records, for membership attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ....conditioning.record import Record
from ...diffusion import Preconditioning, denoising_loss
from ...diffusion.record_loss import LEVELS, averaged_loss
from .beat_times import NO_BEATS, untold
from .condition import encode
from .examples import known
from .mean_beat import Told, weights
from .real_beats import real_beats
from .signal import SAMPLES, eight_leads


def ecg_loss(
    generator: Any, *, levels: Sequence[float] = LEVELS, draws: int = 2, seed: int = 0
) -> Callable[[Sequence[Record]], Float[np.ndarray, " n"]]:
    """Return a function that gives the denoising loss of records, lower where the model fits them better.

    Records with a table of waves tell the network when their hearts beat, as in training; others tell it nothing of it.

    Args:
        generator: an `EcgDiffusion`, or whatever has its `networks` and `model`.
        levels: noise over the leads' spread.
        draws: noises a level.
        seed: of the noise; the same for models that are compared.
    """
    networks, model = generator.networks, generator.model
    sd = model.scale.sigma_data

    def loss(records: Sequence[Record]) -> Float[np.ndarray, " n"]:
        if not records:
            return np.empty(0)
        x0 = model.scale.to_network(np.stack([eight_leads(record) for record in records]))
        rows = [_told(record, model) for record in records]
        value, said, *beats = (torch.from_numpy(np.stack(each)) for each in zip(*rows, strict=True))
        device = next(networks["denoiser"].parameters()).device

        def at(some: Sequence[int], x: Tensor, level: float, eps: Tensor) -> Tensor:
            mine = slice(some[0], some[-1] + 1)
            cond = networks["encoder"](value[mine].to(device), said[mine].to(device))
            told = Told(*(each[mine].to(device) for each in beats))
            sigma = torch.full((len(x),), level * sd, device=x.device)
            return denoising_loss(
                lambda scaled, c_noise: networks["denoiser"](scaled, c_noise, cond, told), x, sigma, eps,
                Preconditioning(sd),
            )  # fmt: skip

        names = [record.record_id for record in records]
        return averaged_loss(at, x0, names, levels=levels, draws=draws, seed=seed, batch=16, device=device)

    return loss


def _told(record: Record, model: Any) -> tuple[np.ndarray, ...]:
    """Return `value`, `said` and what is told of the beats of a real record."""
    marked = "waves" in record.tables and len(record.tables["waves"].get("wave", ()))
    beats = real_beats(record) if marked else NO_BEATS
    condition = known(record)
    if beats.rate_bpm is not None and marked:
        condition = condition.model_copy(update={"heart_rate_bpm": beats.rate_bpm})
    told = encode(condition, model.condition, "real")
    return *told, (beats.rows() if marked else untold()), *weights(beats, slice(0, SAMPLES))
