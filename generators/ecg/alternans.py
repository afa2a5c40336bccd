"""T-wave alternans: which beats are in the second state, and what an analyser should find.

Source: Markov switching of Clifford et al. (2010); modified moving average convention of Nearing
and Verrier (J Appl Physiol 92:541, 2002); spectral method of Smith et al. (1988).
"""

from __future__ import annotations

import numpy as np

from ...conditioning.ecg.vocabulary import TwaPattern
from .beats import ST_T_GRID_S, Alternans

_NOISY = (0.8, 0.8)  # chance to leave state 1, state 2


def states(pattern: TwaPattern, rr_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return each beat's state (0 or 1).

    Args:
        pattern: exact alternation, noisy (each beat switches with chance 0.8), or rate-gated:
            alternation sets in as the rate passes 95 beats per minute,
            p = max(0, tanh((rate - 95) / 5)), with chances p to enter and 1 to leave.
        rr_s: (beats,) preceding RR intervals.
        rng: the stream.
    """
    n = rr_s.size
    if pattern is TwaPattern.exact:
        return np.arange(n) % 2
    u = rng.random(n)
    enter = np.full(n, _NOISY[0])
    leave = np.full(n, _NOISY[1])
    if pattern is TwaPattern.rate_gated:
        enter = np.maximum(0.0, np.tanh((60 / rr_s - 95) / 5))
        leave = np.ones(n)
    out = np.zeros(n, int)
    for k in range(1, n):
        out[k] = u[k] < enter[k] if out[k - 1] == 0 else u[k] >= leave[k]
    return out


def realised(alternans: Alternans | None, state: np.ndarray, st_t_s: tuple[float, float]) -> dict[str, object]:
    """Return what the beats of the record carry, in microvolts.

    `twa_uv` is the largest absolute difference between the mean even and the mean odd ST-T in the
    lead where it is largest; `twa_uv_per_lead` the same per lead; `v_alt_uv_per_lead` the spectral
    method's amplitude, half the root mean square of that difference over the ST-T (for a square
    difference half of its height). Leads in the usual order of twelve.

    Args:
        alternans: the difference between the states.
        state: (beats,) states of the beats inside the record.
        st_t_s: first and last second of ST-T at RR = 1 s.
    """
    if alternans is None or state.size < 2:
        return {"twa_uv": 0.0}
    even, odd = state[::2], state[1::2]
    share = abs(int(even.sum()) / even.size - int(odd.sum()) / odd.size)
    step = ST_T_GRID_S[1]
    first, last = int(max(0.0, st_t_s[0]) / step), int(st_t_s[1] / step) + 1
    part = alternans.leads_uv[:, first:last]
    v_alt = (0.5 * share) * np.sqrt(np.einsum("ij,ij->i", part, part) / part.shape[1])
    per_lead = share * alternans.leads_uv.max(axis=1)
    return {
        "twa_uv": round(float(per_lead.max()), 3),
        "twa_uv_per_lead": per_lead.round(3).tolist(),
        "v_alt_uv_per_lead": v_alt.round(3).tolist(),
    }
