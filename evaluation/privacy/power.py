"""Whether a screen would have seen a leak: slightly noisy copies of training records are planted, and it looks again.

A screen that finds nothing says little where it would have found nothing either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism import Sample
from ..result import Result
from ..statistics import wilson
from .copies import authenticity_rates, near_rates, nearest_rates, nndr_rates
from .distances import nearest_k
from .membership import density_rates, nearness_rates
from .result import Power
from .risk import risk
from .tail import tail_rates
from .view import View, halves, references, seen

SHARE = 0.05  # of the records are copies
NOISE = 0.1  # how far a copy lies from its training record, of the median held-out distance
Rates = tuple[Result, Result]

SCREENS: dict[str, Callable[[View], Rates]] = {
    "near_copies": near_rates,
    "tail": tail_rates,
    "nearest": nearest_rates,
    "nndr": nndr_rates,
    "authenticity": authenticity_rates,
    "membership_nearest": nearness_rates,
    "membership_density": density_rates,
}


@dataclass(frozen=True)
class Trial:
    """One planting.

    Attributes:
        base: synthetic records, or a held-out half in their place.
        controls: held-out rows that judge it.
        copies: the planted records.
        rows: training rows that they are copies of.
    """

    base: Sample
    controls: np.ndarray
    copies: Sample
    rows: np.ndarray


def slightly(x: Float[np.ndarray, "k d"], length: float, rng: np.random.Generator) -> Float[np.ndarray, "k d"]:
    """Return rows moved by `length` in random directions."""
    way = rng.standard_normal(x.shape)
    return np.asarray(x + length * way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-300))


def plants(
    training: Sample, size: int, length: float, rng: np.random.Generator, each: int = 1
) -> tuple[Sample, np.ndarray]:
    """Return noisy copies of random training records so that they make up 5 % beside `size` records, and their rows.

    Args:
        training: records that the generator was trained on.
        size: records among which they are planted.
        length: how far a copy lies from its record.
        rng: the stream of the choice.
        each: copies of a record.
    """
    n = max(1, round(SHARE / (1 - SHARE) * size / each))
    rows = rng.choice(len(training), min(n, len(training)), replace=False).repeat(each)
    x = slightly(training.x[rows], length, rng)
    return Sample(x, [f"planted {i}" for i in range(len(rows))]), rows


def powers(
    training: Sample, held_out: Sample, synthetic: Sample, view: View, at: np.ndarray, *, seed: int, repeats: int = 20
) -> dict[str, Power]:
    """Return the power of each screen of distances.

    Args:
        training: records that the generator was trained on.
        held_out: real records of other patients.
        synthetic: what is judged.
        view: distances of the three.
        at: training rows that membership is inferred of, those of the view.
        seed: of what is planted.
        repeats: plantings, each among the synthetic records and among half of the held-out ones.
    """
    length = NOISE * float(np.median(view.held_out.first))
    members = training.rows(at)
    here = _alarms(_here(training, held_out, members, synthetic, view, length, seed, repeats))
    pairs = list(_among_held_out(training, held_out, members, view, length, seed, repeats))
    planted, alone = _alarms(v for v, _ in pairs), _alarms(v for _, v in pairs)
    return {name: power(here[name], planted[name], alone[name]) for name in SCREENS}


def power(here: list[bool], planted: list[bool], alone: list[bool]) -> Power:
    """Return detection rates with their intervals."""

    def rate(hits: list[bool]) -> Result:
        return wilson(float(np.mean(hits)) if hits else float("nan"), len(hits))

    return Power(
        share=SHARE, here=interval(rate(here)), held_out=interval(rate(planted)), false_alarms=interval(rate(alone))
    )


def alarmed(rates: Rates) -> bool:
    """Return whether a screen's risk is above 0 beyond chance."""
    return bool(risk(*rates).low > 0)


def _alarms(views: Iterator[View]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {name: [] for name in SCREENS}
    for view in views:
        for name, screen in SCREENS.items():
            found[name].append(alarmed(screen(view)))
    return found


def _here(
    training: Sample, held_out: Sample, members: Sample, synthetic: Sample, view: View, length: float, seed: int,
    repeats: int,
) -> Iterator[View]:  # fmt: skip
    for k in range(repeats):
        copies, _ = plants(training, len(synthetic), length, stream(seed, f"privacy.power/{k}"))
        yield view.planted(seen(copies, training), _to(members, copies), _to(held_out, copies))


def _among_held_out(
    training: Sample, held_out: Sample, members: Sample, view: View, length: float, seed: int, repeats: int
) -> Iterator[tuple[View, View]]:
    """Yield a held-out half with copies, judged by the other half; and the half alone."""
    for k in range(repeats):
        half = halves(held_out, seed + 1 + k)
        mine, other = (np.flatnonzero(half == side) for side in (0, 1))
        if len(mine) < 2 or len(other) < 4:
            return
        base, rest = held_out.rows(mine), held_out.rows(other)
        of_members, of_strangers = references(members, rest, seed)
        alone = replace(
            view,
            synthetic=view.held_out.rows(mine),
            held_out=view.held_out.rows(other),
            members=np.stack([_to(members, base), of_members], axis=1),
            strangers=np.stack([_to(rest, base), of_strangers], axis=1),
        )
        copies, _ = plants(training, len(mine), length, stream(seed, f"privacy.power.held_out/{k}"))
        yield alone.planted(seen(copies, training), _to(members, copies), _to(rest, copies)), alone


def _to(sample: Sample, others: Sample) -> np.ndarray:
    return nearest_k(sample.x, others.x, 1)[0][:, 0]
