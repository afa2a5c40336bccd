"""A token per attribute of a condition, and their sum of views as one vector."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...diffusion.embedding import Waves
from .condition import PEOPLE, RACES, SEXES, STATES, VIEWS, ConditionConfig

_OLDEST_YEARS = 110.0


class ConditionEncoder(nn.Module):
    """`value` and `said`, each (b, attributes) -> tokens (b, attributes, width) and their mixture (b, width).

    Each attribute has a token of its own, an embedding for each of its words (age: waves of the number) or, where it is
    unsaid, one that says so.
    """

    def __init__(self, config: ConditionConfig) -> None:
        super().__init__()
        d, n = config.width, len(config.attributes)
        self.sex = nn.Embedding(len(SEXES), d)
        self.age = nn.Sequential(Waves(32, 0.5 * math.pi, 16 * math.pi), nn.Linear(32, d))
        self.race = nn.Embedding(len(RACES), d)
        self.view = nn.Embedding(len(VIEWS), d)
        self.finding = nn.Embedding(len(STATES) * max(1, len(config.findings)), d)
        self.unsaid = nn.Embedding(n, d)
        self.norm = nn.LayerNorm(d)
        self.mix = nn.Sequential(nn.Linear(n * d, 2 * d), nn.SiLU(), nn.Linear(2 * d, d))

    def forward(self, value: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens and mixture; the value of an unsaid attribute has no effect."""
        value = torch.where(said > 0.5, value, torch.zeros_like(value))
        sex, age, race, view = value[:, : len(PEOPLE)].unbind(1)
        tokens = [self.sex(sex.long()), self.age(age.clamp(0, _OLDEST_YEARS) / _OLDEST_YEARS)]
        tokens += [self.race(race.long()), self.view(view.long())]
        for k, finding in enumerate(value[:, len(PEOPLE) :].unbind(1)):
            tokens.append(self.finding(len(STATES) * k + finding.long()))
        unsaid = self.unsaid(torch.arange(value.shape[1], device=value.device))
        told = self.norm(torch.where(said[:, :, None] > 0.5, torch.stack(tokens, 1), unsaid))
        return told, self.mix(told.flatten(1))
