"""One vector for a condition: an embedding per attribute, with one of its own for `unsaid`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...diffusion.embedding import Waves
from .condition import AGE_YEARS, FIELDS, RATE_BPM, RHYTHM_GROUPS, SOURCES, ConditionConfig

_NEVER_SHARE = 0.15  # of the examples, with nothing said
_SOURCE_SHARE = 0.1  # of the examples, with the source unsaid
BEATS_SHARE = 0.85  # of the examples, with the beats told


class Amount(nn.Module):
    """The embedding of a number between two bounds, by its logarithm; beyond them it stays at the bound."""

    def __init__(self, low: float, high: float, token: int) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.waves = Waves(32, 0.5 * math.pi, 32 * math.pi)
        self.mix = nn.Linear(32, token)

    def forward(self, value: Tensor) -> Tensor:
        """Map (b,) to (b, token)."""
        t = torch.log(value.clamp(self.low, self.high) / self.low) / math.log(self.high / self.low)
        return self.mix(self.waves(t))


class ConditionEncoder(nn.Module):
    """`value` and `said`, each (b, attributes) -> (b, width)."""

    def __init__(self, config: ConditionConfig) -> None:
        super().__init__()
        d, n = config.token, len(config.findings)
        self.sex = nn.Embedding(2, d)
        self.age = Amount(*AGE_YEARS, d)
        self.rate = Amount(*RATE_BPM, d)
        self.rhythm = nn.Embedding(len(RHYTHM_GROUPS), d)
        self.source = nn.Embedding(len(SOURCES), d)
        self.finding = nn.Embedding(2 * max(1, n), d)
        self.unsaid = nn.Embedding(len(config.attributes), d)
        self.mix = nn.Sequential(
            nn.Linear(len(config.attributes) * d, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
        )

    def forward(self, value: Tensor, said: Tensor) -> Tensor:
        """Return the embedded condition; the value of an unsaid attribute has no effect."""
        value = torch.where(said > 0.5, value, torch.zeros_like(value))
        sex, age, rate, rhythm, source = value[:, : len(FIELDS) - 1].unbind(1)
        tokens = [self.sex(sex.long()), self.age(age), self.rate(rate)]
        tokens += [self.rhythm(rhythm.long()), self.source(source.long())]
        for k, finding in enumerate(value[:, len(FIELDS) - 1 :].unbind(1)):
            tokens.append(self.finding(2 * k + finding.long()))
        unsaid = self.unsaid(torch.arange(value.shape[1], device=value.device))
        told = torch.where(said[:, :, None] > 0.5, torch.stack(tokens, 1), unsaid)
        return self.mix(told.flatten(1))


def hushed(
    said: Float[Tensor, "b attributes"], u: Float[Tensor, "b numbers"], config: ConditionConfig
) -> Float[Tensor, "b attributes"]:
    """Return `said` with some fields left out, so that every subset of fields is learned.

    With a chance of 0.15 nothing is said; else half of the examples keep all, the others leave out each field with a
    chance drawn from 0 to 1. Findings go together. The source goes by itself, in a tenth of the examples.

    Args:
        said: 1 where an attribute is said.
        u: uniform in [0, 1), as many numbers as `numbers_needed()`.
        config: which attributes belong to which field.
    """
    chance = (2 * u[:, 1:2] - 1).clamp(min=0)
    chance = torch.where(u[:, :1] < _NEVER_SHARE, torch.ones_like(chance), chance)
    chances = chance.repeat(1, len(FIELDS))
    chances[:, FIELDS.index("source")] = _SOURCE_SHARE
    kept = (u[:, 2:] >= chances).float()
    return said * kept[:, list(config.field_of)]


def numbers_needed() -> int:
    """Return how many uniform numbers an example's `hushed` takes."""
    return 2 + len(FIELDS)


def unasked(said: Float[Tensor, "b attributes"]) -> Float[Tensor, "b attributes"]:
    """Return `said` with nothing but the source: what guidance leads away from."""
    only = torch.zeros_like(said)
    at = FIELDS.index("source")
    only[:, at] = said[:, at]
    return only
