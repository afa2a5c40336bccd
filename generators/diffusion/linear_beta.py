"""The variance-preserving diffusion of a linear beta schedule, its network saying x0: noising, and walks back.

Source: Ho et al. 2020, arXiv 2006.11239, equations 4 and 7 (schedule, ancestral step); Song et al. 2021, arXiv
2010.02502, equation 12 (DDIM); Jiang et al. 2024, arXiv 2405.14802 (few steps in training as in sampling).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from .dpm_solver import dpm_solver_2m
from .heun import heun
from .preconditioning import alongside

_LARGEST_BETA = 0.999
# (x (b, ...), step (b,) int64) -> the network's x0, (b, ...).
Predict = Callable[[Tensor, Tensor], Tensor]
Walk = Literal["ancestral", "ddim", "dpm_solver_2m", "heun"]


class LinearBetaConfig(BaseModel):
    """The schedule.

    Attributes:
        steps: time steps T that are trained.
        beta_start: first beta of 1000 steps.
        beta_end: last beta of 1000 steps.
        few: where T is not 1000, `direct` multiplies the betas by 1000 / T (those above 0.999 become 0.999: with
            T = 10 the plain rule would give 2), `sampled` takes T of the 1000 levels, the first and last among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(1000, ge=2, le=10_000)
    beta_start: float = Field(1e-4, gt=0, lt=1)
    beta_end: float = Field(0.02, gt=0, lt=1)
    few: Literal["direct", "sampled"] = "direct"

    def alpha_bar(self) -> Float[np.ndarray, " steps"]:
        """Return the share of the data's variance that is left at each step, falling."""
        if self.few == "sampled":
            levels = np.cumprod(1 - np.linspace(self.beta_start, self.beta_end, 1000))
            kept = levels[np.linspace(0, 999, self.steps).astype(int)]
            ratio = np.minimum(kept / np.append(1.0, kept[:-1]), 1 - 1e-4)
            return np.cumprod(np.maximum(ratio, 1 - _LARGEST_BETA))
        betas = np.linspace(self.beta_start, self.beta_end, self.steps) * (1000 / self.steps)
        return np.cumprod(1 - np.minimum(betas, _LARGEST_BETA))

    def drawn(self, uniform: Tensor) -> Tensor:
        """Return a step for each number of [0, 1), all steps equally likely."""
        return (uniform * self.steps).long().clamp(max=self.steps - 1)

    def time(self, step: Tensor) -> Tensor:
        """Return a step as the network is told it, 0 to 1000."""
        return step.float() * (1000 / self.steps)

    def noised(self, x0: Tensor, step: Tensor, eps: Tensor) -> Tensor:
        """Return x0 at a step: sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps."""
        kept = torch.from_numpy(self.alpha_bar()).to(x0.device)[step]
        return alongside(kept.sqrt().float(), x0) * x0 + alongside((1 - kept).sqrt().float(), x0) * eps

    def walk(self, n: int) -> Int[np.ndarray, " n"]:
        """Return the steps that a walk of n calls visits, from the last to the first.

        Raises:
            ValueError: more calls than steps.
        """
        if not 1 <= n <= self.steps:
            raise ValueError(f"steps = {n}: the model was trained with {self.steps}, so 1 to {self.steps} can be taken")
        return np.unique(np.rint(np.linspace(self.steps - 1, 0, n) if n > 1 else [self.steps - 1]).astype(int))[::-1]


@torch.no_grad()
def walked(
    predict: Predict, x: Tensor, config: LinearBetaConfig, n: int, how: Walk, eta: float, fresh: Callable[[], Tensor]
) -> Tensor:
    """Return x0 from pure noise in n calls of the network (`heun`: two a step).

    Args:
        predict: the network's x0 at (x, step).
        x: standard normal noise.
        config: the schedule.
        n: calls; the last one's x0 is what is returned.
        how: `ancestral` draws from the posterior of each step; `ddim` takes `eta` of its spread; the others follow the
            probability flow to a higher order.
        eta: 0 to 1, of `ddim`.
        fresh: more noise in the shape of x.
    """
    steps, kept = config.walk(n), config.alpha_bar()
    if how in ("dpm_solver_2m", "heun"):
        return _flow(predict, x, steps, kept, how)
    share = 1.0 if how == "ancestral" else eta
    for k, step in enumerate(steps):
        x0 = predict(x, torch.full((len(x),), int(step), device=x.device))
        if k == len(steps) - 1:
            return x0
        x = _back(x, x0, float(kept[step]), float(kept[steps[k + 1]]), share, fresh)
    raise AssertionError


def _back(x: Tensor, x0: Tensor, now: float, after: float, share: float, fresh: Callable[[], Tensor]) -> Tensor:
    """Return x one step back; with the whole spread that is a draw from q(x_after | x_now, x0)."""
    spread = share * ((1 - after) / (1 - now) * (1 - now / after)) ** 0.5
    eps = (x - now**0.5 * x0) / (1 - now) ** 0.5
    moved = after**0.5 * x0 + max(0.0, 1 - after - spread**2) ** 0.5 * eps
    return moved + spread * fresh() if spread > 0 else moved


def _flow(predict: Predict, x: Tensor, steps: np.ndarray, kept: np.ndarray, how: str) -> Tensor:
    """Walk with a solver written for x0 + sigma eps: x / sqrt(alpha_bar) is of that form.

    In double precision, for where nothing of the data is left sigma has ten digits.
    """
    sigmas = np.sqrt((1 - kept[steps]) / kept[steps])

    def denoise(scaled: Tensor, sigma: Tensor) -> Tensor:
        k = int(np.abs(np.log(sigmas) - float(sigma[0].log())).argmin())
        step = torch.full((len(scaled),), int(steps[k]), device=scaled.device)
        return predict((scaled * float(np.sqrt(kept[steps[k]]))).to(x.dtype), step).double()

    solver = dpm_solver_2m if how == "dpm_solver_2m" else heun
    return solver(denoise, x.double() / float(np.sqrt(kept[steps[0]])), np.append(sigmas, 0.0)).to(x.dtype)
