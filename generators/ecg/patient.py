"""One patient's heart: the normal kernels, drawn around, turned to the axis, timed to the intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, QRS, Heart, P, T, heart_of, normal_heart
from ...conditioning.ecg.vocabulary import Finding, Sex

_NORMAL = normal_heart()


def draw_heart(c: EcgCondition, rng: np.random.Generator) -> Heart:
    """Return the patient's heart before any finding: own kernels, or the normal ones varied.

    Widths, places, heights and the dipole's direction vary by kernel; heights by wave; the loops
    of P, QRS and T turn in space; the lead field varies with the heart's place in the chest.
    """
    if c.kernels is not None:
        return heart_of(c.kernels)
    base = _NORMAL
    n = base.wave.size
    z = rng.standard_normal((n, 6))
    z[:, :3] *= 0.7 + 0.3 * rng.standard_normal()
    size = np.linalg.norm(base.dipole_mv, axis=1)
    dipole = base.dipole_mv * np.exp(0.16 * z[:, :1]) + 0.07 * size[:, None] * z[:, 3:6]
    wave = rng.standard_normal(8)
    gain = np.exp(np.array([0.22, 0.24, 0.30]) * wave[:3]) * _sex_gain(c)
    dipole *= gain[base.wave][:, None]
    angle = np.radians(np.array([13.0, 15.0, 13.0]) * wave[3:6])
    for code in (P, QRS, T):
        about_y = _turn(angle[code], 0, 2)
        dipole[base.wave == code] = dipole[base.wave == code] @ about_y.T
    field = base.lead_field * (1 + 0.06 * rng.standard_normal((8, 3)))
    return replace(
        base,
        centre_s=base.centre_s * np.exp(0.05 * z[:, 1]),
        width_s=base.width_s * np.exp(0.09 * z[:, 2]),
        dipole_mv=dipole,
        lead_field=field,
    )


def _sex_gain(c: EcgCondition) -> np.ndarray:
    """Men's QRS and T are larger; the QRS falls with age (Rijnbeek et al. 2014)."""
    male = 1.0 if c.sex is Sex.M else -1.0
    age = (c.age_years or 50.0) - 50
    return np.array([1.0, math.exp(0.07 * male - 0.002 * age), math.exp(0.14 * male - 0.004 * age)])


def _turn(angle: float, a: int, b: int) -> np.ndarray:
    """Return the rotation by `angle` in the plane of axes a and b."""
    m = np.eye(3)
    c, s = math.cos(angle), math.sin(angle)
    m[a, a], m[a, b], m[b, a], m[b, b] = c, -s, s, c
    return m


def frontal_axis_deg(heart: Heart) -> float:
    """Return the frontal QRS axis from the net QRS area in I and aVF."""
    mine = heart.wave == QRS
    area = heart.dipole_mv[mine].T @ heart.width_s[mine]
    one, two = heart.lead_field[:2] @ area
    return math.degrees(math.atan2(2 * (two - one / 2), math.sqrt(3) * one))


def turn_to_axis(heart: Heart, target_deg: float) -> Heart:
    """Turn the QRS in the frontal plane until its axis is the target; T follows half way, P a fifth."""
    total = 0.0
    mine = heart.wave == QRS
    area = heart.dipole_mv[mine].T @ heart.width_s[mine]
    for _ in range(6):
        one, two = heart.lead_field[:2] @ (_turn(total, 0, 1) @ area)
        now = math.degrees(math.atan2(2 * (two - one / 2), math.sqrt(3) * one))
        total += math.radians((target_deg - now + 180) % 360 - 180)
    total = (total + math.pi) % (2 * math.pi) - math.pi
    dipole = heart.dipole_mv.copy()
    for code, share in ((QRS, 1.0), (T, 0.45), (P, 0.2)):
        part = max(-0.9, min(0.9, share * total)) if code != QRS else total
        dipole[heart.wave == code] = dipole[heart.wave == code] @ _turn(part, 0, 1).T
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
        early = np.isin(heart.wave, (P, T), invert=True)
        centre[early] *= s
        width[early] *= s
        lim[:, QRS] *= s
    new_off = lim[12, QRS, 2]
    if qt_s is not None and not np.isnan(whole[T, 2]):
        s = max(0.25, (qt_s + lim[12, QRS, 0] - new_off) / (whole[T, 2] - off))
        mine = heart.wave == T
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
