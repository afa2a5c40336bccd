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
_CROWDED = 0.1  # of all pairs: with more candidates it is quicker to compare all
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
    if radius > _WIDEST or not len(x) or not len(y):
        yield from _all_pairs(x, y, within, radius)
        return
    pieces = [(_piece(x, bits), _piece(y, bits)) for bits in _dealt(y, radius + 1)]
    if sum(_count(a, b) for a, b in pieces) > _CROWDED * len(x) * len(y):
        yield from _all_pairs(x, y, within, radius)
        return
    for a, b in pieces:
        yield from _same(a, b, within)


def _dealt(words: np.ndarray, pieces: int) -> list[np.ndarray]:
    """Return which bits make up each piece: bits that hardly differ between words are dealt out evenly.

    Images of one kind have bits in common; a piece of such bits alone would put all words in one heap.
    """
    some = words[:: max(1, len(words) // 5000)]
    share = np.array([((some >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(64)])
    order = np.argsort(np.abs(share - 0.5), kind="stable")
    return [order[k::pieces] for k in range(pieces)]


def _piece(words: np.ndarray, bits: np.ndarray) -> np.ndarray:
    out = np.zeros(len(words), np.uint64)
    for bit in bits.tolist():
        out = (out << np.uint64(1)) | ((words >> np.uint64(bit)) & np.uint64(1))
    return out


def _count(a: np.ndarray, b: np.ndarray) -> int:
    """Return how many pairs of a piece are equal."""
    value, many = np.unique(b, return_counts=True)
    at = np.minimum(np.searchsorted(value, a), len(value) - 1)
    return int(np.where(value[at] == a, many[at], 0).sum())


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


def _all_pairs(x: np.ndarray, y: np.ndarray, within: bool, radius: int) -> Iterator[Pairs]:
    """Yield the pairs that are near, by comparing all."""
    step = max(1, _BLOCK // max(1, len(y)))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        low = start if within else 0
        i, j = np.nonzero(np.bitwise_count(part[:, None] ^ y[None, low:]) <= radius)
        i, j = i + start, j + low
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
