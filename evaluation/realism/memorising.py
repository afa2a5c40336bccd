"""Whether synthetic rows keep nearer to the rows a generator learnt from than other real rows do: three figures.

AuthPct has no fixed baseline: fresh rows of one distribution give 47, 72 and 84 % with 4, 16 and 64 features, and junk
gives 100. It is shown only beside that of held-out real rows. C_T is a test of distances; the generalisation gap asks
how much better synthetic rows explain training rows than held-out ones. All are screens, and no proof of privacy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from ...conditioning.seeds import stream
from ..result import Result, unknown_result
from .auroc import auroc
from .distances import nearest_others, rounded
from .floors import Measured
from .jackknife import patient_groups
from .neighbours import nearest
from .resampling import around, patient_weights, share_around
from .samples import Sample, check_sides

MOST = 2000  # rows a side of the mixture
_STEPS = 60  # of the fit


def authentic(training: Float[np.ndarray, "n d"], synthetic: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
    """Return 1 for each synthetic row that lies farther from its nearest training row than that one from any other.

    Raises:
        ValueError: fewer than two training rows.

    Source: Alaa et al. 2022, arXiv 2102.08921, eq. 10.
    """
    if len(training) < 2:
        raise ValueError(f"{len(training)} training rows have no neighbours; at least two are needed")
    distance, row = nearest(synthetic, training)
    own = np.sqrt(nearest_others(rounded(training)[0], 1).squared[:, 0])
    return (distance > own[row]).astype(float)


def authenticity(training: Sample, held_out: Sample, synthetic: Sample, *, seed: int, resamples: int = 500) -> Measured:
    """Return the share of authentic rows (AuthPct over 100), beside that of held-out real rows.

    Args:
        training: the rows that the generator was trained on.
        held_out: real rows of other patients.
        synthetic: synthetic rows.
        seed: of the bootstrap.
        resamples: of it, over patients.

    Returns:
        `floor` is the held-out rows' share with its interval; `matched` is `whole`, for a share needs no matching.

    Raises:
        ValueError: too few patients held out or synthetic, too few training rows, or other features.
    """
    check_sides(held_out, synthetic, ("held-out", "synthetic"))
    found = []
    for side, key in ((synthetic, "synthetic"), (held_out, "held out")):
        hit = authentic(training.x, side.x)
        (w,) = patient_weights([side.patients], resamples, stream(seed, f"realism.authenticity/{key}"))
        found.append(share_around(float(hit.mean()), w @ hit / w.sum(axis=1), len(side), side.n_patients))
    return Measured("authenticity", found[0], found[1], found[0])


def c_t(training: Sample, held_out: Sample, synthetic: Sample, *, seed: int = 0, resamples: int = 500) -> Result:
    """Return the Mann-Whitney Z of distances to training: below -3, synthetic rows lie too near; 0 where alike.

    Args:
        training: the rows that the generator was trained on.
        held_out: real rows of other patients.
        synthetic: synthetic rows.
        seed: of the bootstrap.
        resamples: of it, over held-out and synthetic patients.

    Raises:
        ValueError: too few patients held out or synthetic, or other features.

    Source: Meehan, Chaudhuri and Dasgupta 2020, arXiv 2004.05675, without its cells; no tie correction.
    """
    check_sides(held_out, synthetic, ("held-out", "synthetic"))
    d_h, d_s = nearest(held_out.x, training.x)[0], nearest(synthetic.x, training.x)[0]
    h, m = len(d_h), len(d_s)
    is_synthetic, score = np.arange(h + m) >= h, np.concatenate([d_h, d_s])
    to_z = math.sqrt(12 * h * m / (h + m + 1))
    w = patient_weights([held_out.patients, synthetic.patients], resamples, stream(seed, "realism.c_t"))
    draws = (auroc(is_synthetic, score, np.concatenate(w, axis=1)) - 0.5) * to_z
    return around((float(auroc(is_synthetic, score)[0]) - 0.5) * to_z, draws, min(h, m))


@dataclass(frozen=True)
class Mixture:
    """Gaussians of one width each about given centres.

    Attributes:
        centres: (m, d).
        variance: of each, (m,).
    """

    centres: Float[np.ndarray, "m d"]
    variance: Float[np.ndarray, " m"]

    @classmethod
    def fitted(cls, centres: Float[np.ndarray, "m d"], x: Float[np.ndarray, "n d"]) -> Mixture:
        """Return the widths under which rows are likeliest, by expectation and maximisation.

        A width is kept above a millionth of the rows' own variance: a copy's would go to 0.
        """
        squared, d = cdist(x, centres, "sqeuclidean"), x.shape[1]
        least = max(1e-6 * float(x.var(axis=0).mean()), 1e-300)
        variance = np.full(len(centres), max(float(squared.min(axis=1).mean()) / d, least))
        for _ in range(_STEPS):
            share = np.exp(_normalised(_log_parts(squared, variance, d)))
            weight = share.sum(axis=0)
            variance = np.where(
                weight > 1e-12, (share * squared).sum(axis=0) / np.maximum(d * weight, 1e-300), variance
            )
            variance = np.maximum(variance, least)
        return cls(centres, variance)

    def nll(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Return minus the log likelihood of each row, over its number of features."""
        log = _log_parts(cdist(x, self.centres, "sqeuclidean"), self.variance, x.shape[1])
        top = log.max(axis=1)
        likelihood = top + np.log(np.exp(log - top[:, None]).sum(axis=1)) - math.log(len(self.centres))
        return np.asarray(-likelihood / x.shape[1])


