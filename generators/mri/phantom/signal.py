"""The signal of a tissue as a function of TR, TE, TI and flip angle: contrast as a generator in its own right.

Source: Bernstein, King, Zhou, "Handbook of MRI Pulse Sequences", Elsevier 2004 (spin echo, inversion recovery, spoiled
gradient echo); McRobbie et al., "MRI from Picture to Proton", Cambridge 2017 (contrast agents).
All functions broadcast; times are in ms, and the signal is in units of the proton density of water.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Relaxivity of an extracellular gadolinium chelate in plasma, per mmol/L and second. Source: Rohrer et al., "Comparison
# of magnetic properties of MRI contrast media solutions at different magnetic field strengths", Invest Radiol 40:715
# (2005); gadopentetate.
RELAXIVITY = {1.5: (4.1, 4.6), 3.0: (3.7, 5.2)}


def signal_spin_echo(pd: Any, t1_ms: Any, t2_ms: Any, tr_ms: Any, te_ms: Any) -> Any:
    """Return PD (1 - exp(-TR / T1)) exp(-TE / T2).

    Args:
        pd: proton density, 1 for water.
        t1_ms: longitudinal relaxation time.
        t2_ms: transverse relaxation time.
        tr_ms: repetition time.
        te_ms: echo time; of a train of echoes the effective one.
    """
    return pd * -np.expm1(-tr_ms / t1_ms) * np.exp(-te_ms / t2_ms)


def signal_inversion_recovery(pd: Any, t1_ms: Any, t2_ms: Any, tr_ms: Any, te_ms: Any, ti_ms: Any) -> Any:
    """Return PD |1 - 2 exp(-TI / T1) + exp(-TR / T1)| exp(-TE / T2), the magnitude that a scanner shows.

    It is 0 at TI = T1 (ln 2 - ln(1 + exp(-TR / T1))), which is T1 ln 2 for a long TR.

    Args:
        pd: proton density, 1 for water.
        t1_ms: longitudinal relaxation time.
        t2_ms: transverse relaxation time.
        tr_ms: repetition time.
        te_ms: echo time.
        ti_ms: inversion time.
    """
    longitudinal = 1 - 2 * np.exp(-ti_ms / t1_ms) + np.exp(-tr_ms / t1_ms)
    return pd * np.abs(longitudinal) * np.exp(-te_ms / t2_ms)


def signal_gradient_echo(pd: Any, t1_ms: Any, t2star_ms: Any, tr_ms: Any, te_ms: Any, flip_deg: Any) -> Any:
    """Return that of a spoiled gradient echo: PD sin a (1 - E1) / (1 - E1 cos a) exp(-TE / T2*), E1 = exp(-TR / T1).

    It is largest at the Ernst angle, cos a = E1.

    Args:
        pd: proton density, 1 for water.
        t1_ms: longitudinal relaxation time.
        t2star_ms: effective transverse relaxation time.
        tr_ms: repetition time.
        te_ms: echo time.
        flip_deg: flip angle.
    """
    a, e1 = np.deg2rad(flip_deg), np.exp(-tr_ms / t1_ms)
    return pd * np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a)) * np.exp(-te_ms / t2star_ms)


def with_gadolinium(t1_ms: Any, t2_ms: Any, concentration_mm: Any, field_tesla: float) -> tuple[Any, Any]:
    """Return T1 and T2 with contrast agent: 1 / T = 1 / T0 + r C.

    Args:
        t1_ms: T1 without.
        t2_ms: T2 without.
        concentration_mm: in the tissue, mmol/L.
        field_tesla: 1.5 or 3.
    """
    r1, r2 = (r / 1000 for r in RELAXIVITY[float(field_tesla)])
    return 1 / (1 / t1_ms + r1 * concentration_mm), 1 / (1 / t2_ms + r2 * concentration_mm)
