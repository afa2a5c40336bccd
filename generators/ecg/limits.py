"""Where a wave begins and ends on a sum of Gaussians: a definition, set against cardiologists.

A Gaussian never ends, so a limit is a choice. In each lead, a wave's own component begins (ends)
at the outermost crossing of the larger of a share of its peak there and a floor in microvolts. The
numbers were chosen on the tuning half of the embedded LUDB records
(docs/adr/0008-wave-limits.md has the bias and the spread).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, Heart
from . import compiled

# Rows P, QRS, T; columns onset, offset.
SHARE = np.array([[0.10, 0.10], [0.05, 0.05], [0.20, 0.10]])
FLOOR_MV = np.array([[0.008, 0.008], [0.030, 0.030], [0.015, 0.015]])
LEAST_MV = np.array([0.015, 0.040, 0.025])
WINDOWS_S = np.array([[-0.45, 0.10], [-0.20, 0.30], [-0.05, 0.85]])
STEP_S = 0.002


def wave_limits_s(heart: Heart) -> Float[np.ndarray, "13 3 3"]:
    """Return onset, peak, offset of P, QRS, T at RR = 1 s, in seconds from the R peak.

    Returns:
        (13, 3, 3): twelve leads and, last, the whole heart (earliest onset and latest offset in
        any lead, peak of the heart vector); wave; onset, peak, offset. NaN where a lead lacks it.
    """
    out = np.empty((13, 3, 3))
    compiled.wave_limits(
        heart.wave, heart.centre_s, heart.width_s, heart.dipole_mv, EIGHT_TO_TWELVE @ heart.lead_field,
        WINDOWS_S, STEP_S, SHARE, FLOOR_MV, LEAST_MV, out,
    )  # fmt: skip
    return out
