"""The words of an ECG condition, and the facts that hang on each of them."""

from __future__ import annotations

from enum import StrEnum

from ..demographics import Sex as Sex  # a word of this vocabulary too

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


class Rhythm(StrEnum):
    """Rhythm of the whole record."""

    sinus = "sinus"
    sinus_bradycardia = "sinus_bradycardia"
    sinus_tachycardia = "sinus_tachycardia"
    atrial_fibrillation = "atrial_fibrillation"
    atrial_flutter = "atrial_flutter"
    premature_atrial_complexes = "premature_atrial_complexes"
    premature_ventricular_complexes = "premature_ventricular_complexes"
    ventricular_bigeminy = "ventricular_bigeminy"
    av_block_first_degree = "av_block_first_degree"
    av_block_wenckebach = "av_block_wenckebach"
    av_block_mobitz_ii = "av_block_mobitz_ii"
    av_block_third_degree = "av_block_third_degree"
    paced = "paced"


# Ventricular rate that each rhythm can have in an adult, in beats per minute (low, high).
RATE_BPM: dict[Rhythm, tuple[float, float]] = {
    Rhythm.sinus: (30, 220),
    Rhythm.sinus_bradycardia: (30, 59.99),
    Rhythm.sinus_tachycardia: (100.01, 220),
    Rhythm.atrial_fibrillation: (40, 200),
    Rhythm.atrial_flutter: (50, 175),
    Rhythm.premature_atrial_complexes: (40, 140),
    Rhythm.premature_ventricular_complexes: (40, 130),
    Rhythm.ventricular_bigeminy: (45, 120),
    Rhythm.av_block_first_degree: (35, 120),
    Rhythm.av_block_wenckebach: (30, 100),
    Rhythm.av_block_mobitz_ii: (25, 90),
    Rhythm.av_block_third_degree: (20, 60),
    Rhythm.paced: (45, 120),
}

# Rhythms whose RR series comes from the sinus node: only there do HRV fields mean something.
SINUS_DRIVEN = frozenset(
    {
        Rhythm.sinus,
        Rhythm.sinus_bradycardia,
        Rhythm.sinus_tachycardia,
        Rhythm.premature_atrial_complexes,
        Rhythm.premature_ventricular_complexes,
        Rhythm.ventricular_bigeminy,
        Rhythm.av_block_first_degree,
    }
)


class Finding(StrEnum):
    """Morphology of the beats."""

    left_bundle_branch_block = "left_bundle_branch_block"
    right_bundle_branch_block = "right_bundle_branch_block"
    left_anterior_fascicular_block = "left_anterior_fascicular_block"
    left_ventricular_hypertrophy = "left_ventricular_hypertrophy"
    st_elevation_anterior = "st_elevation_anterior"
    st_elevation_inferior = "st_elevation_inferior"
    st_elevation_lateral = "st_elevation_lateral"
    st_depression_anterior = "st_depression_anterior"
    st_depression_inferior = "st_depression_inferior"
    st_depression_lateral = "st_depression_lateral"
    t_inversion_anterior = "t_inversion_anterior"
    t_inversion_inferior = "t_inversion_inferior"
    t_inversion_lateral = "t_inversion_lateral"
    long_qt = "long_qt"
    early_repolarization = "early_repolarization"
    low_voltage = "low_voltage"
    wolff_parkinson_white = "wolff_parkinson_white"


_F = Finding
# Pairs that no one heart shows at once.
EXCLUSIVE_FINDINGS: tuple[frozenset[Finding], ...] = tuple(
    frozenset(pair)
    for pair in (
        (_F.left_bundle_branch_block, _F.right_bundle_branch_block),
        (_F.left_bundle_branch_block, _F.left_anterior_fascicular_block),
        (_F.left_bundle_branch_block, _F.wolff_parkinson_white),
        (_F.right_bundle_branch_block, _F.wolff_parkinson_white),
        (_F.left_bundle_branch_block, _F.early_repolarization),
        (_F.left_ventricular_hypertrophy, _F.low_voltage),
        (_F.st_elevation_anterior, _F.st_depression_anterior),
        (_F.st_elevation_inferior, _F.st_depression_inferior),
        (_F.st_elevation_lateral, _F.st_depression_lateral),
    )
)

# Ventricular activation that does not come through the His bundle rules these out.
PACED_EXCLUDES = frozenset(
    {
        _F.left_bundle_branch_block,
        _F.right_bundle_branch_block,
        _F.left_anterior_fascicular_block,
        _F.wolff_parkinson_white,
        _F.early_repolarization,
    }
)
AV_BLOCKS = frozenset(
    {
        Rhythm.av_block_first_degree,
        Rhythm.av_block_wenckebach,
        Rhythm.av_block_mobitz_ii,
        Rhythm.av_block_third_degree,
    }
)


class TwaPattern(StrEnum):
    """How the T wave switches between its two states, beat by beat."""

    exact = "exact"
    noisy = "noisy"
    rate_gated = "rate_gated"


class Noise(StrEnum):
    """Kinds of noise on the electrodes."""

    baseline_wander = "baseline_wander"
    muscle = "muscle"
    electrode_motion = "electrode_motion"
    powerline = "powerline"
