"""Which rows lie near which, for clouds too large to hold all distances: exact, in float32 products and blocks.

Squared distances are found as |a|^2 + |b|^2 - 2 a.b in float32 with a bound on their rounding. Pairs that the bound
leaves open are measured again as sums of squared differences in float64, so every answer is that of the plain
definition in float64, ties included: a pair and its copy have the same distance to the last bit.

For a and b of norms |a| and |b| about a common centre, rounding changes a squared distance by less than
c (|a|^2 + |b|^2) with c = (d + 32) / 2^24; where the distance is at most t, |b|^2 <= 2 |a|^2 + 2 t^2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Int, Num

_TILE = 16_000_000  # approximate distances held at once
_EXACT = 4_000_000  # numbers of a block of differences
_MANY = 30_000_000  # pairs that are kept at most in float32
_OPEN = 300_000  # pairs of a block that are measured again at most in float32


class Rounded:
    """A cloud about a centre, over a scale, in the precision that products are taken in."""

    def __init__(
        self, x: Num[np.ndarray, "n d"], centre: Float[np.ndarray, " d"], scale: float, double: bool = False
    ) -> None:
        kind = np.float64 if double or x.shape[1] > 1 << 16 else np.float32
        self.x, self.centre, self.scale = x, centre, scale
        self.low = np.empty(x.shape, dtype=kind)
        self.norm = np.empty(len(x))
        step = max(1, _EXACT // x.shape[1])
        for start in range(0, len(x), step):
            rows = (x[start : start + step] - centre) / scale
            self.low[start : start + step] = rows
            self.norm[start : start + step] = np.einsum("ij,ij->i", rows, rows)
        self.loose = (x.shape[1] + 32) * float(np.finfo(kind).eps) / 2

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.x)

    @property
    def single(self) -> bool:
        """Return whether products are taken in float32."""
        return bool(self.low.dtype == np.float32)

    def double(self, rows: slice = slice(None)) -> Rounded:
        """Return some of the rows in float64: for clouds so tight that float32 leaves most pairs open."""
        return Rounded(self.x[rows], self.centre, self.scale, double=True)

    def margin(self, reach: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return by how much an approximate squared distance can be wrong where the true one is about `reach`.

        Args:
            reach: squared distance from each row, scaled.
        """
        with np.errstate(invalid="ignore"):
            return np.asarray(1.01 * self.loose * (3 * self.norm + 2 * np.maximum(reach, 0)) + 1e-30)


@dataclass(frozen=True)
class Nearest:
    """The nearest other rows of each row, nearest first.

    Attributes:
        squared: squared distances (n, k).
        index: which rows, (n, k).
    """

    squared: Float[np.ndarray, "n k"]
    index: Int[np.ndarray, "n k"]


def rounded(*clouds: Num[np.ndarray, "_ d"]) -> tuple[Rounded, ...]:
    """Return clouds about the mean of the first, over their largest value."""
    centre = clouds[0].mean(axis=0, dtype=np.float64)
    top = max(
        (float(max(abs(c.max() - centre.min()), abs(c.min() - centre.max()))) for c in clouds if c.size), default=1
    )
    scale = top if top > 0 and np.isfinite(top) else 1.0
    return tuple(Rounded(c, centre, scale) for c in clouds)


