"""What comes along unasked: whether one attribute that is asked for moves what is read of another.

Within images of which the same was asked of B, what is read of B should not tell which A was asked for. The area under
the ROC curve over such pairs is 0.5 where nothing leaks. Real images leak too, and so does the classifier that reads:
a leak counts where synthetic images leak more than real ones do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from ...conditioning.radiograph import Finding
from ...conditioning.seeds import stream
from ..comparison import Interval, interval
from ..realism.auroc import concordance
from ..realism.resampling import around, patient_weights
from ..result import Result, unknown_result
from .obedience import FEW, Read

_FINDINGS = frozenset(map(str, Finding))


class LeakRow(BaseModel):
    """One attribute asked for and another one read.

    Attributes:
        asked: name of the attribute that differs between images.
        read: name of the attribute that is read.
        asked_label: how a page calls it.
        read_label: likewise.
        synthetic: the area under the ROC curve within images of which the same was asked of the second.
        real: the same of held-out real images, by their labels.
        stands_out: whether the synthetic interval leaves 0.5 out and the synthetic value lies farther from 0.5 than the
            real interval reaches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    asked: str
    read: str
    asked_label: str
    read_label: str
    synthetic: Interval
    real: Interval
    stands_out: bool


def leaks(synthetic: Read, real: Read, names: Sequence[str], *, seed: int, resamples: int = 500) -> tuple[LeakRow, ...]:
    """Return one row for each ordered pair of attributes with ten images of either class on both sides.

    Args:
        synthetic: synthetic conditions and readings.
        real: held-out real ones.
        names: attributes.
        seed: of the resamples.
        resamples: of the bootstrap over patients.
    """
    common = [n for n in names if all(_told(side, n) for side in (synthetic, real))]
    weights = [
        patient_weights([s.patients], resamples, stream(seed, f"leaks/{k}"))[0] for k, s in enumerate((synthetic, real))
    ]
    rows = []
    for a in common:
        for b in common:
            if a == b or _bound(a, b):
                continue
            s, r = (_stratified(side, a, b, w) for side, w in zip((synthetic, real), weights, strict=True))
            if s.known and r.known:
                labels = (synthetic.columns[a].binary.label, synthetic.columns[b].label)
                rows.append(
                    LeakRow(
                        asked=a, read=b, asked_label=labels[0], read_label=labels[1],
                        synthetic=interval(s), real=interval(r), stands_out=_farther(s, r),
                    )
                )  # fmt: skip
    return tuple(rows)


def _told(side: Read, name: str) -> bool:
    if name not in side.scores:
        return False
    value = side.columns[name].binary.value
    return min(int((value == 1).sum()), int((value == 0).sum())) >= FEW


def _bound(a: str, b: str) -> bool:
    """Return whether one says something of the other by definition: no finding and any finding."""
    either = {a, b}
    return str(Finding.no_finding) in either and either <= _FINDINGS


def _stratified(side: Read, asked: str, read: str, weight: np.ndarray) -> Result:
    """Return the area over pairs of images that differ in `asked` and agree in what was asked of `read`."""
    answer, score, stratum = side.columns[asked].binary.value, side.scores[read], side.columns[read].stratum
    kept = np.isfinite(answer) & np.isfinite(score)
    w = np.concatenate([np.ones((1, len(answer))), weight])
    in_order, pairs = np.zeros(len(w)), np.zeros(len(w))
    for name in np.unique(stratum[kept]):
        mine = kept & (stratum == name)
        a, b = concordance(answer[mine] > 0.5, score[mine], w[:, mine])
        in_order, pairs = in_order + a, pairs + b
    area = np.divide(in_order, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    n = int(kept.sum())
    return around(float(area[0]), area[1:], n, (0.0, 1.0)) if np.isfinite(area[0]) else unknown_result(n)


def _farther(synthetic: Result, real: Result) -> bool:
    off = synthetic.low > 0.5 or synthetic.high < 0.5
    reach = max(abs(real.low - 0.5), abs(real.high - 0.5))
    return bool(off and abs(synthetic.value - 0.5) > reach)
