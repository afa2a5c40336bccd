"""Which hashes differ in few bits, without comparing all with all.

Two words of 64 bits that differ in at most r agree whole in one of r + 1 pieces, so only words that share a piece are
compared.

Source: Norouzi et al. 2012, "Fast search in Hamming space with multi-index hashing" (proposition 1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, UInt64

RADIUS = 6  # bits, as in Less-is-More
_BLOCK = 4_000_000  # pairs compared at once
_WIDEST = 15  # bits beyond which pieces are too short to help

Pairs = tuple[np.ndarray, np.ndarray]


def near_pairs(
    x: UInt64[np.ndarray, " n"], y: UInt64[np.ndarray, " m"] | None = None, radius: int = RADIUS
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Return all pairs of words that differ in at most `radius` bits, sorted.

    Args:
        x: words.
        y: other words; within x, each pair once with the first before the second, when None.
        radius: bits, 0 to 63.

    Raises:
        ValueError: a radius outside that range.
    """
    if not 0 <= radius <= 63:
        raise ValueError(f"radius = {radius}; 0 to 63 bits can differ")
    within = y is None
    other = x if y is None else y
    found = []
    for i, j in _candidates(x, other, radius, within):
        near = np.bitwise_count(x[i] ^ other[j]) <= radius
        found.append(i[near] * max(1, len(other)) + j[near])
    both = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    return both // max(1, len(other)), both % max(1, len(other))


def _candidates(x: np.ndarray, y: np.ndarray, radius: int, within: bool) -> Iterator[Pairs]:
    if radius > _WIDEST:
        yield from _all_pairs(x, y, within)
        return
    cuts = np.linspace(0, 64, radius + 2).round().astype(int)
    for low, high in zip(cuts[:-1], cuts[1:], strict=True):
        width = int(high - low)
        mask = np.uint64((1 << width) - 1 if width < 64 else 0xFFFFFFFFFFFFFFFF)
        a, b = ((words >> np.uint64(low)) & mask for words in (x, y))
        yield from _same(a, b, within)


def _same(a: np.ndarray, b: np.ndarray, within: bool) -> Iterator[Pairs]:
    """Yield pairs of equal pieces, in blocks."""
    order = np.argsort(b, kind="stable")
    ranked = b[order]
    first, last = np.searchsorted(ranked, a, side="left"), np.searchsorted(ranked, a, side="right")
    if within:
        place = np.empty(len(b), np.int64)
        place[order] = np.arange(len(b))
        first = np.maximum(first, place + 1)  # each pair once: those that stand behind
    count = np.maximum(last - first, 0)
    ends = np.cumsum(count)
    start = 0
    while start < len(a):
        done = 0 if start == 0 else int(ends[start - 1])
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        many = count[start:stop]
        i = np.repeat(np.arange(start, stop), many)
        offset = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        j = order[np.repeat(first[start:stop], many) + offset]
        yield (np.minimum(i, j), np.maximum(i, j)) if within else (i, j)
        start = stop


def _all_pairs(x: np.ndarray, y: np.ndarray, within: bool) -> Iterator[Pairs]:
    step = max(1, _BLOCK // max(1, len(y)))
    for start in range(0, len(x), step):
        i, j = (e.ravel() for e in np.mgrid[start : min(start + step, len(x)), 0 : len(y)])
        keep = i < j if within else np.ones(len(i), bool)
        yield i[keep], j[keep]


def groups_of(n: int, i: Int[np.ndarray, " p"], j: Int[np.ndarray, " p"]) -> Int[np.ndarray, " n"]:
    """Return a group number of each of n records: those that a chain of pairs connects have the same.

    Groups are numbered by their first record.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, label = connected_components(coo_matrix((np.ones(len(i), bool), (i, j)), shape=(n, n)), directed=False)
    _, first = np.unique(label, return_index=True)
    rank = np.argsort(np.argsort(first))
    return np.asarray(rank[label], dtype=np.int64)
