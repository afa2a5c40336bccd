"""Canaries: records made to be remembered, put among the training records, and looked for in what is generated.

Each canary has twins that were made alike and never put in. A generator that learned nothing of a canary comes as near
to its twins as to it, so the canary's rank among them is a measure with a known blank: exposure in bits.

Source: Carlini et al. 2019, arXiv 1802.08232 (section 4, exposure), with twins in place of the space of secrets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ...conditioning.record import Record
from ...conditioning.seeds import stream
from ..comparison import interval
from ..result import Result, unknown_result
from .distances import nearest_k
from .result import Attack, Figure, attack_of, unanswered
from .risk import clopper_pearson

Kind = Literal["marked", "mislabelled", "unique"]
_BLOBS = 6  # of a mark


@dataclass(frozen=True)
class Canaries:
    """Canaries and their twins.

    Attributes:
        kind: how they were made.
        inserted: the canaries, k records.
        twins: of each canary, as many records that are never trained on.
        training: the training records with the canaries among them, in a drawn order.
    """

    kind: Kind
    inserted: tuple[Record, ...]
    twins: tuple[tuple[Record, ...], ...]
    training: tuple[Record, ...]


def with_canaries(
    records: Sequence[Record], k: int, *, kind: Kind = "marked", twins: int = 63, copies: int = 1, seed: int = 0
) -> Canaries:
    """Return training records with canaries among them.

    Args:
        records: training records, each with `image` or `signal`; they stay as they are.
        k: canaries.
        kind: `marked`, a record with a pattern of its own laid over it; `mislabelled`, a record under another one's
            condition; `unique`, noise of the record's spectrum, which looks like nobody.
        twins: records made alike of the same one and left out, for each canary.
        copies: how often each canary is put in.
        seed: of all choices.

    Raises:
        ValueError: too few records, conditions that are all the same, or a number below 1.
    """
    if min(k, twins, copies) < 1 or k > len(records):
        raise ValueError(f"k = {k}, twins = {twins}, copies = {copies} with {len(records)} records: each must be 1 or "
                         "more, and k no more than there are records")  # fmt: skip
    bases = [records[i] for i in stream(seed, "canaries.bases").permutation(len(records))[:k]]
    made = [[_canary(base, records, kind, seed, f"{j}/{t}") for t in range(twins + 1)] for j, base in enumerate(bases)]
    inserted = tuple(each[0] for each in made)
    again = [replace(c, record_id=f"{c.record_id}-{i}") if i else c for c in inserted for i in range(copies)]
    joined = [*records, *again]
    order = stream(seed, "canaries.order").permutation(len(joined))
    return Canaries(kind, inserted, tuple(tuple(each[1:]) for each in made), tuple(joined[i] for i in order))


def _canary(base: Record, records: Sequence[Record], kind: Kind, seed: int, name: str) -> Record:
    rng, said = stream(seed, f"canaries/{name}"), f"canary-{seed}-{name.replace('/', '-')}"
    about = {**base.provenance, "canary": kind, "patient_id": said}
    condition = base.condition
    if condition is not None and "patient_id" in type(condition).model_fields:
        condition = condition.model_copy(update={"patient_id": said})
    if kind == "mislabelled":
        return replace(base, record_id=said, condition=_wrong(base, records, rng, said), provenance=about)
    key = "image" if "image" in base.arrays else "signal"
    if key not in base.arrays:
        raise ValueError(f"record {base.record_id} has neither image nor signal; a canary cannot be made of it")
    x = np.asarray(base.arrays[key], np.float32)
    changed = marked(x, rng) if kind == "marked" else scrambled(x, rng)
    return replace(base, record_id=said, arrays={**base.arrays, key: changed}, condition=condition, provenance=about)


def _wrong(base: Record, records: Sequence[Record], rng: np.random.Generator, said: str) -> Any:
    """Return the condition of another record that says something else."""

    def without_name(record: Record) -> str:
        c = record.condition
        return "" if c is None else c.model_dump_json(exclude={"patient_id"})

    mine = without_name(base)
    for i in rng.permutation(len(records)).tolist():
        if without_name(records[i]) != mine:
            other = records[i].condition
            named = other is not None and "patient_id" in type(other).model_fields
            return other.model_copy(update={"patient_id": said}) if named and other is not None else other
    raise ValueError(f"all records are under the condition of {base.record_id}; none can be mislabelled")


def marked(x: Float[np.ndarray, "*axes"], rng: np.random.Generator) -> Float[np.ndarray, "*axes"]:
    """Return an array with six smooth bumps in drawn places laid over it, within its own range.

    Images and volumes are marked in space; a signal, (leads, samples), in time and leads alike.
    """
    pattern = np.zeros(x.shape)
    grids = np.meshgrid(*(np.linspace(0, 1, n) for n in x.shape), indexing="ij", sparse=True)
    for _ in range(_BLOBS):
        at, width, sign = rng.random(x.ndim), rng.uniform(0.04, 0.12), rng.choice([-1.0, 1.0])
        pattern += sign * np.exp(-sum((g - c) ** 2 for g, c in zip(grids, at, strict=True)) / (2 * width**2))
    low, high = float(x.min()), float(x.max())
    return np.clip(x + 0.6 * (high - low) * pattern, low, high).astype(x.dtype)


def scrambled(x: Float[np.ndarray, "*axes"], rng: np.random.Generator) -> Float[np.ndarray, "*axes"]:
    """Return noise with the array's spectrum, in its range: what it is made of without what it shows."""
    phase = np.angle(np.fft.fftn(rng.standard_normal(x.shape)))
    mean = x.mean()
    noise = np.fft.ifftn(np.abs(np.fft.fftn(x - mean)) * np.exp(1j * phase)).real + mean
    return np.clip(noise, x.min(), x.max()).astype(x.dtype)


