"""Where a wave begins and ends on a sum of Gaussians: a definition, set against cardiologists.

A Gaussian never ends, so a limit is a choice. For each wave's own component, the outermost crossing
of a share of the peak is found twice: in the lead, and in the root mean square of the eight
independent leads, because readers look at all leads before they mark one. The limit is the mean of
the two moved outwards by a margin, because readers mark the departure from the baseline and not a
share of the height. T is steep half way up and has no corner at its feet, and readers mark its ends at
much the same distance from there whatever its width: so its share is high and its margin wide, but
T never begins within 30 ms of QRS. Shares and margins were chosen on the tuning half of the embedded LUDB records
(docs/adr/0008-wave-limits.md has bias and spread on both halves).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...conditioning.ecg.heart import EIGHT_TO_TWELVE, Heart
from . import compiled

# Rows P, QRS, T; columns onset, offset.
SHARE = np.array([[0.20, 0.20], [0.12, 0.12], [0.60, 0.60]])
MARGIN_S = np.array([[0.006, 0.0], [0.020, 0.016], [0.057, 0.041]])
LEAST_MV = np.array([0.010, 0.040, 0.020])  # a lead whose peak is lower does not show the wave
WINDOWS_S = np.array([[-0.55, 0.15], [-0.25, 0.35], [-0.10, 0.90]])
STEP_S = 0.003


def wave_limits_s(heart: Heart) -> Float[np.ndarray, "13 3 3"]:
    """Return onset, peak, offset of P, QRS, T at RR = 1 s, in seconds from the R peak.

    Returns:
        (13, 3, 3): twelve leads and, last, the whole heart (the joint root mean square of the
        eight independent leads); wave; onset, peak, offset. NaN where a lead lacks the wave.
    """
    out = np.empty((13, 3, 3))
    compiled.wave_limits(
        heart.wave, heart.centre_s, heart.width_s, heart.dipole_mv,
        EIGHT_TO_TWELVE @ heart.lead_field, EIGHT_TO_TWELVE @ heart.atrial_field,
        WINDOWS_S, STEP_S, SHARE, MARGIN_S, LEAST_MV, out,
    )  # fmt: skip
    return out
