"""One patient's heart: the normal kernels, drawn around, turned to the axis, timed to the intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, QRS, SPIKE, ST, Heart, P, T, heart_of
from ...conditioning.ecg.hearts import heart_bank
from ...conditioning.ecg.vocabulary import Finding, Sex

_GAIN_SD = np.array([0.18, 0.16, 0.20, 0.20])  # log height of P, QRS, T, ST


def draw_heart(c: EcgCondition, rng: np.random.Generator) -> Heart:
    """Return the patient's heart before any finding: own kernels, or a fitted heart varied.

    Places, widths and heights vary by kernel; heights by wave; the loops of P, QRS and T turn in
    space; the lead field varies with the heart's place in the chest.
    """
    z = rng.standard_normal(120)
    u = rng.random()
    if c.kernels is not None:
        return heart_of(c.kernels)
    hypertrophy = Finding.left_ventricular_hypertrophy in (c.findings or ())
    base = heart_bank().near(c.sex is Sex.M, c.age_years or 50.0, c.axis_deg or 0.0, hypertrophy, u)
    n = base.wave.size
    gain = np.exp(_GAIN_SD * z[:4])[base.wave]
    dipole = base.dipole_mv * (gain * np.exp(0.10 * z[20 : 20 + n]))[:, None]
    for code, turn in ((P, z[4:6]), (QRS, z[6:8]), (T, z[8:10])):
        mine = base.wave == code
        about = _turn(0.16 * turn[0], 0, 2) @ _turn(0.10 * turn[1], 1, 2)
        dipole[mine] = dipole[mine] @ about.T
    return Heart(
        base.wave,
        base.centre_s * np.exp(0.02 * z[40 : 40 + n]),
        base.width_s * np.exp(0.06 * z[60 : 60 + n]),
        dipole,
        base.lead_field * (1 + 0.05 * z[80:104].reshape(8, 3)),
    )


def _turn(angle: float, a: int, b: int) -> np.ndarray:
    """Return the rotation by `angle` in the plane of axes a and b."""
    m = np.eye(3)
    c, s = math.cos(angle), math.sin(angle)
    m[a, a], m[a, b], m[b, a], m[b, b] = c, -s, s, c
    return m


def turn_to_axis(heart: Heart, target_deg: float) -> Heart:
    """Turn the QRS in the frontal plane until its axis is the target; T and ST follow half way, P a fifth."""
    mine = heart.wave == QRS
    x, y, z = (heart.dipole_mv[mine].T @ heart.width_s[mine]).tolist()
    (ax, ay, az), (bx, by, bz) = heart.lead_field[:2].tolist()
    total = 0.0
    for _ in range(6):
        c, s = math.cos(total), math.sin(total)
        u, v = c * x - s * y, s * x + c * y
        one, two = ax * u + ay * v + az * z, bx * u + by * v + bz * z
        now = math.degrees(math.atan2(2 * (two - one / 2), math.sqrt(3) * one))
        total += math.radians((target_deg - now + 180) % 360 - 180)
    total = (total + math.pi) % (2 * math.pi) - math.pi
    dipole = heart.dipole_mv.copy()
    for code, share in ((QRS, 1.0), (T, 0.45), (ST, 0.45), (P, 0.2)):
        part = total if code == QRS else max(-0.9, min(0.9, share * total))
        mine = heart.wave == code
        dipole[mine] = dipole[mine] @ _turn(part, 0, 1).T
    return replace(heart, dipole_mv=dipole)


def time_to(
    heart: Heart, limits: np.ndarray, *, pr_s: float | None, qrs_s: float | None, qt_s: float | None, p_s: float | None
) -> tuple[Heart, np.ndarray]:
    """Stretch and shift the waves until the whole heart's PR, QRS and QT at RR = 1 s are as asked.

    QRS is scaled about R, T about the end of QRS, P is scaled about its middle and moved. Limits
    are thresholds on height, so they move with the kernels and need no second measurement.

    Args:
        heart: kernels.
        limits: (13, 3, 3) of `wave_limits_s(heart)`.
        pr_s, qrs_s, qt_s, p_s: targets in seconds; None leaves that interval.

    Returns:
        The heart and its limits.
    """
    centre, width, lim = heart.centre_s.copy(), heart.width_s.copy(), limits.copy()
    whole = lim[12]
    on, off = whole[QRS, 0], whole[QRS, 2]
    if qrs_s is not None:
        s = qrs_s / (off - on)
        early = (heart.wave == QRS) | (heart.wave == SPIKE)
        centre[early] *= s
        width[early] *= s
        lim[:, QRS] *= s
    new_off = lim[12, QRS, 2]
    if qt_s is not None and not np.isnan(whole[T, 2]):
        s = max(0.25, (qt_s + lim[12, QRS, 0] - new_off) / (whole[T, 2] - off))
        mine = (heart.wave == T) | (heart.wave == ST)
        centre[mine] = new_off + (centre[mine] - off) * s
        width[mine] *= s
        lim[:, T] = new_off + (lim[:, T] - off) * s
    mine = heart.wave == P
    if mine.any() and not np.isnan(whole[P, 0]):
        s = 1.0 if p_s is None else p_s / (whole[P, 2] - whole[P, 0])
        start = whole[P, 0] if pr_s is None else lim[12, QRS, 0] - pr_s
        centre[mine] = start + (centre[mine] - whole[P, 0]) * s
        width[mine] *= s
        lim[:, P] = start + (lim[:, P] - whole[P, 0]) * s
    return replace(heart, centre_s=centre, width_s=width), lim


def limb_lead_height_mv(heart: Heart) -> float:
    """Return the largest peak-to-peak QRS of a limb lead."""
    t = np.arange(-0.12, 0.16, 0.004)
    leads = EIGHT_TO_TWELVE[:6] @ (heart.lead_field @ heart.only(QRS).dipole(t))
    return float(np.ptp(leads, axis=1).max())


def p_duration_s(c: EcgCondition, z: float) -> float:
    """Draw the P duration: 106 ms, longer in men and with age (Rijnbeek et al. 2014)."""
    male = 1.0 if c.sex is Sex.M else -1.0
    mean = 0.106 + 0.003 * male + 0.0002 * ((c.age_years or 50.0) - 50)
    most = 0.075 if Finding.wolff_parkinson_white in (c.findings or ()) else 0.140
    return min(most, max(0.070, mean + 0.010 * z))