def ranks(
    inserted: Float[np.ndarray, "k d"], twins: Sequence[Float[np.ndarray, "t d"]], synthetic: Float[np.ndarray, "m d"],
    asked: Sequence[Sequence[int]] | None = None,
) -> Float[np.ndarray, " k"]:  # fmt: skip
    """Return the rank of each canary among its twins by the nearest synthetic record, 1 for the nearest.

    Args:
        inserted: features of the canaries.
        twins: features of each canary's twins.
        synthetic: features of what was generated.
        asked: which synthetic rows count for each canary, such as those of its (wrong) condition; all when None.
    """
    out = np.empty(len(inserted))
    for j, (canary, others) in enumerate(zip(inserted, twins, strict=True)):
        rows = synthetic if asked is None else synthetic[np.asarray(asked[j], dtype=np.int64)]
        d = nearest_k(np.concatenate([canary[None], others]), rows, 1)[0][:, 0]
        out[j] = 1 + (d[1:] < d[0]).sum() + (d[1:] == d[0]).sum() / 2
    return out


def canary_attack(
    rank: Float[np.ndarray, " k"], twins: int, *, seed: int, kind: str = "marked", resamples: int = 2000
) -> Attack:
    """Return how exposed canaries are, and how many come first among their twins.

    Args:
        rank: of each canary among its twins and itself.
        twins: of each canary.
        seed: of the bootstrap over canaries.
        kind: of the canaries.
        resamples: of the bootstrap.
    """
    name, label = f"canaries_{kind}", f"canaries ({kind})"
    if len(rank) < 5:
        return unanswered(name, label, METHOD, f"{len(rank)} canaries; 5 or more are needed")
    n = twins + 1
    bits = math.log2(n) - np.log2(rank)
    draws = stream(seed, "canaries.bootstrap").integers(len(bits), size=(resamples, len(bits)))
    low, high = np.quantile(bits[draws].mean(axis=1), [0.025, 0.975])
    exposure = Result(float(bits.mean()), float(low), float(high), len(bits))
    blank = float(np.mean(math.log2(n) - np.log2(np.arange(1, n + 1))))
    first = float((rank <= 1).mean())
    rates = clopper_pearson(first, len(rank)), Result(1 / n, 1 / n, 1 / n, n)
    figure = Figure(
        name="exposure_bits", label=f"mean exposure in bits, of {math.log2(n):.1f}",
        value=interval(exposure if n > 1 else unknown_result(len(rank))),
        control=interval(Result(blank, blank, blank, n)),
    )  # fmt: skip
    return attack_of(name, label, METHOD, rates, (figure,))


METHOD = (
    "Looks whether generated records lie nearer to records that were put among the training ones on purpose than to "
    "twins of theirs that were not; succeeds where the canary comes first."
)
