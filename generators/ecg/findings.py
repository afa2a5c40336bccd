"""Findings as changes of a heart's kernels: one function each, before the intervals are set.

Recipes in the terms of vectorcardiography: a bundle branch block adds late, slow forces towards
the blocked ventricle and turns the T vector against them; an injury current is a broad vector
towards (ST elevation) or away from (depression) a territory; and so on. Numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, LEAD_INDEX, QRS, ST, Heart, P, T
from ...conditioning.ecg.vocabulary import Finding
from .patient import limb_lead_height_mv

Change = Callable[[Heart, np.random.Generator], Heart]
_T_GRID_S = np.arange(0.05, 0.60, 0.004)
J_S = 0.045  # where the ST segment begins before the intervals are set

# Leads that look at each territory.
_TERRITORY = {
    "anterior": [LEAD_INDEX[lead] for lead in ("V2", "V3", "V4")],
    "inferior": [LEAD_INDEX[lead] for lead in ("II", "III", "aVF")],
    "lateral": [LEAD_INDEX[lead] for lead in ("I", "aVL", "V6")],
}
_RIDGE = 0.02


def towards(heart: Heart, territory: str, height_mv: np.ndarray) -> np.ndarray:
    """Return the dipoles (n, 3) that give the leads of a territory these heights (n, leads or 1)."""
    field = (EIGHT_TO_TWELVE @ heart.lead_field)[_TERRITORY[territory]]
    back = field.T @ np.linalg.inv(field @ field.T + _RIDGE * np.eye(3))
    return np.asarray(np.broadcast_to(height_mv, (len(height_mv), 3)) @ back.T)


def scaled(heart: Heart, wave: int, gain: tuple[float, float, float] | float) -> Heart:
    """Return the heart with the dipoles of one wave multiplied, per axis or as a whole."""
    dipole = heart.dipole_mv.copy()
    dipole[heart.wave == wave] *= np.broadcast_to(gain, 3)
    return replace(heart, dipole_mv=dipole)


def _left_bundle_branch_block(heart: Heart, rng: np.random.Generator) -> Heart:
    size = 1.0 + 0.18 * rng.standard_normal()
    x, y, z = 0.95 * size, 0.12 + 0.18 * rng.standard_normal(), 0.85 * size
    h = heart.only(P)
    # First down, at last up: the frontal loop stays open, so that no limb lead is flat.
    h = h.plus(QRS, -0.040, 0.011, (0.25 * x, 0.3 * y + 0.16, 0.35 * z))
    h = h.plus(QRS, -0.012, 0.015, (0.85 * x, y + 0.20, 0.80 * z))
    h = h.plus(QRS, 0.022, 0.017, (0.70 * x, 0.8 * y - 0.12, 1.00 * z))
    h = h.plus(QRS, 0.050, 0.013, (0.75 * x, 0.4 * y - 0.26, 0.55 * z))
    h = h.plus(T, 0.19, 0.060, (-0.08 * x, 0.06 * y, -0.22 * z))
    h = h.plus(T, 0.29, 0.042, (-0.27 * x, -0.2 * y, -0.36 * z))
    return h


def _right_bundle_branch_block(heart: Heart, rng: np.random.Generator) -> Heart:
    size = 1.0 + 0.2 * rng.standard_normal()
    h = heart.plus(QRS, 0.050, 0.013, (-0.42 * size, 0.05, -0.55 * size))
    h = h.plus(QRS, 0.078, 0.013, (-0.25 * size, 0.02, -0.30 * size))
    h = h.plus(T, 0.255, 0.040, (0.06 * size, 0.0, 0.26 * size))
    return h


def _left_anterior_fascicular_block(heart: Heart, rng: np.random.Generator) -> Heart:
    # The axis itself is set with the intervals; what stays is the small early force down and right.
    return heart.plus(QRS, -0.030, 0.006, (-0.10, 0.20 + 0.04 * rng.standard_normal(), -0.05))


def _left_ventricular_hypertrophy(heart: Heart, rng: np.random.Generator) -> Heart:
    gain = 1.32 + 0.12 * abs(rng.standard_normal())
    h = scaled(heart, QRS, (gain, 1.15, gain))
    if rng.random() < 0.4:  # strain: ST and T turn against the QRS
        h = scaled(h, T, (-0.45, 0.5, 1.25))
        return h.plus(ST, J_S + 0.05, 0.045, (-0.10, -0.02, -0.06))
    return h


def _st_shift(territory: str, sign: float) -> Change:
    def change(heart: Heart, rng: np.random.Generator) -> Heart:
        size = sign * (0.22 + 0.07 * abs(rng.standard_normal())) * (1.0 if sign > 0 else 0.65)
        x, y, z = towards(heart, territory, np.full((1, 1), size))[0] + 0.015 * rng.standard_normal(3)
        h = heart.plus(ST, J_S + 0.035, 0.032, (0.55 * x, 0.55 * y, 0.55 * z))
        return h.plus(ST, J_S + 0.095, 0.045, (0.75 * x, 0.75 * y, 0.75 * z))

    return change


def _t_inversion(territory: str) -> Change:
    def change(heart: Heart, rng: np.random.Generator) -> Heart:
        mine = heart.wave == T
        dipole = heart.dipole_mv.copy()
        flat = np.linalg.norm(heart.only(T).dipole(_T_GRID_S), axis=0).max()
        dipole[mine] *= max(1.0, 0.22 / max(flat, 0.02))  # a flat T could not be seen to be inverted
        field = (EIGHT_TO_TWELVE @ heart.lead_field)[_TERRITORY[territory]]
        # Turn what these leads see to what they shall see; the other leads follow from the dipole.
        now = dipole[mine] @ field.T
        deep = 0.55 * max(0.6, 1.0 + 0.25 * rng.standard_normal())
        then = -deep * np.maximum(np.abs(now), np.linalg.norm(dipole[mine], axis=1)[:, None])
        dipole[mine] += towards(heart, territory, then - now)
        return replace(heart, dipole_mv=dipole)

    return change


def _early_repolarization(heart: Heart, rng: np.random.Generator) -> Heart:
    size = 1.0 + 0.2 * rng.standard_normal()
    h = scaled(heart, T, 1.35)
    h = h.plus(QRS, 0.040, 0.0080, (0.10 * size, 0.09 * size, -0.03 * size))
    return h.plus(ST, J_S + 0.055, 0.045, (0.07 * size, 0.06 * size, -0.12 * size))


def _low_voltage(heart: Heart, rng: np.random.Generator) -> Heart:
    target = 0.33 + 0.09 * rng.random()  # below the criterion of 0.5 mV in every limb lead
    gain = min(1.0, target / limb_lead_height_mv(heart))
    h = scaled(heart, QRS, gain)
    h = scaled(h, T, max(gain, 0.45))
    return scaled(h, P, max(gain, 0.7))


def _wolff_parkinson_white(heart: Heart, rng: np.random.Generator) -> Heart:
    size = 0.36 + 0.06 * rng.standard_normal()
    direction = np.array([0.75, 0.35, -0.55 if rng.random() < 0.6 else 0.55]) + 0.12 * rng.standard_normal(3)
    # The early force turns towards the main one and grows into it: a slur and not a wave of its own.
    qrs = heart.only(QRS)
    main = qrs.dipole_mv.T @ qrs.width_s
    main /= max(float(np.linalg.norm(main)), 1e-9)
    h = heart
    for centre_s, height, turned in ((-0.046, 0.55, 0.0), (-0.032, 0.85, 0.3), (-0.018, 1.05, 0.6), (-0.006, 0.7, 0.8)):
        x, y, z = size * height * ((1 - turned) * direction + turned * main)
        h = h.plus(QRS, centre_s, 0.0095, (x, y, z))
    return scaled(h, T, (0.35, 0.4, 0.6))


def _unchanged(heart: Heart, rng: np.random.Generator) -> Heart:
    return heart


# In the order in which they act: activation, size, repolarisation.
CHANGES: dict[Finding, Change] = {
    Finding.left_bundle_branch_block: _left_bundle_branch_block,
    Finding.right_bundle_branch_block: _right_bundle_branch_block,
    Finding.left_anterior_fascicular_block: _left_anterior_fascicular_block,
    Finding.wolff_parkinson_white: _wolff_parkinson_white,
    Finding.left_ventricular_hypertrophy: _left_ventricular_hypertrophy,
    Finding.t_inversion_anterior: _t_inversion("anterior"),
    Finding.t_inversion_inferior: _t_inversion("inferior"),
    Finding.t_inversion_lateral: _t_inversion("lateral"),
    Finding.early_repolarization: _early_repolarization,
    Finding.st_elevation_anterior: _st_shift("anterior", 1.0),
    Finding.st_elevation_inferior: _st_shift("inferior", 1.0),
    Finding.st_elevation_lateral: _st_shift("lateral", 1.0),
    Finding.st_depression_anterior: _st_shift("anterior", -1.0),
    Finding.st_depression_inferior: _st_shift("inferior", -1.0),
    Finding.st_depression_lateral: _st_shift("lateral", -1.0),
    Finding.low_voltage: _low_voltage,
    Finding.long_qt: _unchanged,  # an interval: the condition's qtc_ms says it all
}


def wide_beat(heart: Heart, direction: tuple[float, float, float], size_mv: float, rng: np.random.Generator) -> Heart:
    """Return a beat that spreads through muscle from one side: wide QRS, T against it.

    Args:
        heart: the patient's, for the lead field.
        direction: where the main force points (left, down, back).
        size_mv: its height.
        rng: for the variety of the loop.
    """
    unit = np.array(direction) / np.linalg.norm(direction)
    shapes = (
        (-0.046, 0.016, 0.30, 0.35),
        (-0.012, 0.022, 0.75, 0.15),
        (0.024, 0.024, 0.85, 0.12),
        (0.060, 0.018, 0.35, 0.30),
    )
    h = heart.only(-1)
    for centre, width, height, stray in shapes:
        x, y, z = size_mv * height * (unit + stray * rng.standard_normal(3))
        h = h.plus(QRS, centre, width, (x, y, z))
    for centre, width, height in ((0.18, 0.055, -0.20), (0.28, 0.046, -0.34)):
        x, y, z = size_mv * height * (unit + 0.15 * rng.standard_normal(3))
        h = h.plus(T, centre, width, (x, y, z))
    return h
