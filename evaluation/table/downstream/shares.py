"""Parts of the training patients for label-fraction curves: nested, stratified, another draw for each seed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ....conditioning.seeds import stream
from ...downstream.shares import first_parts, spread_evenly
from .prepared import Prepared


def patient_order(side: Prepared, seed: int) -> list[str]:
    """Return patients so that every first part of the list holds each stratum in about its share.

    A patient's stratum is the rarest of the strata of its rows. Inside a stratum the order is random, and the k-th of
    m stands at (k + 1/2) / m of the list.

    Args:
        side: rows of the patients.
        seed: of the draw.
    """
    strata = side.strata
    count: dict[Hashable, int] = {}
    for value in strata:
        count[value] = count.get(value, 0) + 1
    of: dict[str, Hashable] = {}
    for name, value in zip(side.patients, strata, strict=True):
        if name not in of or count[value] < count[of[name]]:
            of[name] = value
    by_stratum = [sorted(name for name, own in of.items() if own == value) for value in sorted(count, key=repr)]
    return spread_evenly(by_stratum, stream(seed, "table.shares"))


def nested(side: Prepared, shares: Sequence[float], seed: int) -> dict[float, Prepared]:
    """Return the rows of each share of the patients; a larger share holds the smaller ones.

    A share that would be of one stratum only takes the next patients of the order until it has two.

    Args:
        side: all rows.
        shares: parts of the patients, above 0 to 1.
        seed: of the draw.
    """
    several = len(set(side.strata)) > 1
    parts = first_parts(
        patient_order(side, seed), shares, lambda names: not several or len(set(side.only(names).strata)) > 1
    )
    return {share: side.only(names) for share, names in parts.items()}
