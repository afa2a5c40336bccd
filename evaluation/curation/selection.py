"""Which records to keep when not all can be: by quality, by diversity, by what each adds to the real data covered."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from ..privacy.distances import nearest_k

_BLOCK = 4_000_000


def k_center(
    x: Float[np.ndarray, "n d"], k: int, *, score: Float[np.ndarray, " n"] | None = None
) -> Int[np.ndarray, " k"]:
    """Return k rows so that no row is far from a chosen one, in the order of their choice.

    The first is the row nearest to the mean (or of the best score); then always the row farthest from all chosen ones,
    its distance weighted by its score. Any row is within twice the least possible distance when no score is given.

    Args:
        x: features.
        k: how many; all where there are fewer.
        score: quality of each row, 0 to 1.

    Source: Gonzalez 1985 (farthest-first traversal).
    """
    n = len(x)
    if not n or k < 1:
        return np.empty(0, np.int64)
    weight = np.ones(n) if score is None else score
    centre = ((x - x.mean(axis=0)) ** 2).sum(axis=1)
    chosen = [int(centre.argmin() if score is None else weight.argmax())]
    distance = np.full(n, np.inf)
    while len(chosen) < min(k, n):
        distance = np.minimum(distance, np.sqrt(((x - x[chosen[-1]]) ** 2).sum(axis=1)))
        merit = distance * weight
        merit[chosen] = -1
        chosen.append(int(merit.argmax()))
    return np.array(chosen, dtype=np.int64)


def density_weighted(
    x: Float[np.ndarray, "n d"], k: int, rng: np.random.Generator, *, neighbours: int = 5
) -> Int[np.ndarray, " k"]:
    """Return k rows drawn without repeats, the rarer the surer, so that crowded places are thinned.

    Args:
        x: features.
        k: how many; all where there are fewer.
        rng: the stream of the draw.
        neighbours: the neighbour whose distance is a row's rarity.
    """
    n = len(x)
    if n <= k:
        return np.arange(n)
    mine = np.arange(n)
    far = nearest_k(x, x, min(neighbours, n - 1), mine, mine)[0][:, -1]
    weight = far + 1e-12 * max(1.0, float(far.max()))
    keys = np.log(np.maximum(rng.random(n), 1e-300)) / weight  # Efraimidis and Spirakis 2006
    return np.sort(np.argsort(-keys)[:k])


def realism(
    x: Float[np.ndarray, "n d"], real: Float[np.ndarray, "m d"], *, neighbours: int = 5
) -> Float[np.ndarray, " n"]:
    """Return how real each row looks, 0 to 1: the largest radius of a real ball over the distance to its centre, cut.

    A score of 1 says that the row lies within the reach of a real record, to its k-th real neighbour.

    Source: Kynkäänniemi et al. 2019, arXiv 1904.06991 (realism score, equation 6; here cut at 1).
    """
    m = len(real)
    if not len(x) or m < 2:
        return np.full(len(x), np.nan)
    mine = np.arange(m)
    radius = nearest_k(real, real, min(neighbours, m - 1), mine, mine)[0][:, -1]
    keep = radius <= np.median(radius)  # the paper leaves the larger half out, against outliers
    centres, radius = real[keep], radius[keep]
    out = np.empty(len(x))
    step = max(1, _BLOCK // len(centres))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        d2 = (part**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)[None] - 2 * part @ centres.T
        out[start : start + step] = (radius / np.sqrt(np.maximum(d2, 1e-24))).max(axis=1)
    return np.minimum(out, 1.0)


def covering(
    x: Float[np.ndarray, "n d"], real: Float[np.ndarray, "m d"], k: int, *, neighbours: int = 5
) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Return rows in the order in which each adds most to the real records covered, and the coverage reached.

    A real record is covered where a chosen row lies nearer to it than its k-th real neighbour (Naeem et al. 2020). The
    greedy order reaches at least 63 % of the best coverage possible with as many rows. It ends when nothing is added.
    """
    balls = _inside(x, real, neighbours)
    open_ = np.ones(balls.shape[1], bool)
    chosen: list[int] = []
    reached: list[float] = []
    gain = balls.sum(axis=1)
    while len(chosen) < k and len(x):
        best = int(gain.argmax())
        if gain[best] <= 0:
            break
        new = balls[best] & open_
        open_ &= ~new
        gain = gain - balls[:, new].sum(axis=1)
        chosen.append(best)
        reached.append(float(1 - open_.mean()))
    return np.array(chosen, dtype=np.int64), np.array(reached)


def coverage(x: Float[np.ndarray, "n d"], real: Float[np.ndarray, "m d"], *, neighbours: int = 5) -> float:
    """Return the share of real records that some row covers; NaN with fewer than two real records."""
    if len(real) < 2:
        return float("nan")
    return float(_inside(x, real, neighbours).any(axis=0).mean()) if len(x) else 0.0


def _inside(x: np.ndarray, real: np.ndarray, neighbours: int) -> np.ndarray:
    mine = np.arange(len(real))
    radius = nearest_k(real, real, min(neighbours, max(1, len(real) - 1)), mine, mine)[0][:, -1]
    out = np.empty((len(x), len(real)), bool)
    step = max(1, _BLOCK // max(1, len(real)))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        d2 = (part**2).sum(axis=1)[:, None] + (real**2).sum(axis=1)[None] - 2 * part @ real.T
        out[start : start + step] = d2 < radius[None] ** 2
    return out
