"""What a network reads off radiographs, as chances and years."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .attributes import Attributes


@dataclass(frozen=True)
class Readings:
    """What was read off b images; what was not learned is NaN or has no column.

    Attributes:
        attributes: what was learned, the names of the columns, and why the rest was not.
        male: chance that the patient is male.
        age_years: expected age.
        age_scale_years: mean absolute error that the network expects of its age.
        race: chance of each of `attributes.races`.
        view: chance of each of `attributes.views`.
        findings: chance of each of `attributes.findings`.
    """

    attributes: Attributes
    male: Float[np.ndarray, " b"]
    age_years: Float[np.ndarray, " b"]
    age_scale_years: Float[np.ndarray, " b"]
    race: Float[np.ndarray, "b races"]
    view: Float[np.ndarray, "b views"]
    findings: Float[np.ndarray, "b findings"]

    def __len__(self) -> int:
        return len(self.male)
