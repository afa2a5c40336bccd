"""Rhythms: when each ventricle and each atrium fires over the process that the record is cut from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.vocabulary import Rhythm
from .rr import Modulation, Window, fibrillation_times, modulation, sinus_times, window

# Beat types: how the ventricles are activated.
NORMAL, VENTRICULAR, ESCAPE, PACED = range(4)
NOMINAL_PR_S = 0.16
_QUIET = 1.0  # LF/HF of clocks that are not the sinus node's free run


@dataclass(frozen=True)
class Beats:
    """All beats and P waves of the process.

    Attributes:
        r_s: (beats,) R times.
        kind: (beats,) NORMAL, VENTRICULAR, ESCAPE or PACED.
        label: (beats,) WFDB beat code.
        p_s: (atrial,) R time that each P wave announces at the patient's own PR.
        p_ectopic: (atrial,) whether it starts outside the sinus node.
        p_beat: (atrial,) index of the beat it is conducted to, -1 where it is not.
        atrial_hz: rate of fibrillation or flutter waves, 0 where there are none.
    """

    r_s: np.ndarray
    kind: np.ndarray
    label: np.ndarray
    p_s: np.ndarray
    p_ectopic: np.ndarray
    p_beat: np.ndarray
    atrial_hz: float = 0.0


def process(c: EcgCondition, rng: np.random.Generator) -> tuple[Window, Modulation, Beats]:
    """Return the record's place in a longer process, what modulates it, and all its beats.

    Args:
        c: condition with every field filled in.
        rng: the visit's stream.
    """
    assert c.resp_rate_bpm is not None
    span = window(c.duration_s, rng)
    m = modulation(c.resp_rate_bpm / 60, span.horizon_s, rng)
    return span, m, beats(c, m, span, rng)


def beats(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    """Return the beats of a complete condition.

    Args:
        c: condition with every field filled in.
        m: breathing and the 0.1 Hz component over the horizon.
        span: the record's place in the process.
        rng: the rhythm's stream.
    """
    assert c.rhythm is not None
    return _RHYTHMS[c.rhythm](c, m, span, rng)


def _clock(c: EcgCondition, mean_s: float, m: Modulation, span: Window) -> np.ndarray:
    """Sinus node times at a mean, with the patient's variability where the rhythm has it."""
    sd = 0.02 * mean_s if c.hrv_sd_ms is None else c.hrv_sd_ms / 1000
    return sinus_times(mean_s, sd, c.lf_hf or _QUIET, m, span)


def _mean_s(c: EcgCondition) -> float:
    assert c.heart_rate_bpm is not None
    return 60 / c.heart_rate_bpm


def _simple(r_s: np.ndarray, p_ectopic: np.ndarray | None = None, label: np.ndarray | None = None) -> Beats:
    n = r_s.size
    return Beats(
        r_s,
        np.zeros(n, int),
        np.full(n, "N") if label is None else label,
        r_s,
        np.zeros(n, bool) if p_ectopic is None else p_ectopic,
        np.arange(n),
    )


