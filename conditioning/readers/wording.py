"""Diagnoses in words, as LUDB's cardiologists and other header comments write them."""

from __future__ import annotations

from ..ecg.vocabulary import Finding as F
from ..ecg.vocabulary import Rhythm as R
from .meaning import OTHER_RHYTHM, Meaning, finding, rhythm

_EXACT: dict[str, Meaning] = {
    "sinus rhythm": rhythm(R.sinus),
    "sinus arrhythmia": rhythm(R.sinus),
    "irregular sinus rhythm": rhythm(R.sinus),
    "sinus bradycardia": rhythm(R.sinus_bradycardia),
    "sinus tachycardia": rhythm(R.sinus_tachycardia),
    "atrial fibrillation": rhythm(R.atrial_fibrillation),
    "i degree av block": rhythm(R.av_block_first_degree),
    "iii degree av-block": rhythm(R.av_block_third_degree),
    "unipolar ventricular pacing": rhythm(R.paced),
    "bipolar ventricular pacing": rhythm(R.paced),
    "biventricular pacing": rhythm(R.paced),
    "unipolar atrial pacing": OTHER_RHYTHM,
    "wandering atrial pacemaker": OTHER_RHYTHM,
    "sinoatrial blockade, undefined": OTHER_RHYTHM,
    "complete left bundle branch block": finding(F.left_bundle_branch_block),
    "complete right bundle branch block": finding(F.right_bundle_branch_block),
    "left bundle branch block": finding(F.left_bundle_branch_block),
    "right bundle branch block": finding(F.right_bundle_branch_block),
    "left anterior hemiblock": finding(F.left_anterior_fascicular_block),
    "left ventricular hypertrophy": finding(F.left_ventricular_hypertrophy),
    "early repolarization syndrome": finding(F.early_repolarization),
    # The anterior territory is V1-V4; septal and apical leads lie in it.
    "stemi: anterior wall": finding(F.st_elevation_anterior),
    "stemi: septal": finding(F.st_elevation_anterior),
    "stemi: apical": finding(F.st_elevation_anterior),
    "stemi: inferior wall": finding(F.st_elevation_inferior),
    "stemi: lateral wall": finding(F.st_elevation_lateral),
}
_BEGINNINGS: dict[str, Meaning] = {
    "atrial flutter": rhythm(R.atrial_flutter),
    "ventricular extrasystole": rhythm(R.premature_ventricular_complexes),
    "atrial extrasystole": rhythm(R.premature_atrial_complexes),
}


def wording_meaning(label: str) -> Meaning:
    """Return what a diagnosis in words (or a word of ours) says in our vocabulary; an empty meaning where nothing."""
    text = " ".join(label.lower().split()).rstrip(". ")
    if text in set(R):
        return rhythm(R(text))
    if text in set(F):
        return finding(F(text))
    if text in _EXACT:
        return _EXACT[text]
    return next((meaning for begin, meaning in _BEGINNINGS.items() if text.startswith(begin)), Meaning())
