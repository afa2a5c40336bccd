"""How well boxes are found: average precision, and how many are found at one false alarm a sample.

A sample's boxes are matched surest first, each to the free true box that it overlaps most; that depends on the sample
alone, so resamples of patients need no matching anew.

Source: Everingham et al. 2010 (average precision with the monotone envelope over all points); Lin et al. 2014 (mean
over overlaps .50 to .95); Chakraborty 2013 (free-response ROC).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
MOST = 10  # boxes a sample and class that are looked at
LEAST_SCORE = 0.05


def iou(a: Float[np.ndarray, "m edges"], b: Float[np.ndarray, "k edges"]) -> Float[np.ndarray, "m k"]:
    """Return common over joint volume of boxes: low edges, then high edges."""
    dims = a.shape[1] // 2
    low, high = np.maximum(a[:, None, :dims], b[None, :, :dims]), np.minimum(a[:, None, dims:], b[None, :, dims:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    size = [np.clip(x[:, dims:] - x[:, :dims], 0, None).prod(axis=1) for x in (a, b)]
    joint = size[0][:, None] + size[1][None] - common
    return np.divide(common, joint, out=np.zeros_like(common), where=joint > 0)


def matched(
    truth: Float[np.ndarray, "k edges"], said: Float[np.ndarray, "m edges"], score: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "m thresholds"]]:
    """Return the scores, surest first, and whether each box is a hit at each of `THRESHOLDS`."""
    order = np.argsort(-score, kind="stable")
    overlap = iou(said[order], truth)
    hit = np.zeros((len(order), len(THRESHOLDS)))
    for t, least in enumerate(THRESHOLDS):
        free = np.ones(len(truth), dtype=bool)
        for k in range(len(order)):
            usable = np.where(free, overlap[k], -1.0)
            best = int(usable.argmax()) if len(truth) else -1
            if best >= 0 and usable[best] >= least:
                hit[k, t], free[best] = 1, False
    return score[order], hit


def box_rows(
    truth: Sequence[np.ndarray], said: Float[np.ndarray, "n boxes said"], classes: int, most: int = MOST
) -> Float[np.ndarray, "n columns"]:
    """Return for each sample and class: how many true boxes, then score and hits of each box said.

    Args:
        truth: a sample's boxes: low edges, high edges, class.
        said: low edges, high edges, class, score; score 0 where there is none.
        classes: how many.
        most: boxes a class that are kept, the surest.

    Returns:
        (n, classes (1 + 2 most)): hits as a sum of powers of 2, one a threshold; NaN where there is no box.
    """
    out = np.full((len(truth), classes, 1 + 2 * most), np.nan)
    power = 2.0 ** np.arange(len(THRESHOLDS))
    for k, (t, s) in enumerate(zip(truth, said, strict=True)):
        edges = s.shape[1] - 2
        for c in range(classes):
            true, mine = t[t[:, edges] == c][:, :edges], s[(s[:, edges] == c) & (s[:, edges + 1] >= LEAST_SCORE)][:most]
            score, hit = matched(true, mine[:, :edges], mine[:, edges + 1])
            out[k, c, 0] = len(true)
            out[k, c, 1 : 1 + len(score)], out[k, c, 1 + most : 1 + most + len(score)] = score, hit @ power
    return out.reshape(len(truth), -1)


def box_measures(
    values: Float[np.ndarray, "n columns"], weight: Float[np.ndarray, "resamples n"], classes: int
) -> dict[str, Float[np.ndarray, " resamples"]]:
    """Return AP at overlap .5, its mean over overlaps, and sensitivity at one false alarm a sample; means over classes.

    NaN where a class has no true box among those drawn.
    """
    rows = values.reshape(len(values), classes, -1)
    each = [_class(rows[:, c], weight) for c in range(classes)]
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}


def _class(rows: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    most = (rows.shape[1] - 1) // 2
    score, code = rows[:, 1 : 1 + most], rows[:, 1 + most :]
    at, which = np.nonzero(np.isfinite(score))
    order = np.argsort(-score[at, which], kind="stable")
    at, hits, s = at[order], code[at, which][order].astype(np.int64), score[at, which][order]
    w = weight[:, at]
    truth, samples = weight @ rows[:, 0], weight.sum(axis=1)
    last = np.flatnonzero(np.append(np.diff(s) != 0, True)) if len(s) else np.zeros(0, dtype=np.int64)
    found = [_curve(w, (hits >> t & 1).astype(float), last, truth) for t in range(len(THRESHOLDS))]
    ap = np.stack([_average_precision(recall, precision) for recall, precision, _ in found])
    recall, _, alarms = found[0]
    free = np.where(alarms <= samples[:, None], recall, 0.0).max(axis=1) if len(last) else np.zeros(len(weight))
    known = np.where(truth > 0, 1.0, np.nan)
    return {"AP50": ap[0] * known, "mAP": ap.mean(axis=0) * known, "sensitivity at 1 FP": free * known}


def _curve(
    w: np.ndarray, hit: np.ndarray, last: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return recall, precision and false alarms down to each score; boxes of one score stand together."""
    right, wrong = np.cumsum(w * hit, axis=1)[:, last], np.cumsum(w * (1 - hit), axis=1)[:, last]
    total = right + wrong
    precision = np.divide(right, total, out=np.zeros_like(total), where=total > 0)
    recall = np.divide(right, truth[:, None], out=np.zeros_like(right), where=truth[:, None] > 0)
    return recall, precision, wrong


def _average_precision(recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    if not recall.shape[1]:
        return np.zeros(len(recall))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((np.diff(recall, axis=1, prepend=0.0) * envelope).sum(axis=1))