@dataclass(frozen=True)
class Generalisation:
    """How synthetic rows explain rows that the generator saw and rows that it did not.

    Attributes:
        fld: minus log likelihood of held-out rows under a mixture about synthetic rows, less that under one about
            training rows, times 100 a feature; 0 is as good as real rows, more is worse.
        gap: minus log likelihood of held-out rows less that of training rows, times 100 a feature: well above its
            floor, synthetic rows explain what was trained on better, as copies do.
        floor: the same gap of a mixture about training rows, between held-out rows and the other training rows.
        n: training, held-out and synthetic rows used.
    """

    fld: Result
    gap: Result
    floor: Result
    n: tuple[int, int, int]


def generalisation(
    training: Sample, held_out: Sample, synthetic: Sample, *, seed: int, resamples: int = 500, most: int = MOST
) -> Generalisation:
    """Return the likelihood distance and the generalisation gap.

    Features are put on the mean and spread of the training rows. Widths of the mixtures are fitted to training rows, so
    a synthetic row that copies one becomes a spike there, which explains no held-out row. The interval draws held-out
    and training patients and keeps the mixtures.

    Args:
        training: the rows that the generator was trained on.
        held_out: real rows of other patients.
        synthetic: synthetic rows.
        seed: of halves, subsets and resamples.
        resamples: of the bootstrap.
        most: rows a side used at most, drawn at random.

    Raises:
        ValueError: too few patients on a side, or other features.

    Source: Jiralerspong et al. 2023, arXiv 2302.04440; widths by EM and training spread for scale are ours.
    """
    check_sides(training, synthetic, ("training", "synthetic"))
    check_sides(held_out, synthetic, ("held-out", "synthetic"))
    rng = stream(seed, "realism.generalisation")
    t, h, s = (_some(side, most, rng) for side in (training, held_out, synthetic))
    mean, sd = t.x.mean(axis=0), t.x.std(axis=0)
    t, h, s = (Sample((z.x - mean) / np.where(sd > 0, sd, 1), z.patients) for z in (t, h, s))
    half = patient_groups(t, 2, rng)
    seen, centres = t.rows(np.flatnonzero(half == 0)), t.rows(np.flatnonzero(half == 1))
    size = min(len(s), len(centres))
    ours = Mixture.fitted(s.x[rng.choice(len(s), size, replace=False)], seen.x)
    theirs = Mixture.fitted(centres.x[rng.choice(len(centres), size, replace=False)], seen.x)
    rows = [(m.nll(h.x), m.nll(seen.x)) for m in (ours, theirs)]
    w_h, w_t = patient_weights([h.patients, seen.patients], resamples, rng)

    def difference(a: np.ndarray, b: np.ndarray, w: np.ndarray, v: np.ndarray) -> Result:
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return unknown_result(len(h))
        draws = 100 * (w @ a / w.sum(axis=1) - v @ b / v.sum(axis=1))
        return around(100 * float(a.mean() - b.mean()), draws, len(h))

    return Generalisation(
        fld=difference(rows[0][0], rows[1][0], w_h, w_h),
        gap=difference(rows[0][0], rows[0][1], w_h, w_t),
        floor=difference(rows[1][0], rows[1][1], w_h, w_t),
        n=(len(t), len(h), len(s)),
    )


def _log_parts(squared: np.ndarray, variance: np.ndarray, d: int) -> np.ndarray:
    return np.asarray(-0.5 * squared / variance - 0.5 * d * np.log(2 * np.pi * variance))


def _normalised(log: np.ndarray) -> np.ndarray:
    top = log.max(axis=1, keepdims=True)
    return np.asarray(log - top - np.log(np.exp(log - top).sum(axis=1, keepdims=True)))


def _some(sample: Sample, most: int, rng: np.random.Generator) -> Sample:
    return sample if len(sample) <= most else sample.rows(np.sort(rng.choice(len(sample), most, replace=False)))
