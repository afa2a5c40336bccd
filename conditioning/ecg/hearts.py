"""Hearts fitted to real patients: the morphology that the population prior draws from.

`embedded/hearts.npz` holds the kernels fitted (`fit.py`) to the tuning half of the embedded LUDB
records whose beats are conducted normally; the held-out half never enters. A drawn patient starts
from one of them, chosen near in sex, age and axis, and is varied in every kernel. Rebuild with
`python -m clinsynth.conditioning.ecg.hearts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from .heart import EIGHT_TO_TWELVE, QRS, Heart

FILE = Path(__file__).parents[1] / "embedded" / "hearts.npz"
_LEAST_EXPLAINED = 0.95
# Findings of the source that another activation or an infarct would carry into "no findings".
_OTHER = (
    "pacing", "pacemaker", "complete", "hemiblock", "stemi", "scar", "ischemia", "fibrillation", "flutter",
    "early repol", "aberrant", "iii degree", "intravintricular",
)  # fmt: skip


@dataclass(frozen=True)
class HeartBank:
    """Fitted hearts and who they came from.

    Attributes:
        hearts: kernels at RR = 1 s with the patient's own lead field.
        male: (hearts,) 1 for M, 0 for F.
        age_years: (hearts,).
        axis_deg: (hearts,) frontal QRS axis.
        sokolow_mv: (hearts,) S in V1 plus the larger R of V5 and V6.
        hypertrophy: (hearts,) whether the cardiologists wrote left ventricular hypertrophy.
    """

    hearts: tuple[Heart, ...]
    male: np.ndarray
    age_years: np.ndarray
    axis_deg: np.ndarray
    sokolow_mv: np.ndarray
    hypertrophy: np.ndarray

    def near(self, male: bool, age_years: float, axis_deg: float, hypertrophy: bool, u: float) -> Heart:
        """Return the heart that the uniform number `u` picks among those near in sex, age and axis."""
        turn = (self.axis_deg - axis_deg + 180) % 360 - 180
        weight = np.exp(np.abs(self.age_years - age_years) / -25 - np.abs(turn) / 22)
        weight[self.male != male] *= 0.3
        # Hypertrophy starts from a heart that has it; a heart that is large without a finding is left out.
        fits = (self.hypertrophy & (self.sokolow_mv > 2.2)) if hypertrophy else self.sokolow_mv <= 3.5
        total = (weight * fits).cumsum()
        return self.hearts[int(total.searchsorted(u * total[-1], side="right"))]


@lru_cache(maxsize=1)
def heart_bank() -> HeartBank:
    """Return the embedded bank."""
    with np.load(FILE, allow_pickle=False) as z:
        first = np.concatenate([[0], np.cumsum(z["kernels"])])
        hearts = tuple(
            Heart(
                z["wave"][a:b].astype(np.int64),
                z["centre_s"][a:b].astype(float),
                z["width_s"][a:b].astype(float),
                z["dipole_mv"][a:b].astype(float),
                field.astype(float),
                atrial_field.astype(float),
            )
            for a, b, field, atrial_field in zip(first[:-1], first[1:], z["lead_field"], z["atrial_field"], strict=True)
        )
        return HeartBank(hearts, *(z[name] for name in ("male", "age_years", "axis_deg", "sokolow_mv", "hypertrophy")))


def frontal_axis_deg(heart: Heart) -> float:
    """Return the frontal QRS axis from the net QRS area in I and aVF."""
    mine = heart.wave == QRS
    one, two = heart.lead_field[:2] @ (heart.dipole_mv[mine].T @ heart.width_s[mine])
    return float(np.degrees(np.arctan2(2 * (two - one / 2), np.sqrt(3) * one)))


def _sokolow_mv(heart: Heart) -> float:
    qrs = EIGHT_TO_TWELVE @ (heart.lead_field @ heart.only(QRS).dipole(np.arange(-0.1, 0.15, 0.002)))
    return float(-qrs[6].min() + max(qrs[10].max(), qrs[11].max()))


def build(path: Path = FILE) -> int:
    """Fit the tuning half of the embedded records and write the bank; return how many hearts it holds."""
    from ..embedded import embedded
    from .fit import fit_heart, mean_beat

    rows = []
    for record in embedded("ludb", split="tuning"):
        labels = "|".join(record.provenance["labels"]).lower() if record.provenance["labels"] else ""
        if any(word in labels.replace("incomplete", "partial") for word in _OTHER):
            continue
        try:
            heart, explained = fit_heart(mean_beat(record))
        except ValueError:  # too few similar beats
            continue
        if explained < _LEAST_EXPLAINED:
            continue
        c = record.condition
        rows.append((heart, c.sex == "M", c.age_years or 50.0, "left ventricular hypertrophy" in labels))  # type: ignore[union-attr]
    _write(path, rows)
    return len(rows)


def _write(path: Path, rows: list[tuple[Heart, bool, float, bool]]) -> None:
    hearts = [row[0] for row in rows]
    np.savez_compressed(
        path,
        kernels=np.array([h.wave.size for h in hearts], np.int16),
        wave=np.concatenate([h.wave for h in hearts]).astype(np.int8),
        centre_s=np.concatenate([h.centre_s for h in hearts]).round(5).astype(np.float32),
        width_s=np.concatenate([h.width_s for h in hearts]).round(5).astype(np.float32),
        dipole_mv=np.concatenate([h.dipole_mv for h in hearts]).round(5).astype(np.float32),
        lead_field=np.array([h.lead_field for h in hearts]).round(5).astype(np.float32),
        atrial_field=np.array([h.atrial_field for h in hearts]).round(5).astype(np.float32),
        male=np.array([row[1] for row in rows]),
        age_years=np.array([row[2] for row in rows], np.float32),
        axis_deg=np.array([frontal_axis_deg(h) for h in hearts], np.float32),
        sokolow_mv=np.array([_sokolow_mv(h) for h in hearts], np.float32),
        hypertrophy=np.array([row[3] for row in rows]),
    )


if __name__ == "__main__":
    print(f"{build()} hearts written to {FILE.name}")
