"""Redundancy reduction: keep the first of near-duplicates, drop the rest, in a whole set or within each volume.

Source: the greedy filter of Less-is-More, which keeps a slice and deletes all within a Hamming distance of 6 of it in
the same volume before self-supervised pretraining.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from .hamming import RADIUS, near_pairs

_BLOCK = 4_000_000


def keep_first(n: int, i: Int[np.ndarray, " p"], j: Int[np.ndarray, " p"]) -> Int[np.ndarray, " n"]:
    """Return of each record which kept record it is dropped for; -1 where it is kept.

    Records are gone through in order: one is dropped where it is near one that was kept, the first of them.

    Args:
        n: records.
        i: the earlier record of each near pair.
        j: the later one.
    """
    because = np.full(n, -1, np.int64)
    order = np.lexsort((i, j))
    first, last = i[order], j[order]
    start = np.searchsorted(last, np.arange(n + 1))
    for k in np.unique(last).tolist():
        earlier = first[start[k] : start[k + 1]]
        kept = earlier[because[earlier] < 0]
        if len(kept):
            because[k] = kept[0]
    return because


def of_same(
    i: Int[np.ndarray, " p"], j: Int[np.ndarray, " p"], volumes: Sequence[str] | None
) -> tuple[Int[np.ndarray, " q"], Int[np.ndarray, " q"]]:
    """Return the pairs whose records are of one volume (or patient); all when `volumes` is None."""
    if volumes is None:
        return i, j
    _, code = np.unique(np.asarray(volumes), return_inverse=True)
    same = code[i] == code[j]
    return i[same], j[same]


def reduced(
    words: UInt64[np.ndarray, " n"], *, radius: int = RADIUS, volumes: Sequence[str] | None = None
) -> Int[np.ndarray, " n"]:
    """Return of each record which kept one it is a near-duplicate of, by its hash; -1 where it is kept.

    Records of the same word (and volume) are one for the search, so that a set of the same image a hundred thousand
    times is no more work than one image.
    """
    code = np.zeros(len(words), np.int64) if volumes is None else np.unique(np.asarray(volumes), return_inverse=True)[1]
    _, first, back = np.unique(
        np.stack([code.astype(np.uint64), words]), axis=1, return_index=True, return_inverse=True
    )
    firsts = np.sort(first)  # where each word is met first, in the order of records
    one = first[back.ravel()]
    names = None if volumes is None else [str(code[k]) for k in firsts.tolist()]
    because = keep_first(len(firsts), *of_same(*near_pairs(words[firsts], radius=radius), names))
    out = np.full(len(words), -1, np.int64)
    out[firsts] = np.where(because < 0, -1, firsts[because])
    again = one != np.arange(len(words))
    out[again] = np.where(out[one[again]] < 0, one[again], out[one[again]])
    return out


def close_pairs(
    x: Float[np.ndarray, "n d"], line: float, others: Float[np.ndarray, "m d"] | None = None
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Return pairs of rows within a distance of each other, or of others.

    Args:
        x: features.
        line: largest distance.
        others: rows to hold them against; within x, the first before the second, when None.
    """
    y = x if others is None else others
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    middle = y.mean(axis=0) if len(y) else 0.0
    a, b = x - middle, y - middle
    squares, step = (b**2).sum(axis=1), max(1, _BLOCK // max(1, len(b)))
    for start in range(0, len(a), step):
        part = a[start : start + step]
        d2 = (part**2).sum(axis=1)[:, None] + squares[None, :] - 2 * part @ b.T
        i, j = np.nonzero(d2 <= line**2 * (1 + 1e-6) + 1e-9 * float(squares.max()))
        i = i + start
        near = np.sqrt(((a[i] - b[j]) ** 2).sum(axis=1)) <= line
        if others is None:
            near &= i < j
        first.append(i[near])
        second.append(j[near])
    return np.concatenate(first), np.concatenate(second)


def duplicate_line(real: Float[np.ndarray, "n d"], patients: Sequence[str], share: float = 0.01) -> float:
    """Return the distance that only the nearest 1 % of real records have to another patient's.

    Nearer than that two records are near-duplicates by an embedding: different people are hardly ever so alike.

    Args:
        real: features of real records.
        patients: whose each is.
        share: of the real records that lie nearer.
    """
    from ..privacy.distances import codes, nearest_k

    (code,) = codes(tuple(patients))
    d = nearest_k(real, real, 1, code, code)[0][:, 0]
    d = d[np.isfinite(d)]
    return float(np.quantile(d, share)) if len(d) else float("nan")


def keep_rates(
    thresholds: Sequence[float], dropped: Callable[[float], Int[np.ndarray, " n"]]
) -> tuple[tuple[float, float, Bool[np.ndarray, " n"]], ...]:
    """Return (threshold, share kept, which are kept) of each threshold.

    Args:
        thresholds: bits or distances.
        dropped: the function of a threshold that `keep_first` answers.
    """
    curve = []
    for threshold in thresholds:
        kept = dropped(threshold) < 0
        curve.append((float(threshold), float(kept.mean()) if len(kept) else float("nan"), kept))
    return tuple(curve)
