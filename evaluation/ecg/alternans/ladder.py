"""Training on the paper's ladder of sets.

Real are real records with alternans put in; artificial the simulator's own; arrhythmia are records
with their rhythm for an answer, learnt first. Source: Sadiq et al., arXiv 2112.15442.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ....conditioning.seeds import sample_seed
from ....generators.readout.alternans import BeatNetwork, Beats, stack
from ....generators.readout.supervised import Batch, Schedule, initialise, train
from .examples import LONG_BEATS, RHYTHMS, SHORT_BEATS, Examples

_LONG_SHARE = 0.25  # of the batches
_LONG_BATCH, _SHORT_BATCH = 8, 32
_FEW_SHARE = 1 / 3
REAL, ARTIFICIAL, REFERENCE = "real", "artificial", "real"
_CONTROL = "real, compute of "


def batches(
    examples: Examples, *, augment: bool = False, few_leads: Sequence[str] = ()
) -> Callable[[np.random.Generator], Batch]:
    """Return the drawing of batches: as many of each class, 8 to 16 beats in most of them and 64 in the others.

    Args:
        examples: rows to draw from.
        augment: whether each row's height changes by about a fifth and each beat gets noise of up to 20 uV.
        few_leads: leads that a third of the batches are reduced to, the others zero; no batch when empty.
    """
    taken = [k for k, lead in enumerate(INDEPENDENT_LEADS) if few_leads and lead not in few_leads]
    answer = np.array(examples.answer)
    rows = [np.flatnonzero(answer == c) for c in np.unique(answer)]
    long = [r[[len(examples.beats[i]) >= LONG_BEATS - 4 for i in r]] for r in rows]

    def draw(rng: np.random.Generator) -> Batch:
        wide = all(len(r) for r in long) and rng.random() < _LONG_SHARE
        beats, size = (LONG_BEATS, _LONG_BATCH) if wide else (int(rng.integers(8, SHORT_BEATS + 1)), _SHORT_BATCH)
        start = int(rng.integers(len(rows)))
        chosen = [(long if wide else rows)[(start + k) % len(rows)] for k in range(size)]
        picked = np.array([r[rng.integers(len(r))] for r in chosen])
        chosen_beats = [_crop(examples.beats[i], beats, rng) for i in picked]
        signal, mask = stack([_augmented(b, rng) for b in chosen_beats] if augment else chosen_beats, beats)
        if taken and rng.random() < _FEW_SHARE:
            signal[:, :, taken] = 0
        return {
            "signal": torch.from_numpy(signal), "mask": torch.from_numpy(mask),
            "answer": torch.from_numpy(answer[picked]),
        }  # fmt: skip

    return draw


def _crop(beats: Beats, count: int, rng: np.random.Generator) -> Beats:
    return beats.part(int(rng.integers(max(0, len(beats) - count) + 1)), count)


def _augmented(beats: Beats, rng: np.random.Generator) -> Beats:
    gain, noise_uv = np.exp(0.2 * rng.standard_normal()), rng.uniform(0, 20)
    x = gain * beats.x_uv + noise_uv * rng.standard_normal(beats.x_uv.shape)
    return dataclasses.replace(beats, x_uv=x.astype(np.float32))


def _loss(network: nn.Module, batch: Batch) -> torch.Tensor:
    logits = network(batch["signal"], batch["mask"])
    if logits.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], batch["answer"].float())
    return nn.functional.cross_entropy(logits, batch["answer"])


@dataclass(frozen=True)
class Steps:
    """Optimiser steps of each stage."""

    arrhythmia: int
    artificial: int
    real: int


@dataclass(frozen=True)
class Sets:
    """What the ladder is trained on.

    Attributes:
        real: real records with and without alternans put in.
        artificial: simulated ones.
        arrhythmia: records with rhythms for answers, by the name of their source; `all` is pretrained on the last.
        few_leads: leads that a third of the batches are reduced to, for tests that have no others; none when empty.
    """

    real: Examples
    artificial: Examples
    arrhythmia: Mapping[str, Examples]
    few_leads: tuple[str, ...] = ()

    @property
    def patients(self) -> frozenset[str]:
        """Return all patients whose real records are trained on."""
        return frozenset(self.real.patient).union(*(some.patient for some in self.arrhythmia.values()))


def rungs(sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the ladder: the kinds of stage that each arm goes through, by its name.

    Args:
        sources: names of the arrhythmia sets, the one that `all` uses last.
    """
    pretrained = {f"real + arrhythmia ({name})": (name, REAL) for name in sources}
    return {
        REFERENCE: (REAL,),
        **pretrained,
        "real + artificial": (ARTIFICIAL, REAL),
        "all": (sources[-1], ARTIFICIAL, REAL),
        f"{_CONTROL}arrhythmia": (f"{REAL} for arrhythmia", REAL),
        f"{_CONTROL}artificial": (f"{REAL} for {ARTIFICIAL}", REAL),
        f"{_CONTROL}all": (f"{REAL} for arrhythmia", f"{REAL} for {ARTIFICIAL}", REAL),
        "artificial": (ARTIFICIAL,),
    }


