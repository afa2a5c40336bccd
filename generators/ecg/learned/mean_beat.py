"""The mean of a record's beats, laid under each of them: what the network hears of all beats at once.

Beats of one heart look alike. Their mean at the told R peaks has a root of their number less noise than each has, so a
network that sees it draws beats of one heart without having to find out first which samples belong together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .beat_times import BeatTimes
from .signal import FS_HZ

BEFORE, AFTER = 40, 70  # samples about R that are averaged: 0.32 s and 0.56 s
OFFSETS = BEFORE + AFTER + 1
_P_SHARE = 0.4  # of an interval, at most, that belongs to the beat to come


@dataclass(frozen=True)
class Told:
    """What a batch's network is told of beats.

    Attributes:
        rows: (b, 5, n) as `BeatTimes.rows`; 0 where no beats are told.
        weights: (b, 2 * OFFSETS, n) of each sample in the mean beat, conducted and ventricular.
        place: (b, n) which of these means lies under a sample; 2 * OFFSETS where none does.
    """

    rows: Tensor
    weights: Tensor
    place: Tensor

    def hushed(self, told: Float[Tensor, " b"]) -> Told:
        """Return the same with the beats of some examples (told = 0) left out."""
        return Told(self.rows * told[:, None, None], self.weights * told[:, None, None], self.place)

    def repeated(self, times: int) -> Told:
        """Return the batch `times` over."""
        return Told(*(each.repeat(times, *(1,) * (each.ndim - 1)) for each in (self.rows, self.weights, self.place)))

    def under(self, x: Float[Tensor, "b leads n"]) -> Float[Tensor, "b leads n"]:
        """Return the mean beat under each sample of leads, 0 where none lies or no beats are told."""
        means = x @ self.weights.to(x.dtype).transpose(1, 2)
        means = torch.cat([means, means.new_zeros(*means.shape[:2], 1)], dim=2)
        return means.gather(2, self.place[:, None].expand(-1, x.shape[1], -1))


def weights(beats: BeatTimes, cut: slice) -> tuple[Float[np.ndarray, "offsets n"], Int[np.ndarray, " n"]]:
    """Return what `Told` has of one record, for the samples of a cut.

    Args:
        beats: of the record.
        cut: samples that are shown.
    """
    n = cut.stop - cut.start
    r = beats.at_s * FS_HZ - cut.start
    keep = (r >= 0) & (r < n)
    r, kind = r[keep], beats.ventricular[keep].astype(int)
    share = np.zeros((2 * OFFSETS + 1, n), np.float32)
    at = r[:, None] + np.arange(-BEFORE, AFTER + 1)
    low = np.floor(at).astype(int)
    row = kind[:, None] * OFFSETS + np.arange(OFFSETS)
    for place, part in ((low, 1 - (at - low)), (low + 1, at - low)):
        inside = (place >= 0) & (place < n)
        np.add.at(share, (row[inside], place[inside]), part[inside])
    total = share.sum(1, keepdims=True)
    return (share / np.maximum(total, 1e-6))[:-1], _places(r, kind, n)


def _places(r: np.ndarray, kind: np.ndarray, n: int) -> np.ndarray:
    """Return the mean that each sample takes: of the beat before it, or of the next one where its P wave begins."""
    t = np.arange(n)
    none = np.full(n, 2 * OFFSETS)
    if r.size == 0:
        return none
    after = np.searchsorted(r, t, side="right")
    last, coming = np.maximum(after - 1, 0), np.minimum(after, r.size - 1)
    since, until = np.rint(t - r[last]), np.rint(r[coming] - t)
    interval = np.where((after > 0) & (after < r.size), r[coming] - r[last], np.inf)
    early = (after < r.size) & (until <= np.minimum(BEFORE, _P_SHARE * interval))
    late = (after > 0) & ~early & (since <= AFTER)
    out = np.where(late, kind[last] * OFFSETS + BEFORE + since, none)
    return np.where(early, kind[coming] * OFFSETS + BEFORE - until, out).astype(np.int64)
