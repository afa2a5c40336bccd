"""From tissue shares to one contrast: the signal of each tissue where it lies, summed by its share of the voxel.

T1 varies within grey and white matter as the template's T1-weighted mean does (myelin), T2 falls where iron is stored.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ....conditioning.mri.anatomy import Anatomy
from ....conditioning.mri.contrasts import Contrast
from ....conditioning.mri.phantom_condition import BrainPhantomCondition, T1Sequence
from ....conditioning.mri.tissue import INDEX, TISSUES, Tissue
from .relaxation import Relaxation
from .signal import signal_gradient_echo, signal_inversion_recovery, signal_spin_echo, with_gadolinium

_SOLID = (Tissue.grey, Tissue.white)  # tissues whose relaxation varies with the place
_MYELIN = 1.3  # relative fall of T1 for a rise of T1 weighting
_IRON = 0.35  # relative fall of T2 in nuclei full of iron
_T2STAR = 0.65


def tissue_signals(
    contrast: Contrast, c: BrainPhantomCondition, r: Relaxation, t1_factor: np.ndarray, t2_factor: np.ndarray, k: int
) -> np.ndarray:
    """Return the signal of tissue k in one contrast, where its T1 and T2 are changed by factors.

    Args:
        contrast: which.
        c: the complete condition.
        r: relaxation by tissue.
        t1_factor: factors of T1, any shape.
        t2_factor: factors of T2.
        k: number of the tissue.
    """
    t1, t2, pd = r.t1_ms[k] * t1_factor, r.t2_ms[k] * t2_factor, r.pd[k]
    blood = k == INDEX[Tissue.blood]
    if contrast is Contrast.t2:
        return np.asarray(signal_spin_echo(pd, t1, t2, c.t2_tr_ms, c.t2_te_ms))
    if contrast is Contrast.flair:
        return np.asarray(signal_inversion_recovery(pd, t1, t2, c.flair_tr_ms, c.flair_te_ms, c.flair_ti_ms))
    if contrast is Contrast.t1ce:
        assert c.gadolinium_mm is not None and c.field_tesla is not None
        t1, t2 = with_gadolinium(t1, t2, r.uptake[k] * c.gadolinium_mm, float(c.field_tesla))
    tr, te, ti, flip = (getattr(c, f"{contrast}_{name}") for name in ("tr_ms", "te_ms", "ti_ms", "flip_deg"))
    sequence = c.t1_sequence if contrast is Contrast.t1 else c.t1ce_sequence
    if sequence is T1Sequence.gradient_echo:
        return np.asarray(signal_gradient_echo(pd, t1, _T2STAR * t2, tr, te, flip))
    if sequence is T1Sequence.inversion_recovery:
        return np.asarray(signal_inversion_recovery(pd, t1, t2, tr, te, ti)) * (r.flow if blood else 1.0)
    return np.asarray(signal_spin_echo(pd, t1, t2, tr, te)) * (r.flow if blood else 1.0)


def ideal_image(
    contrast: Contrast, c: BrainPhantomCondition, anatomy: Anatomy, r: Relaxation, texture: Float[np.ndarray, "2 n"]
) -> Float[np.ndarray, " n"]:
    """Return the noiseless signal of every voxel of the mask.

    Args:
        contrast: which.
        c: the complete condition.
        anatomy: the brain.
        r: relaxation by tissue.
        texture: log factors of T1 and T2 that vary within all tissues but fluid and blood.
    """
    t1_myelin = np.exp(-_MYELIN * anatomy.myelin + 0.6 * texture[0])
    t2_iron = (1 - _IRON * anatomy.iron) * np.exp(0.6 * texture[1])
    t1_varied, t2_varied = np.exp(1.6 * texture[0]), np.exp(1.6 * texture[1])
    total = np.zeros(anatomy.myelin.shape, np.float32)
    one = np.ones(1, np.float32)
    for k, tissue in enumerate(TISSUES):
        share = anatomy.shares[k]
        held = np.flatnonzero(share > 1e-4)
        if not held.size:
            continue
        if tissue in _SOLID:
            value = tissue_signals(contrast, c, r, t1_myelin[held], t2_iron[held], k)
        elif tissue in (Tissue.fluid, Tissue.blood):
            value = tissue_signals(contrast, c, r, one, one, k)
        else:
            value = tissue_signals(contrast, c, r, t1_varied[held], t2_varied[held], k)
        total[held] += share[held] * value
    return total
