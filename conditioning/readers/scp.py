"""SCP-ECG statements as PTB-XL uses them.

Source: Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Scientific
Data 7:154 (2020). Statements without a territory (STD_, STE_, INVT) and those of ischaemia and
infarction are not mapped: our ST and T findings need to know where.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ecg.vocabulary import Finding as F
from ..ecg.vocabulary import Rhythm as R
from .meaning import OTHER_RHYTHM, Meaning, finding, rhythm

SCP: dict[str, Meaning] = {
    "SR": rhythm(R.sinus),
    "SARRH": rhythm(R.sinus),
    "SBRAD": rhythm(R.sinus_bradycardia),
    "STACH": rhythm(R.sinus_tachycardia),
    "AFIB": rhythm(R.atrial_fibrillation),
    "AFLT": rhythm(R.atrial_flutter),
    "PACE": rhythm(R.paced),
    "PAC": rhythm(R.premature_atrial_complexes),
    "PVC": rhythm(R.premature_ventricular_complexes),
    "1AVB": rhythm(R.av_block_first_degree),
    # Second degree says neither Wenckebach nor Mobitz II, which are two rhythms of ours.
    "2AVB": OTHER_RHYTHM,
    "3AVB": rhythm(R.av_block_third_degree),
    "PSVT": OTHER_RHYTHM,
    "SVARR": OTHER_RHYTHM,
    "SVTAC": OTHER_RHYTHM,
    "CLBBB": finding(F.left_bundle_branch_block),
    "CRBBB": finding(F.right_bundle_branch_block),
    "LAFB": finding(F.left_anterior_fascicular_block),
    "LVH": finding(F.left_ventricular_hypertrophy),
    "LNGQT": finding(F.long_qt),
    "LVOLT": finding(F.low_voltage),
    "WPW": finding(F.wolff_parkinson_white),
}


def scp_meanings(codes: Iterable[str]) -> list[Meaning]:
    """Return what a record's SCP statements say in our vocabulary.

    Bigeminy and trigeminy are coded without their origin; beside a PVC they are ventricular,
    otherwise they stay a rhythm that we cannot name.
    """
    told = list(codes)
    meanings = [SCP.get(code, Meaning()) for code in told]
    ventricular = "PVC" in told
    if "BIGU" in told:
        meanings.append(rhythm(R.ventricular_bigeminy) if ventricular else OTHER_RHYTHM)
    if "TRIGU" in told and not ventricular:
        meanings.append(OTHER_RHYTHM)
    return meanings
