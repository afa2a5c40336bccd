"""Nearest rows of one cloud to another, in blocks of matrix products, the nearest ones measured again exactly.

A product loses the small differences between near copies, so it only finds candidates.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

_BLOCK = 8_000_000  # distances held at once
_SPARE = 4  # candidates beyond those asked for, so that rounding cannot hide a nearer one


def nearest_k(
    x: Float[np.ndarray, "m d"], others: Float[np.ndarray, "n d"], k: int = 1,
    mine: Int[np.ndarray, " m"] | None = None, theirs: Int[np.ndarray, " n"] | None = None,
) -> tuple[Float[np.ndarray, "m k"], Int[np.ndarray, "m k"]]:  # fmt: skip
    """Return the distances of each row to its k nearest others, the nearest first, and their row numbers.

    Args:
        x: rows.
        others: rows to look among.
        k: how many.
        mine: a code a row; others of the same code are left out.
        theirs: codes of the others.

    Returns:
        Distances and rows; infinity and -1 where fewer than k others are left.
    """
    distance, row = np.full((len(x), k), np.inf), np.full((len(x), k), -1, np.int64)
    if not len(others) or not len(x):
        return distance, row
    middle = others.mean(axis=0)
    y = others - middle
    squares, step = (y**2).sum(axis=1), max(1, _BLOCK // len(others))
    for start in range(0, len(x), step):
        part = x[start : start + step] - middle
        far = squares[None, :] - 2 * part @ y.T
        if mine is not None and theirs is not None:
            far[mine[start : start + step, None] == theirs[None, :]] = np.inf
        d, at = _exact(part, y, far, k)
        distance[start : start + step, : d.shape[1]], row[start : start + step, : d.shape[1]] = d, at
    return distance, row


def _exact(part: np.ndarray, y: np.ndarray, far: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    take = min(k + _SPARE, far.shape[1])
    near = np.sort(np.argpartition(far, take - 1, axis=1)[:, :take], axis=1) if take < far.shape[1] else None
    at = np.broadcast_to(np.arange(take), (len(part), take)) if near is None else near
    open_ = np.isfinite(np.take_along_axis(far, at, axis=1))
    d = np.stack([np.sqrt(((part - y[at[:, j]]) ** 2).sum(axis=1)) for j in range(take)], axis=1)
    d = np.where(open_, d, np.inf)
    order = np.argsort(d, axis=1, kind="stable")[:, :k]
    d, at = np.take_along_axis(d, order, axis=1), np.take_along_axis(at, order, axis=1)
    return d, np.where(np.isfinite(d), at, -1)


def codes(*sides: tuple[str, ...]) -> tuple[Int[np.ndarray, " _"], ...]:
    """Return names as whole numbers, the same name the same number on every side."""
    number = {name: i for i, name in enumerate(sorted(set().union(*sides)))}
    return tuple(np.array([number[name] for name in side], dtype=np.int64) for side in sides)
