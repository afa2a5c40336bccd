"""How large a brain and its fluid spaces are, by sex and age.

Sources: intracranial volume 1469 +- 102 mL in men and 1289 +- 111 mL in women, 11.4 % of it fluid at ages around 50:
Matsumae et al., J Neurosurg 84:982 (1996). Fluid outside of the ventricles grows by 0.6 mL a year and inside by 0.3 mL,
grey matter shrinks by as much as the former: Pfefferbaum et al., Arch Neurol 51:874 (1994), men of 21 to 70; carried on
beyond 70 in a straight line, which is too little rather than too much. At 25, the age of most of the template's
subjects, ventricles have the template's share. Hyperintensities begin to grow at 43 (PMC6901174), and their volume
and its spread grow exponentially (de Kort et al., Neurobiol Aging 2025, p. 38); the median here, 0.3 mL until 43 and
doubled every 9 years since, is a choice of that shape and not taken from a table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..demographics import Sex

_ICV_ML = {Sex.M: (1469.0, 102.0), Sex.F: (1289.0, 111.0)}
_YOUNG = 25.0
_OUTER_SHARE = 0.087  # 11.4 % at 50, less the ventricles and 25 years of widening
_OUTER_ML_A_YEAR, _VENTRICLES_ML_A_YEAR = 0.6, 0.3


@dataclass(frozen=True)
class Volumes:
    """What a brain's spaces are to hold, in mL.

    Attributes:
        intracranial_ml: brain and fluid.
        ventricles_ml: fluid in the ventricles.
        outer_ml: fluid around the brain and in its sulci.
        hyperintensities_ml: white matter hyperintensities.
    """

    intracranial_ml: float
    ventricles_ml: float
    outer_ml: float
    hyperintensities_ml: float


def draw_volumes(sex: Sex, age_years: float, ventricle_share: float, rng: np.random.Generator) -> Volumes:
    """Draw a brain's volumes.

    Args:
        sex: sex of the patient.
        age_years: age in years.
        ventricle_share: share of the intracranial volume that the ventricles of the young have.
        rng: random stream.
    """
    z = np.clip(rng.standard_normal(4), -2.5, 2.5)
    mean, sd = _ICV_ML[sex]
    icv = mean + sd * z[0]
    older = age_years - _YOUNG
    ventricles = (ventricle_share * icv + _VENTRICLES_ML_A_YEAR * older) * math.exp(0.28 * z[1])
    outer = (_OUTER_SHARE * icv + _OUTER_ML_A_YEAR * older) * math.exp(0.15 * (0.5 * z[1] + 0.87 * z[2]))
    return Volumes(icv, max(ventricles, 6.0), outer, expected_hyperintensities_ml(age_years) * math.exp(0.9 * z[3]))


def expected_hyperintensities_ml(age_years: float) -> float:
    """Return the median volume of white matter hyperintensities at an age, in mL."""
    return float(0.3 * 2 ** (max(age_years - 43, 0) / 9))
