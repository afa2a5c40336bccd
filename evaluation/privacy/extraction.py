"""Extraction by generate-and-filter: what is drawn again and again under one condition, held against training.

A generator that has learned a record by heart draws it many times; records that it makes up are all different. So
clumps of samples are candidates that an attacker finds without any real data, and only then are they compared.

Source: Carlini et al. 2023, arXiv 2301.13188 (section 4.2; there cliques of ten, here connected groups).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..comparison import interval
from ..realism import Sample
from ..result import Result
from .distances import codes, nearest_k
from .result import Attack, Figure, attack_of, unanswered
from .risk import clopper_pearson

_BLOCK = 8_000_000


class Extraction(BaseModel):
    """When samples are a clump.

    Attributes:
        clump: samples, at least.
        near: samples of a clump are linked at this share of the median distance of a real record to the nearest other
            patient's, at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    clump: int = Field(3, ge=2)
    near: float = Field(0.5, gt=0, lt=1)


@dataclass(frozen=True)
class Clump:
    """Samples of one condition that lie together.

    Attributes:
        rows: synthetic rows.
        middle: the row that lies nearest to the others.
    """

    rows: Int[np.ndarray, " k"]
    middle: int


def clumps(synthetic: Float[np.ndarray, "m d"], groups: Sequence[str], line: float, least: int) -> tuple[Clump, ...]:
    """Return groups of samples of one condition that are linked by distances under a line.

    Args:
        synthetic: features.
        groups: the condition of each, as a word.
        line: distance under which two are linked.
        least: samples of a clump.
    """
    found = []
    for group in sorted(set(groups)):
        rows = np.flatnonzero(np.asarray(groups) == group)
        x = synthetic[rows]
        i, j = _links(x, line)
        n, label = connected_components(coo_matrix((np.ones(len(i), bool), (i, j)), shape=(len(x),) * 2), False)
        sizes = np.bincount(label, minlength=n)
        for k in np.flatnonzero(sizes >= least):
            mine = np.flatnonzero(label == k)
            centre = x[mine].mean(axis=0)
            found.append(Clump(rows[mine], int(rows[mine[((x[mine] - centre) ** 2).sum(axis=1).argmin()]])))
    return tuple(found)


def _links(x: np.ndarray, line: float) -> tuple[np.ndarray, np.ndarray]:
    y = x - x.mean(axis=0)
    squares, step = (y**2).sum(axis=1), max(1, _BLOCK // max(1, len(y)))
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(y), step):
        d2 = squares[start : start + step, None] + squares[None, :] - 2 * y[start : start + step] @ y.T
        i, j = np.nonzero(d2 < line**2)
        keep = i + start < j
        first.append(i[keep] + start)
        second.append(j[keep])
    return np.concatenate(first), np.concatenate(second)


def extraction_attack(
    training: Sample, held_out: Sample, synthetic: Sample, groups: Sequence[str] | None = None,
    config: Extraction | None = None, typical: float | None = None,
) -> Attack:  # fmt: skip
    """Return how many clumps of samples are a training record, and how many a held-out one by the same line.

    Args:
        training: records that the generator was trained on.
        held_out: real records of other patients.
        synthetic: samples, many of a condition.
        groups: the condition of each sample as a word; all are of one when None.
        config: when samples are a clump.
        typical: median distance of a training record to the nearest one of another patient, where it is known.
    """
    config = config or Extraction()
    typical = _typical(training) if typical is None else typical
    if not typical > 0:
        return unanswered(*NAMES, "the features of most training records are the same")
    line = config.near * typical
    together = [""] * len(synthetic) if groups is None else list(groups)
    found = clumps(synthetic.x, together, line, config.clump)
    samples = sum(len(c.rows) for c in found)
    figures = (
        _count("clumps", "clumps of samples", len(found), len(synthetic)),
        _count("clumped", "samples in clumps", samples, len(synthetic)),
    )
    middles = synthetic.x[[c.middle for c in found]]
    matched = _near(middles, training, line)
    n = len(synthetic)
    taken = sum(len(c.rows) for c, hit in zip(found, matched, strict=True) if hit)
    wrongly = sum(len(c.rows) for c, hit in zip(found, _near(middles, held_out, line), strict=True) if hit)
    rates = clopper_pearson(taken / n, n), clopper_pearson(wrongly / n, n)
    extracted = (
        _count("extracted", "training records extracted", _different(middles, training, line), len(found)),
        _count("extracted_held_out", "held-out records found alike", _different(middles, held_out, line), len(found)),
    )
    return attack_of(*NAMES, rates, (*figures, *extracted))


def extraction_seen(
    training: Sample, held_out: Sample, synthetic: Sample, groups: Sequence[str] | None = None,
    typical: float | None = None,
) -> tuple[Result, Result]:  # fmt: skip
    """Return attack and control alone."""
    made = extraction_attack(training, held_out, synthetic, groups, typical=typical)
    a, c = (
        Result(float(r.value or 0), float(r.low or 0), float(r.high or 0), r.n) for r in (made.attack, made.control)
    )
    return a, c


def _typical(training: Sample, most: int = 2000) -> float:
    """Return the median distance of a training record to the nearest one of another patient."""
    at = np.unique(np.linspace(0, len(training) - 1, min(most, len(training))).astype(int))
    (code,) = codes(tuple(training.patients))
    d = nearest_k(training.x[at], training.x, 1, code[at], code)[0][:, 0]
    d = d[np.isfinite(d)]
    return float(np.median(d)) if len(d) else 0.0


def _near(middles: np.ndarray, real: Sample, line: float) -> list[bool]:
    return (nearest_k(middles, real.x, 1)[0][:, 0] < line).tolist() if len(middles) else []


def _different(middles: np.ndarray, real: Sample, line: float) -> int:
    if not len(middles):
        return 0
    d, row = nearest_k(middles, real.x, 1)
    return len(set(row[d[:, 0] < line, 0].tolist()))


def _count(name: str, label: str, value: int, n: int) -> Figure:
    return Figure(name=name, label=label, value=interval(Result(float(value), float(value), float(value), n)))


NAMES = (
    "extraction",
    "extraction by generate-and-filter",
    "Takes samples of one condition that lie together (three or more, linked within half of the median distance "
    "between real records) for memorised ones, and counts those whose middle lies as near to a training record; the "
    "control is a held-out record.",
)
