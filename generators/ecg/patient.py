"""One patient's heart: the normal kernels, drawn around, turned to the axis, timed to the intervals."""

from __future__ import annotations

import math

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, QRS, Heart, heart_of
from ...conditioning.ecg.hearts import heart_bank
from ...conditioning.ecg.vocabulary import Finding, Sex
from . import compiled

# Log sd of the heights of P, QRS, T, ST; turns about y and x in rad; log sd of a kernel's place,
# width and height; relative sd of the lead field.
_SPREAD = np.array([0.18, 0.16, 0.20, 0.20, 0.16, 0.10, 0.012, 0.05, 0.06, 0.05])
# How far each wave (P, QRS, T, ST, spike) follows when the QRS is turned.
_FOLLOWS = np.array([0.2, 1.0, 0.45, 0.45, 0.0])


def draw_heart(c: EcgCondition, rng: np.random.Generator) -> Heart:
    """Return the patient's heart before any finding: own kernels, or a fitted heart varied.

    Places, widths and heights vary by kernel; heights by wave; the loops of P, QRS and T turn in
    space; the lead field varies with the heart's place in the chest.
    """
    z = rng.standard_normal(34 + 3 * 20)
    u = rng.random()
    if c.kernels is not None:
        return heart_of(c.kernels)
    hypertrophy = Finding.left_ventricular_hypertrophy in (c.findings or ())
    base = heart_bank().near(c.sex is Sex.M, c.age_years or 50.0, c.axis_deg or 0.0, hypertrophy, u)
    new = Heart(
        base.wave, base.centre_s.copy(), base.width_s.copy(), base.dipole_mv.copy(),
        base.lead_field.copy(), base.atrial_field.copy(),
    )  # fmt: skip
    compiled.vary_heart(
        new.wave, new.centre_s, new.width_s, new.dipole_mv, new.lead_field, new.atrial_field, z, _SPREAD
    )
    return new


def turn_to_axis(heart: Heart, target_deg: float) -> Heart:
    """Turn the QRS in the frontal plane until its axis is the target; T and ST follow half way, P a fifth."""
    dipole = heart.dipole_mv.copy()
    compiled.turn_axis(heart.wave, heart.width_s, dipole, heart.lead_field, math.radians(target_deg), _FOLLOWS)
    return heart.turned(dipole)


def time_to(
    heart: Heart,
    limits: np.ndarray,
    *,
    pr_s: float | None = None,
    qrs_s: float | None = None,
    qt_s: float | None = None,
    p_s: float | None = None,
) -> tuple[Heart, np.ndarray]:
    """Stretch and shift the waves until the whole heart's PR, QRS and QT at RR = 1 s are as asked.

    QRS is scaled about R, T about the end of QRS, P is scaled and moved. Limits are thresholds on
    height, so they move with the kernels and need no second measurement.

    Args:
        heart: kernels.
        limits: (13, 3, 3) of `wave_limits_s(heart)`.
        pr_s, qrs_s, qt_s, p_s: targets in seconds; None leaves that interval.

    Returns:
        The heart and its limits.
    """
    centre, width, lim = heart.centre_s.copy(), heart.width_s.copy(), limits.copy()
    targets = [math.nan if v is None else v for v in (pr_s, qrs_s, qt_s, p_s)]
    compiled.retime(heart.wave, centre, width, lim, *targets)
    return heart.timed(centre, width), lim


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
