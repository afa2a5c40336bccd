"""The beat types of one patient, each a heart with its wave limits, and the T wave's second state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, QRS, SPIKE, Heart, T
from ...conditioning.ecg.vocabulary import Finding, Rhythm
from . import compiled
from .findings import CHANGES, wide_beat
from .limits import wave_limits_s
from .patient import draw_heart, p_duration_s, time_to, turn_to_axis
from .rhythm import ESCAPE, NOMINAL_PR_S, NORMAL, PACED, VENTRICULAR

ST_T_GRID_S = np.arange(0.0, 0.7, 0.004)  # from R, at RR = 1 s


@dataclass(frozen=True)
class BeatType:
    """One way a beat looks: kernels at RR = 1 s and the limits of its waves."""

    heart: Heart
    limits: np.ndarray  # (13, 3, 3) seconds from R


@dataclass(frozen=True)
class Alternans:
    """The difference between the two states of the T wave.

    Attributes:
        kernels: what the second state adds, at RR = 1 s.
        leads_uv: (12, grid) its absolute height on `ST_T_GRID_S`.
    """

    kernels: Heart
    leads_uv: np.ndarray


@dataclass(frozen=True)
class Patient:
    """What draws a patient's record.

    Attributes:
        beats: beat types by kind (NORMAL, ...); their P kernels are not used.
        p_sinus: the P kernels here are the sinus node's, timed to the patient's PR.
        p_ectopic: the P kernels here are those of a focus low in the atria.
        alternans: the T wave's second state, None without TWA.
        usual: the beat type most of the record's beats have.
        conducts: whether P waves lead to the beats, so that PR has a meaning.
    """

    beats: dict[int, BeatType]
    p_sinus: BeatType
    p_ectopic: BeatType | None
    alternans: Alternans | None
    usual: BeatType
    conducts: bool


def draw_patient(c: EcgCondition, kinds: set[int], ectopic: bool, rng: np.random.Generator) -> Patient:
    """Return the patient of a complete condition.

    Args:
        c: complete condition.
        kinds: beat types that the rhythm needs.
        ectopic: whether it has P waves from outside the sinus node.
        rng: the patient's own stream; nothing of the visit is drawn from it.
    """
    heart = draw_heart(c, rng)
    p_z, key = rng.standard_normal(), rng.integers(2**63)
    findings = c.findings or ()
    # The axis is that of conducted activation; late or early extra forces are added to it. A left
    # bundle branch block replaces the activation and is turned as a whole.
    if c.axis_deg is not None:
        heart = turn_to_axis(heart, c.axis_deg)
    if findings:
        variety = np.random.Generator(np.random.SFC64([int(key), 1]))
        for finding, change in CHANGES.items():
            if finding in findings:
                heart = change(heart, variety)
        if c.axis_deg is not None and Finding.left_bundle_branch_block in findings:
            heart = turn_to_axis(heart, c.axis_deg)
    heart, limits = _timed(c, heart, p_z)
    beats = {NORMAL: BeatType(heart, limits)}
    for kind in sorted(kinds - {NORMAL}):
        beats[kind] = _other(c, kind, heart, np.random.Generator(np.random.SFC64([int(key), 2 + kind])))
    usual = beats[NORMAL if NORMAL in kinds else min(kinds)]
    return Patient(
        beats,
        beats[NORMAL],
        _low_atrial(heart, limits) if ectopic else None,
        _alternans(usual.heart, c.twa_uv or 0.0),
        usual,
        conducts=c.rhythm not in _NO_PR,
    )


_NO_PR = (Rhythm.atrial_fibrillation, Rhythm.atrial_flutter, Rhythm.av_block_third_degree, Rhythm.paced)


def _low_atrial(heart: Heart, limits: np.ndarray) -> BeatType:
    """Return the P wave of a focus low in the atria: upwards, and nearer to the QRS."""
    return BeatType(
        heart.turned(heart.dipole_mv * (0.7, -0.8, 0.9)).timed(heart.centre_s + 0.012, heart.width_s), limits + 0.012
    )


def _timed(c: EcgCondition, heart: Heart, p_z: float) -> tuple[Heart, np.ndarray]:
    own = c.kernels is not None
    pr_s = None if c.pr_ms is None else c.pr_ms / 1000
    if pr_s is None and not own:
        pr_s = NOMINAL_PR_S
    return time_to(
        heart,
        wave_limits_s(heart),
        pr_s=pr_s,
        qrs_s=None if c.qrs_ms is None else _own_width(c) / 1000,
        qt_s=None if c.qtc_ms is None else c.qtc_ms / 1000,
        p_s=None if own else min(p_duration_s(c, p_z), 0.82 * (pr_s or 1.0)),
    )


def _own_width(c: EcgCondition) -> float:
    """QRS of the conducted beat: with a pacemaker the asked width is the paced beat's."""
    assert c.qrs_ms is not None
    return 95.0 if c.rhythm is Rhythm.paced else c.qrs_ms


def _other(c: EcgCondition, kind: int, heart: Heart, rng: np.random.Generator) -> BeatType:
    """Draw a beat that does not come through the normal conduction system."""
    left = rng.random() < 0.35  # from the left ventricle: forces to the right and front
    directions = {
        VENTRICULAR: (-0.55, 0.35, -0.75) if left else (0.60, 0.55, 0.65),
        ESCAPE: (-0.5, 0.4, -0.7) if left else (0.8, -0.25, 0.6),
        PACED: (0.45, -0.80, 0.42),
    }
    size = float(np.clip(1.25 + 0.22 * rng.standard_normal(), 0.8, 1.8))
    x, y, z = np.array(directions[kind]) + 0.15 * rng.standard_normal(3)
    if Finding.low_voltage in (c.findings or ()):
        size *= 0.5
    wide = wide_beat(heart, (x, y, z), size, rng)
    qrs_s = {VENTRICULAR: 0.146, ESCAPE: 0.150, PACED: (c.qrs_ms or 155) / 1000}[kind]
    if kind != PACED:
        qrs_s += 0.010 * rng.standard_normal()
    qt_s = (c.qtc_ms or 405) / 1000 + 0.7 * (qrs_s - 0.09)
    wide, limits = time_to(wide, wave_limits_s(wide), qrs_s=qrs_s, qt_s=qt_s)
    if kind == PACED:
        spike = float(0.9 * np.exp(0.4 * rng.standard_normal()))
        wide = wide.plus(SPIKE, limits[12, QRS, 0] - 0.004, 0.0009, (0.5 * spike, -0.8 * spike, 0.3 * spike))
    return BeatType(wide, limits)


def _alternans(heart: Heart, twa_uv: float) -> Alternans | None:
    """Return the late T kernels scaled so that their largest height in any lead is `twa_uv`."""
    if twa_uv == 0:
        return None
    late = heart.only(T)
    if late.wave.size == 0:
        return None
    keep = late.centre_s >= late.centre_s.sum() / late.centre_s.size
    late = late.kept(keep)
    leads_uv = np.empty((12, ST_T_GRID_S.size))
    field = EIGHT_TO_TWELVE @ late.lead_field
    scale = compiled.scaled_height(late.centre_s, late.width_s, late.dipole_mv, field, ST_T_GRID_S[1], twa_uv, leads_uv)
    return Alternans(late.turned(late.dipole_mv * (scale / -1000)), leads_uv)