def squared_distances(
    x: Num[np.ndarray, "n d"], i: Int[np.ndarray, " p"], y: Num[np.ndarray, "m d"], j: Int[np.ndarray, " p"]
) -> Float[np.ndarray, " p"]:
    """Return the squared distance of row i of `x` and row j of `y`, for each pair, as a sum of squared differences."""
    out = np.empty(len(i))
    step = max(1, _EXACT // x.shape[1])
    for start in range(0, len(i), step):
        gap = x[i[start : start + step]].astype(np.float64) - y[j[start : start + step]]
        out[start : start + step] = np.square(gap, out=gap).sum(axis=1)
    return out


def nearest_others(cloud: Rounded, k: int) -> Nearest:
    """Return the k nearest other rows of each row; ties go to the smaller row number.

    Args:
        cloud: the rows.
        k: from 1 to one less than the rows.
    """
    n = len(cloud)
    reach = _reach_in_a_part(cloud, k)
    top = reach + cloud.margin(reach)
    rows: list[np.ndarray] = [np.empty(0, np.int64)]
    columns: list[np.ndarray] = [np.empty(0, np.int64)]
    near: list[np.ndarray] = [np.empty(0, cloud.low.dtype)]
    held = 0
    for i, j, s in _pairs(cloud, cloud, top, top, own=True):
        held += len(i)
        if held > _MANY and cloud.single:
            return nearest_others(cloud.double(), k)
        for a, b in ((i, j), (j, i)):
            mine = s < top[a]
            rows.append(a[mine])
            columns.append(b[mine])
            near.append(s[mine])
    row, column, s = (np.concatenate(parts) for parts in (rows, columns, near))
    order = np.lexsort((s, row))
    row, column, s = row[order], column[order], s[order]
    start = np.searchsorted(row, np.arange(n))
    # The k-th by approximate distance bounds the true k-th, and that in turn the approximate distance of the k nearest.
    kth = s[start + k - 1].astype(np.float64)
    c = 1.01 * cloud.loose
    most = (np.maximum(kth, 0) + 3 * c * cloud.norm) / (1 - 2 * c)
    open_ = s <= (most + cloud.margin(most))[row]
    row, column = row[open_], column[open_]
    exact = squared_distances(cloud.x, row, cloud.x, column)
    order = np.lexsort((column, exact, row))
    row, column, exact = row[order], column[order], exact[order]
    take = np.searchsorted(row, np.arange(n))[:, None] + np.arange(k)
    return Nearest(exact[take], column[take])


def reaches(cloud: Rounded, k: int) -> Float[np.ndarray, " n"]:
    """Return the squared distance of each row to its k-th nearest other row.

    Rows that stand more than k times reach 0 at once, and of the others' repeats k + 1 are kept, which is all that
    matters: a cloud that has collapsed onto a few rows costs no more than another.

    Args:
        cloud: the rows.
        k: from 1 to one less than the rows.
    """
    x, first = cloud.x, dict[bytes, int]()
    keys = (blake2b(row.tobytes(), digest_size=16).digest() for row in x)
    same = np.array([first.setdefault(key, i) for i, key in enumerate(keys)])
    _, place, count = np.unique(same, return_inverse=True, return_counts=True)
    if int(count.max()) <= k + 1:
        return nearest_others(cloud, k).squared[:, -1]
    rank = np.empty(len(x), np.int64)
    order = np.argsort(place, kind="stable")
    rank[order] = np.arange(len(x)) - np.repeat(np.cumsum(count) - count, count)
    kept = np.flatnonzero(rank <= k)
    found = nearest_others(Rounded(x[kept], cloud.centre, cloud.scale), k).squared[:, -1]
    by_place = np.zeros(len(count))
    by_place[place[kept]] = found
    return by_place[place]


def pairs_within(
    a: Rounded, b: Rounded, reach_a: Float[np.ndarray, " n"], reach_b: Float[np.ndarray, " m"]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Give the pairs of a row of `a` and a row of `b` that lie within the reach of either, a block of `a` at a time.

    Args:
        a: one cloud.
        b: the other, about the same centre and over the same scale.
        reach_a: squared distance up to which each row of `a` reaches, not included.
        reach_b: likewise for `b`.

    Yields:
        Rows of `a`, rows of `b`, whether the pair is within the reach of the first, and of the second.
    """
    tops, edges = [], []
    for cloud, reach in ((a, reach_a), (b, reach_b)):
        scaled = np.asarray(reach, dtype=np.float64) / cloud.scale**2
        margin = cloud.margin(scaled)
        tops.append(np.where(reach > 0, scaled + margin, -np.inf))
        edges.append(np.where(reach > 0, scaled - margin, -np.inf))
    for i, j, s in _pairs(a, b, tops[0], tops[1], own=False):
        inside = [s < edges[0][i], s < edges[1][j]]
        maybe = ((s < tops[0][i]) & ~inside[0]) | ((s < tops[1][j]) & ~inside[1])
        at = np.flatnonzero(maybe)
        if len(at) > _OPEN and a.single:
            rows = slice(int(i[0]), int(i[-1]) + 1)
            for p, q, first, second in pairs_within(a.double(rows), b.double(), reach_a[rows], reach_b):
                yield p + rows.start, q, first, second
            continue
        exact = squared_distances(a.x, i[at], b.x, j[at])
        inside[0][at], inside[1][at] = exact < reach_a[i[at]], exact < reach_b[j[at]]
        kept = inside[0] | inside[1]
        yield i[kept], j[kept], inside[0][kept], inside[1][kept]


def _reach_in_a_part(cloud: Rounded, k: int) -> Float[np.ndarray, " n"]:
    """Return an upper bound of the scaled squared distance to the k-th nearest: that among some of the rows."""
    n = len(cloud)
    some = np.unique(np.linspace(0, n - 1, min(n, max(1024, n // 16, 4 * k))).astype(np.int64))
    if len(some) <= k:
        return np.full(n, np.inf)
    out = np.empty(n)
    part = cloud.low[some]
    step = max(1, _TILE // len(some))
    for start in range(0, n, step):
        stop = min(n, start + step)
        s = _approximate(cloud, start, stop, part, cloud.norm[some])
        own = np.searchsorted(some, np.arange(start, stop))
        hit = np.flatnonzero((own < len(some)) & (some[np.minimum(own, len(some) - 1)] == np.arange(start, stop)))
        s[hit, own[hit]] = np.inf
        out[start:stop] = np.partition(s, k - 1, axis=1)[:, k - 1]
    c = 1.01 * cloud.loose
    return np.asarray((np.maximum(out, 0) + 3 * c * cloud.norm) / (1 - 2 * c))


def _pairs(
    a: Rounded, b: Rounded, top_a: np.ndarray, top_b: np.ndarray, *, own: bool
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give (i, j, approximate scaled squared distance) of pairs below either top; of one cloud only i < j."""
    kind = a.low.dtype
    above_a, above_b = (np.nextafter(t.astype(kind), kind.type(np.inf)) for t in (top_a, top_b))
    step = max(1, min(2048, _TILE // max(1, len(b))))
    for start in range(0, len(a), step):
        stop, first = min(len(a), start + step), start if own else 0
        s = _approximate(a, start, stop, b.low[first:], b.norm[first:])
        if own:
            s[np.tril_indices(stop - start)] = np.inf
        hit = s < above_a[start:stop, None]
        hit |= s < above_b[None, first:]
        flat = np.flatnonzero(hit)
        i, j = np.divmod(flat, s.shape[1])
        yield i + start, j + first, s.ravel()[flat]


def _approximate(a: Rounded, start: int, stop: int, low: np.ndarray, norm: np.ndarray) -> np.ndarray:
    s = a.low[start:stop] @ low.T
    s *= -2
    s += a.norm[start:stop, None].astype(s.dtype)
    s += norm[None, :].astype(s.dtype)
    return np.asarray(s)
