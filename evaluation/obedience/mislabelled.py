"""How many synthetic rows contradict their own condition, beyond what held-out real ones do.

A reader errs on real rows too. If T is the share of rows asked as i that show j, and C the mean chances that the reader
gives rows that truly are j, then the mean chances of rows asked as i are D = T C. C is measured on held-out real rows,
D on synthetic ones, so T = D inv(C), and what lies off its diagonal is mislabelled. It holds if what synthetic rows
show is read like the same thing on real rows: signs drawn too faintly count as partly mislabelled.

Source: the matrix method of epidemiology (Rogan and Gladen 1978); confident learning estimates the same joint
distribution from counts (Northcutt et al. 2021, arXiv 1911.00068).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..realism.resampling import LEVEL
from ..result import Result, unknown_result

APART = 0.05  # what the reader must tell classes apart by in 39 of 40 resamples


def mislabelled_share(
    asked: Float[np.ndarray, " synthetic"], read: Float[np.ndarray, "synthetic k"],
    label: Float[np.ndarray, " held_out"], read_real: Float[np.ndarray, "held_out k"],
    weight: Float[np.ndarray, "resamples synthetic"], weight_real: Float[np.ndarray, "resamples held_out"],
) -> Result:  # fmt: skip
    """Return the share of synthetic rows that show another class than was asked; NaN where the reader cannot tell.

    Args:
        asked: place of the class that was asked.
        read: chances of the classes, on even terms.
        label: place of the class of held-out real rows.
        read_real: chances of theirs.
        weight: how often each synthetic row counts; the first resample counts each once.
        weight_real: likewise.
    """
    share, apart = shares(asked, read, label, read_real, weight, weight_real)
    n, draws = len(asked), share[1:][np.isfinite(share[1:])]
    if not np.isfinite(share[0]) or len(draws) < 2 or np.quantile(apart[1:], 0.025) < APART:
        return unknown_result(n)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value, low, high = np.clip([share[0], low, high], 0.0, 1.0).tolist()
    return Result(value, low, high, n)


def shares(
    asked: Float[np.ndarray, " synthetic"], read: Float[np.ndarray, "synthetic k"],
    label: Float[np.ndarray, " held_out"], read_real: Float[np.ndarray, "held_out k"],
    weight: Float[np.ndarray, "resamples synthetic"], weight_real: Float[np.ndarray, "resamples held_out"],
) -> tuple[Float[np.ndarray, " resamples"], Float[np.ndarray, " resamples"]]:  # fmt: skip
    """Return the mislabelled share of each resample, as it comes, and how well the reader tells classes apart."""
    k = read.shape[1]
    d, asked_share = _means(asked, read, weight, k)
    c, _ = _means(label, read_real, weight_real, k)
    known = np.isfinite(c).all(axis=(1, 2))
    apart = np.zeros(len(c))
    apart[known] = np.linalg.svd(c[known], compute_uv=False)[:, -1]
    share = np.full(len(c), np.nan)
    can = known & (apart > 1e-6)
    true = np.einsum("rij,rji->ri", np.nan_to_num(d[can]), np.linalg.inv(c[can]))
    share[can] = 1 - (asked_share[can] * true).sum(axis=1)
    return share, apart


def _means(
    code: np.ndarray, read: np.ndarray, weight: np.ndarray, k: int
) -> tuple[Float[np.ndarray, "resamples k k"], Float[np.ndarray, "resamples k"]]:
    """Return the mean chances of the rows of each class, and each class's share."""
    member = (code[:, None] == np.arange(k)).astype(float)
    total = weight @ member
    summed = np.einsum("rn,ni,nj->rij", weight, member, read, optimize=True)
    means = np.divide(summed, total[:, :, None], out=np.full(summed.shape, np.nan), where=total[:, :, None] > 0)
    return means, total / np.maximum(total.sum(axis=1, keepdims=True), 1e-300)