def _sinus(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    return _simple(_clock(c, _mean_s(c), m, span))


def _chosen(t: np.ndarray, span: Window, share: float, rng: np.random.Generator) -> np.ndarray:
    """Choose beats that an ectopic one follows: never two in a row, at least one inside the record."""
    pick = rng.random(t.size) < share
    inside = np.flatnonzero((t > span.start_s) & (t < span.start_s + span.duration_s))[1:-2]
    if inside.size and not pick[inside].any():
        pick[inside[int(rng.random() * inside.size)]] = True
    pick[1:] &= ~pick[:-1]
    pick[1:] &= ~(pick[:-1] & pick[1:])
    pick[:1] = False
    pick[-3:] = False
    return np.asarray(np.flatnonzero(pick))


def _atrial_ectopy(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    t = _clock(c, _mean_s(c), m, span)
    k = _chosen(t, span, 0.12, rng)
    interval = np.diff(t)
    interval[k] *= rng.uniform(0.55, 0.72) + 0.03 * rng.standard_normal(k.size)
    interval[k + 1] *= rng.uniform(1.02, 1.15)  # the sinus node is reset: the pause is not compensatory
    interval *= np.diff(t).mean() / interval.mean()
    r = t[0] + np.concatenate([[0.0], np.cumsum(interval)])
    r += (span.start_s + span.duration_s / 2) - np.interp(span.start_s + span.duration_s / 2, t, r)
    early = np.zeros(r.size, bool)
    early[k + 1] = True
    return _simple(r, early, np.where(early, "A", "N"))


def _ventricular_ectopy(share: float) -> Callable[..., Beats]:
    def rhythm(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
        t = _clock(c, _mean_s(c), m, span)
        k = np.arange(1, t.size - 3, 2) if share == 1 else _chosen(t, span, share, rng)
        # From the sinus beat before by a nearly fixed coupling; the next sinus impulse finds the
        # ventricles refractory, and the one after comes on time: a full compensatory pause.
        coupling = min(rng.uniform(0.42, 0.52), 0.62 * _mean_s(c)) + 0.012 * rng.standard_normal(k.size)
        coupling = np.clip(coupling, 0.30 * np.diff(t)[k], 0.80 * np.diff(t)[k])
        blocked = np.zeros(t.size, bool)
        blocked[k + 1] = True
        r = np.concatenate([t[~blocked], t[k] + coupling])
        order = np.argsort(r, kind="stable")
        kind = np.concatenate([np.zeros((~blocked).sum(), int), np.full(k.size, VENTRICULAR)])[order]
        beat = np.full(t.size, -1)
        beat[~blocked] = np.argsort(order, kind="stable")[: (~blocked).sum()]
        label = np.where(kind == VENTRICULAR, "V", "N")
        return Beats(r[order], kind, label, t, np.zeros(t.size, bool), beat)

    return rhythm


def _group(c: EcgCondition, sizes: tuple[int, ...], rng: np.random.Generator) -> int:
    """Draw n of an n : n-1 block whose atrial rate is a sinus rate."""
    rate = 60 / _mean_s(c)
    fit = [n for n in sizes if 55 <= rate * n / (n - 1) <= 112]
    n = sizes[-1] if rate > 70 else sizes[0]
    return fit[int(rng.random() * len(fit))] if fit else n


def _second_degree(sizes: tuple[int, ...], growth_s: tuple[float, ...]) -> Callable[..., Beats]:
    def rhythm(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
        n = _group(c, sizes, rng)
        t = _clock(c, _mean_s(c) * (n - 1) / n, m, span)
        place = (np.arange(t.size) + int(rng.random() * n)) % n
        delay = np.concatenate([[0.0], np.cumsum(growth_s)])[np.minimum(place, len(growth_s))]
        conducted = place < n - 1
        beat = np.full(t.size, -1)
        beat[conducted] = np.arange(conducted.sum())
        r = (t + delay)[conducted]
        return Beats(r, np.zeros(r.size, int), np.full(r.size, "N"), t, np.zeros(t.size, bool), beat)

    return rhythm


def _third_degree(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    mean = _mean_s(c)
    atrial = 60 / max(rng.uniform(62, 98), 1.4 * 60 / mean)
    p = _clock(c, atrial, m, span) + NOMINAL_PR_S
    r = sinus_times(mean, 0.012 * mean, _QUIET, m, span)
    junctional = 60 / mean >= 40 and rng.random() < 0.6
    kind = np.full(r.size, NORMAL if junctional else ESCAPE)
    label = np.full(r.size, "j" if junctional else "E")
    return Beats(r, kind, label, p, np.zeros(p.size, bool), np.full(p.size, -1))


def _paced(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    r = sinus_times(_mean_s(c), 0.004 * _mean_s(c), _QUIET, m, span)
    if rng.random() < 0.6:  # atrioventricular sequence
        p, beat = r, np.arange(r.size)
    else:  # ventricular pacing alone: the atria beat on their own
        p = _clock(c, _mean_s(c) * rng.uniform(0.75, 1.15), m, span)
        beat = np.full(p.size, -1)
    return Beats(r, np.full(r.size, PACED), np.full(r.size, "/"), p, np.zeros(p.size, bool), beat)


def _fibrillation(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    r = fibrillation_times(_mean_s(c), span, rng)
    return _without_p(r, float(np.clip(6.3 + 0.9 * rng.standard_normal(), 4.2, 9.0)))


def _flutter(c: EcgCondition, m: Modulation, span: Window, rng: np.random.Generator) -> Beats:
    rate = 60 / _mean_s(c)
    ratio = [k for k in (2, 3, 4, 5, 6) if 220 <= rate * k <= 350]
    k = ratio[int(rng.random() * len(ratio))]
    per_beat = np.full(int(span.horizon_s / _mean_s(c)) + 2, k)
    if k > 2 and rng.random() < 0.5:  # variable block around the same mean
        at = rng.permutation(per_beat.size)[: 2 * (per_beat.size // 5)]
        per_beat[at[::2]] += 1
        per_beat[at[1::2]] -= 1
    atrial_hz = rate * k / 60
    wave = np.cumsum(per_beat)
    r = wave / atrial_hz + 0.004 * rng.standard_normal(wave.size)
    return _without_p(r[r < span.horizon_s], atrial_hz)


def _without_p(r: np.ndarray, atrial_hz: float) -> Beats:
    none = np.empty(0)
    return Beats(r, np.zeros(r.size, int), np.full(r.size, "N"), none, none.astype(bool), none.astype(int), atrial_hz)


_RHYTHMS: dict[Rhythm, Callable[..., Beats]] = {
    Rhythm.sinus: _sinus,
    Rhythm.sinus_bradycardia: _sinus,
    Rhythm.sinus_tachycardia: _sinus,
    Rhythm.atrial_fibrillation: _fibrillation,
    Rhythm.atrial_flutter: _flutter,
    Rhythm.premature_atrial_complexes: _atrial_ectopy,
    Rhythm.premature_ventricular_complexes: _ventricular_ectopy(0.1),
    Rhythm.ventricular_bigeminy: _ventricular_ectopy(1),
    Rhythm.av_block_first_degree: _sinus,
    Rhythm.av_block_wenckebach: _second_degree((3, 4, 5), (0.09, 0.05, 0.03, 0.02)),
    Rhythm.av_block_mobitz_ii: _second_degree((2, 3, 4, 5), ()),
    Rhythm.av_block_third_degree: _third_degree,
    Rhythm.paced: _paced,
}