def control_of(arm: str) -> str | None:
    """Return the arm that takes an arm's steps, stage for stage, on real records alone; None where there is none."""
    if arm.startswith("real + arrhythmia"):
        return f"{_CONTROL}arrhythmia"
    return {"real + artificial": f"{_CONTROL}artificial", "all": f"{_CONTROL}all"}.get(arm)


def ladder(sets: Sets, steps: Steps, seed: int) -> dict[str, BeatNetwork]:
    """Return the trained networks of one seed; all start from the same weights and end on the same real batches.

    `real`, `real + arrhythmia`, `real + artificial` and `all` are the paper's; `artificial` saw no real record with
    alternans, and the arms named `real, compute of` go through as many stages of as many steps on real records. Stages
    that arms begin with in common are trained once.
    """
    blank = initialise(BeatNetwork, seed)
    assert isinstance(blank, BeatNetwork)
    done: dict[tuple[str, ...], BeatNetwork] = {(): blank}

    def network(stages: tuple[str, ...]) -> BeatNetwork:
        if stages not in done:
            done[stages] = _stage(network(stages[:-1]), stages[-1], sets, steps, seed)
        return done[stages]

    return {arm: network(stages) for arm, stages in rungs(list(sets.arrhythmia)).items()}


def _stage(start: BeatNetwork, kind: str, sets: Sets, steps: Steps, seed: int) -> BeatNetwork:
    """Return a network trained through one stage; the controls' first stages draw batches of their own."""
    few = sets.few_leads
    if kind in sets.arrhythmia:
        examples = sets.arrhythmia[kind]
        return taught(start.with_head(len(RHYTHMS)), examples, steps.arrhythmia, seed, few_leads=few).with_head(1)
    count = steps.real if kind == REAL else steps.artificial if kind.endswith(ARTIFICIAL) else steps.arrhythmia
    own = sample_seed(seed, f"alternans.stage/{kind}") if kind.startswith(f"{REAL} for") else seed
    return taught(start, sets.artificial if kind == ARTIFICIAL else sets.real, count, own, few_leads=few)


def taught(
    start: BeatNetwork, examples: Examples, steps: int, seed: int, *,
    augment: bool = False, few_leads: Sequence[str] = (),
) -> BeatNetwork:  # fmt: skip
    """Return a copy of a network trained on from its weights; its head must fit the examples' answers."""
    out = train(start, batches(examples, augment=augment, few_leads=few_leads), _loss, Schedule(steps), seed)
    assert isinstance(out, BeatNetwork)
    return out


def logits(network: BeatNetwork, rows: Sequence[Beats], beats: int) -> np.ndarray:
    """Return the network's score of each row, on its first `beats` beats."""
    out = []
    for first in range(0, len(rows), 16):
        signal, mask = stack(rows[first : first + 16], beats)
        with torch.inference_mode():
            out.append(network(torch.from_numpy(signal), torch.from_numpy(mask))[:, 0].numpy())
    return np.concatenate(out)
