"""Which patients a share of the data has: nested, stratified by who they are, another draw for each seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....conditioning.seeds import stream
from ...downstream.shares import first_parts, spread_evenly
from .examples import Radiographs

SHARES = (0.05, 0.10, 0.25, 1.0)
_MANY = 3  # images: a third of the NIH's patients have more


def patient_order(examples: Radiographs, seed: int) -> list[str]:
    """Return patients so that every first part of the list holds each stratum in about its share.

    Strata are: ever sick or never, sex, few images or many. Inside a stratum the order is random, and the k-th of m
    stands at (k + 1/2) / m of the list.

    Args:
        examples: rows of the patients.
        seed: of the draw.
    """
    strata: dict[tuple[bool, int, bool], list[str]] = {}
    names, first, count = np.unique(np.array(examples.patient, dtype=str), return_index=True, return_counts=True)
    sick = {name for name, label in zip(examples.patient, examples.labels, strict=True) if label == "sick"}
    for name, at, n in zip(names.tolist(), first.tolist(), count.tolist(), strict=True):
        key = (name in sick, int(examples.attribute[at, 0]), n > _MANY)
        strata.setdefault(key, []).append(name)
    return spread_evenly([strata[key] for key in sorted(strata)], stream(seed, "findings.subsets"))


def nested(examples: Radiographs, shares: Sequence[float], seed: int) -> dict[float, Radiographs]:
    """Return the rows of each share of the patients; a larger share holds the smaller ones.

    A share that would be of one class only takes the next patients of the order until it has both.

    Args:
        examples: all rows.
        shares: parts of the patients, above 0 to 1.
        seed: of the draw.

    Raises:
        ValueError: a share is not above 0 and at most 1, or one stands there twice.
    """
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong or len(set(shares)) < len(shares) or not shares:
        raise ValueError(f"shares are {list(shares)}; give each once, above 0 and at most 1")
    parts = first_parts(patient_order(examples, seed), shares, lambda names: len(set(examples.only(names).labels)) > 1)
    return {share: examples.only(names) for share, names in parts.items()}
