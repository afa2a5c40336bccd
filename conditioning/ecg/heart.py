"""A heart as Gaussian dipole kernels: the normal adult's, and how a dipole reaches the leads.

Source: kernel table of the open-source electrophysiological toolbox's normal adult (Sameni 2007,
Clifford 2010), Dower's transformation (Dower 1980). x points left, y down, z to the back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from .condition import Kernels
from .vocabulary import LEADS

P, QRS, T, ST, SPIKE = range(5)
WAVES = ("P", "QRS", "T", "ST")

# Rows: I, II, V1-V6. The four augmented and derived leads follow by algebra (`twelve_leads`).
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)

# I, II, V1-V6 -> the twelve leads in their usual order (Einthoven, Goldberger).
EIGHT_TO_TWELVE = np.zeros((12, 8))
EIGHT_TO_TWELVE[0, 0] = EIGHT_TO_TWELVE[1, 1] = 1
EIGHT_TO_TWELVE[2, :2] = (-1, 1)
EIGHT_TO_TWELVE[3, :2] = (-0.5, -0.5)
EIGHT_TO_TWELVE[4, :2] = (1, -0.5)
EIGHT_TO_TWELVE[5, :2] = (-0.5, 1)
EIGHT_TO_TWELVE[6:, 2:] = np.eye(6)


@dataclass(frozen=True)
class Heart:
    """Dipole kernels of one beat type at RR = 1 s, and the field that carries them to the leads.

    Attributes:
        wave: (kernels,) code of the wave each belongs to: P, QRS, T, ST, SPIKE.
        centre_s: (kernels,) time from the R peak.
        width_s: (kernels,) Gaussian standard deviation.
        dipole_mv: (kernels, 3) height along x, y, z.
        lead_field: (8, 3) dipole of the ventricles (QRS, ST, T) to I, II, V1-V6.
        atrial_field: (8, 3) dipole of the atria (P), which lie elsewhere in the chest.
    """

    wave: Int[np.ndarray, " kernels"]
    centre_s: Float[np.ndarray, " kernels"]
    width_s: Float[np.ndarray, " kernels"]
    dipole_mv: Float[np.ndarray, "kernels 3"]
    lead_field: Float[np.ndarray, "8 3"]
    atrial_field: Float[np.ndarray, "8 3"]

    def only(self, *waves: int) -> Heart:
        """Return the heart with the kernels of these waves alone."""
        keep = np.zeros(self.wave.size, bool)
        for wave in waves:
            keep |= self.wave == wave
        return self.kept(keep)

    def kept(self, keep: np.ndarray) -> Heart:
        """Return the heart with the kernels that the mask or the indices `keep` choose."""
        wave, centre, width = self.wave[keep], self.centre_s[keep], self.width_s[keep]
        return Heart(wave, centre, width, self.dipole_mv[keep], self.lead_field, self.atrial_field)

    def timed(self, centre_s: Float[np.ndarray, " kernels"], width_s: Float[np.ndarray, " kernels"]) -> Heart:
        """Return the heart with its kernels at other places and of other widths."""
        return Heart(self.wave, centre_s, width_s, self.dipole_mv, self.lead_field, self.atrial_field)

    def turned(self, dipole_mv: Float[np.ndarray, "kernels 3"]) -> Heart:
        """Return the heart with other dipoles."""
        return Heart(self.wave, self.centre_s, self.width_s, dipole_mv, self.lead_field, self.atrial_field)

    def plus(self, wave: int, centre_s: float, width_s: float, dipole_mv: tuple[float, float, float]) -> Heart:
        """Return the heart with one more kernel."""
        return replace(
            self,
            wave=np.append(self.wave, wave),
            centre_s=np.append(self.centre_s, centre_s),
            width_s=np.append(self.width_s, width_s),
            dipole_mv=np.vstack([self.dipole_mv, dipole_mv]),
        )

    def dipole(self, t_s: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "3 samples"]:
        """Return the heart vector in mV at times `t_s` from the R peak (one beat alone)."""
        delta = (t_s[None, :] - self.centre_s[:, None]) / self.width_s[:, None]
        return self.dipole_mv.T @ np.exp(-0.5 * delta**2)

    def leads(self, t_s: Float[np.ndarray, " samples"]) -> Float[np.ndarray, "12 samples"]:
        """Return the twelve leads in mV at times `t_s` from the R peak (one beat alone)."""
        atria, ventricles = self.only(P), self.kept(self.wave != P)
        return EIGHT_TO_TWELVE @ (self.lead_field @ ventricles.dipole(t_s) + self.atrial_field @ atria.dipole(t_s))


# (axis, angle theta in rad with the R peak at 0, height alpha in mV, width b in rad, wave).
# The table's last kernel of each axis (theta 2.8-2.9, a U wave) is left out, as its own authors
# do in their maternal model, and so is the broad z kernel at -0.4 rad, which belongs to no wave.
_NORMAL = (
    (0, -1.09, 0.03, 0.0906, P),
    (0, -0.83, 0.08, 0.1057, P),
    (0, -0.19, -0.13, 0.0453, QRS),
    (0, -0.07, 0.85, 0.0378, QRS),
    (0, 0.0, 1.11, 0.0332, QRS),
    (0, 0.06, 0.75, 0.0302, QRS),
    (0, 0.22, 0.06, 0.0378, QRS),
    (0, 1.2, 0.1, 0.604, T),
    (0, 1.42, 0.17, 0.302, T),
    (0, 1.68, 0.39, 0.1812, T),
    (1, -1.1, 0.035, 0.07, P),
    (1, -0.9, 0.015, 0.07, P),
    (1, -0.76, -0.019, 0.04, P),
    (1, -0.11, 0.32, 0.055, QRS),
    (1, -0.01, 0.51, 0.037, QRS),
    (1, 0.065, -0.32, 0.0604, QRS),
    (1, 0.8, 0.04, 0.45, T),
    (1, 1.58, 0.08, 0.3, T),
    (2, -1.1, -0.03, 0.03, P),
    (2, -0.93, -0.14, 0.12, P),
    (2, -0.7, -0.035, 0.04, P),
    (2, -0.15, -0.4, 0.045, QRS),
    (2, 0.095, 0.46, 0.05, QRS),
    (2, 1.05, -0.12, 0.8, T),
    (2, 1.25, -0.2, 0.4, T),
    (2, 1.55, -0.35, 0.2, T),
)
# Second state of T-wave alternans: height of the last T kernel of each axis (x, y, z).
TWA_STATE_2_MV = (-0.10, -0.07, 0.10)


def normal_heart() -> Heart:
    """Return the published normal adult at RR = 1 s (angles become seconds by RR / 2 pi)."""
    axis, theta, alpha, b, wave = (np.array(column) for column in zip(*_NORMAL, strict=True))
    dipole = np.zeros((len(axis), 3))
    dipole[np.arange(len(axis)), axis] = alpha
    return Heart(wave, theta / (2 * np.pi), b / (2 * np.pi), dipole, DOWER.copy(), DOWER.copy())


def heart_of(kernels: Kernels) -> Heart:
    """Return a condition's kernels as a heart."""
    field = DOWER.copy() if kernels.lead_field is None else np.array(kernels.lead_field)
    atrial = field.copy() if kernels.atrial_field is None else np.array(kernels.atrial_field)
    wave = np.array([WAVES.index(w) for w in kernels.wave])
    centre, width = np.array(kernels.centre_s), np.array(kernels.width_s)
    return Heart(wave, centre, width, np.array(kernels.dipole_mv), field, atrial)


def kernels_of(heart: Heart) -> Kernels:
    """Return a heart's P, QRS and T kernels as a condition's."""
    return Kernels(
        wave=tuple(WAVES[w] for w in heart.wave),
        centre_s=tuple(heart.centre_s.round(5).tolist()),
        width_s=tuple(heart.width_s.round(5).tolist()),
        dipole_mv=tuple(tuple(row) for row in heart.dipole_mv.round(5).tolist()),
        lead_field=tuple(tuple(row) for row in heart.lead_field.round(5).tolist()),
        atrial_field=tuple(tuple(row) for row in heart.atrial_field.round(5).tolist()),
    )


def twelve_leads(eight: Float[np.ndarray, "8 samples"]) -> Float[np.ndarray, "12 samples"]:
    """Return all twelve leads from I, II, V1-V6 by Einthoven's and Goldberger's laws."""
    return EIGHT_TO_TWELVE @ eight


LEAD_INDEX = {lead: k for k, lead in enumerate(LEADS)}
