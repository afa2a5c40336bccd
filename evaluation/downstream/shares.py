"""Parts of the patients for label-fraction curves: nested, and every part with each stratum in about its share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np


def spread_evenly(strata: Iterable[Sequence[str]], rng: np.random.Generator) -> list[str]:
    """Return patients so that every first part of the list holds each stratum in about its share.

    Inside a stratum the order is random, and the k-th of m stands at (k + 1/2) / m of the list.

    Args:
        strata: the patients of each, no patient twice.
        rng: the stream of the draw.
    """
    placed = []
    for names in strata:
        drawn = [names[k] for k in rng.permutation(len(names)).tolist()]
        placed += [((k + 0.5) / len(drawn), rng.random(), name) for k, name in enumerate(drawn)]
    return [name for _, _, name in sorted(placed)]


def first_parts(
    order: Sequence[str], shares: Sequence[float], enough: Callable[[Sequence[str]], bool]
) -> dict[float, Sequence[str]]:
    """Return the patients of each share; a larger share holds the smaller ones.

    Args:
        order: from `spread_evenly`.
        shares: parts of the patients, above 0 to 1.
        enough: whether a part can be trained on; one that cannot takes the next patients until it can.
    """
    parts = {}
    for share in sorted(shares):
        n = max(2, round(share * len(order)))
        while n < len(order) and not enough(order[:n]):
            n += 1
        parts[share] = order[:n]
    return parts
