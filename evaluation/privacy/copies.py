"""Whether synthetic records lie nearer to training records than held-out real ones do, in five ways of looking.

Each is a screen: data that pass all of them can still be vulnerable to membership inference (arXiv 2505.01524).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism import Sample, neighbours_at
from ..realism.resampling import around, patient_weights
from ..result import Result, unknown_result
from ..statistics import wilson
from .result import Attack, Figure, attack_of
from .risk import beyond
from .tail import METHOD as TAIL_METHOD
from .tail import tail_rates
from .view import Seen, View

LINE = 0.01  # of the held-out records lie beyond a line
NEAR = 0.25  # of the median held-out distance: nearer is a near copy
LEAST_RATIO = 0.9  # median distance over that of held-out records, at least


def nearest_rates(view: View) -> tuple[Result, Result]:
    """Return how many synthetic and held-out records are nearer to training than all but 1 % of the held-out."""
    s, h = view.synthetic, view.held_out
    return beyond(-s.first, -h.first, LINE, (s.n_patients, h.n_patients))


def nndr_rates(view: View) -> tuple[Result, Result]:
    """Return the same of the ratio of nearest to second nearest distance."""
    s, h = view.synthetic, view.held_out
    return beyond(-ratios(s), -ratios(h), LINE, (s.n_patients, h.n_patients))


def authenticity_rates(view: View) -> tuple[Result, Result]:
    """Return how many synthetic and held-out records are not authentic.

    A record is authentic where its nearest training record is nearer to another training record than to it. The share
    depends on dimension and density alone (iid records: 47 % with 4 features, 84 % with 64), so it is never told
    without that of held-out records.

    Source: Alaa et al. 2022, arXiv 2102.08921 (section 3.3).
    """
    s, h = ((side.first < side.own, side) for side in (view.synthetic, view.held_out))
    return tuple(wilson(float(hit.mean()), len(hit), side.n_patients) for hit, side in (s, h))  # type: ignore[return-value]


def near_rates(view: View) -> tuple[Result, Result]:
    """Return how many records lie within a quarter of the median held-out distance of a training record.

    The control counts held-out records, and training records about those of other patients.
    """
    s, h, line = view.synthetic, view.held_out, near_line(view)
    if not line > 0:
        return unknown_result(len(s.first)), unknown_result(len(h.first))
    controls = np.concatenate([h.first, view.reference[np.isfinite(view.reference)]])
    hit, control = s.first < line, controls < line
    independent = h.n_patients + len(set(view.member_patients))
    return (
        wilson(float(hit.mean()), len(hit), s.n_patients),
        wilson(float(control.mean()), len(control), min(independent, len(control))),
    )


def near_line(view: View) -> float:
    """Return the distance under which a record is a near copy."""
    return NEAR * float(np.median(view.held_out.first))


def ratios(side: Seen) -> Float[np.ndarray, " m"]:
    """Return nearest over second nearest distance, 0 to 1; 1 where both are 0."""
    return np.divide(side.first, side.second, out=np.ones(len(side.first)), where=side.second > 0)


def copy_screens(view: View, *, seed: int) -> tuple[Attack, ...]:
    """Return the five screens with their figures.

    Args:
        view: distances.
        seed: of the resamples over patients.
    """
    h, s = (Sample(side.first[:, None], side.patients) for side in (view.held_out, view.synthetic))
    found = neighbours_at(h, s, view.synthetic.row, seed=seed, most_pairs=0, splits=1)
    median = Figure(
        name="median_ratio", label="median distance to training over that of held-out records",
        value=interval(found.median_ratio.whole), control=interval(Result(1.0, 1.0, 1.0, len(h))),
    )  # fmt: skip
    nearer = Figure(
        name="nearer", label="chance of lying nearer to training than a held-out record",
        value=interval(found.nearer.whole), control=interval(Result(0.5, 0.5, 0.5, len(h))),
    )  # fmt: skip
    return (
        attack_of("near_copies", "near copies", NEAR_METHOD, near_rates(view)),
        attack_of("tail", "nearer than the tail of real distances", TAIL_METHOD, tail_rates(view)),
        attack_of("nearest", "nearest training record", NEAREST_METHOD, nearest_rates(view), (median, nearer)),
        attack_of("nndr", "nearest over second nearest (NNDR)", NNDR_METHOD, nndr_rates(view), _nndr(view, seed)),
        attack_of("authenticity", "authenticity", AUTHENTICITY_METHOD, authenticity_rates(view), _authentic(view)),
    )


NEAR_METHOD = (
    "Counts records within a quarter of the median distance between held-out and training records of some training "
    "record; the control counts held-out records, and training records near other patients' ones."
)
NEAREST_METHOD = (
    "Counts synthetic records that lie nearer to their nearest training record than all but the nearest 1 % of "
    "held-out records do."
)
NNDR_METHOD = (
    "Counts synthetic records that stand out by how much nearer one training record is than the next, as they stand "
    "out among the 1 % of held-out records where that is most so."
)
AUTHENTICITY_METHOD = (
    "Counts records that lie nearer to a training record than any other training record does (Alaa et al. 2022), and "
    "the same of held-out records."
)


def _nndr(view: View, seed: int) -> tuple[Figure, ...]:
    rng = stream(seed, "privacy.nndr")
    values = [_median(ratios(side), side, rng) for side in (view.synthetic, view.held_out)]
    s, h = (interval(v) for v in values)
    return (Figure(name="median", label="median NNDR", value=s, control=h),)


def _median(x: np.ndarray, side: Seen, rng: np.random.Generator) -> Result:
    (weight,) = patient_weights([side.patients], 200, rng)
    draws = np.array([np.median(np.repeat(x, w.astype(np.int64))) for w in weight])
    return around(float(np.median(x)), draws, len(x), (0.0, 1.0))


def _authentic(view: View) -> tuple[Figure, ...]:
    def other(r: Result) -> Result:
        return Result(1 - r.value, 1 - r.high, 1 - r.low, r.n)

    s, h = (interval(other(r)) for r in authenticity_rates(view))
    return (Figure(name="auth_pct", label="authentic records (AuthPct)", value=s, control=h),)
