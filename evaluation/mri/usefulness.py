"""What a made contrast is worth to a segmenter: its tumour with the real contrast, a made one, nothing, or the mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float, UInt8
from pydantic import BaseModel, ConfigDict

from ...conditioning.mri.contrasts import Contrast
from .case import Case
from .overlap import tumour_overlap

Volume = Float[np.ndarray, "x y z"]
Segment = Callable[[Mapping[Contrast, Volume], Bool[np.ndarray, "x y z"]], UInt8[np.ndarray, "x y z"]]
REAL = "real"


class Use(BaseModel):
    """How well one part of a tumour was found with one contrast replaced.

    Attributes:
        patient: whose it is.
        target: the contrast that was replaced.
        arm: by what; `real` is the contrast itself.
        part: ET, TC or WT.
        dice: 0 to 1; None where the part is in neither mask.
        hausdorff95_mm: likewise; the grid's diagonal where it is in one alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    patient: str
    target: Contrast
    arm: str
    part: str
    dice: float | None
    hausdorff95_mm: float | None


def uses_of(case: Case, target: Contrast, segment: Segment, arms: Mapping[str, Volume]) -> list[Use]:
    """Return what a segmenter finds with the real contrast and with each replacement.

    Args:
        case: complete and labelled; the segmenter did not learn on its patient.
        target: the contrast that is replaced.
        segment: takes contrasts and the brain, returns labels.
        arms: replacements by name, on the case's grid and scale.

    Raises:
        ValueError: nobody drew the case's tumour.
    """
    if case.labels is None:
        raise ValueError(f"{case.name} has no segmentation to hold one against")
    found = []
    for arm, volume in {REAL: case.volumes[target], **arms}.items():
        said = segment({**case.volumes, target: volume}, case.brain)
        for part, (overlap, distance_mm) in tumour_overlap(said, case.labels, case.spacing_mm).items():
            found.append(
                Use(
                    patient=case.patient, target=target, arm=arm, part=part, dice=_known(overlap),
                    hausdorff95_mm=_known(distance_mm),
                )
            )  # fmt: skip
    return found


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
