"""How the findings task is run: shares of the real patients, arms with their controls, seeds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ...downstream import Arm, Stage, standard_arms
from ...downstream import arms as of_any
from ...downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC, percent
from .examples import FEWEST_PATIENTS, SIZE
from .subsets import SHARES

MIXED, FIRST = "mixed", "synthetic -> real"
AUGMENTED, AUGMENTED_SAME_COMPUTE = "real, augmented", "real, augmented, same compute"
MIXED_AUGMENTED, FIRST_AUGMENTED = "mixed, augmented", "synthetic -> real, augmented"
REFERENCES = (REAL, SAME_COMPUTE, AUGMENTED, AUGMENTED_SAME_COMPUTE)
Share = Annotated[float, Field(gt=0, le=1)]


class FindingsSettings(BaseModel):
    """How the task is run.

    Attributes:
        shares: parts of the real patients that arms train on, each above 0 to 1.
        steps: of each stage of a training, 32 images each.
        seeds: how many; each has its own weights, batches and draw of the shares' patients.
        size: rows and columns of the images, in pixels.
        augment: whether to run the arms with classical augmentation.
        fewest_patients: with and without a disease, for it to be among the findings.
        resamples: of the bootstrap.
        fairness: whether to judge on whom errors fall, at the largest share.
        robustness: whether to put trained classifiers through worse images and attacks, at the largest share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: Annotated[tuple[Share, ...], Field(min_length=1)] = SHARES
    steps: Annotated[int, Field(ge=1)] = 160
    seeds: Annotated[int, Field(ge=3)] = 3
    size: Annotated[int, Field(ge=16)] = SIZE
    augment: bool = True
    fewest_patients: Annotated[int, Field(ge=2)] = FEWEST_PATIENTS
    resamples: Annotated[int, Field(ge=10)] = 1000
    fairness: bool = True
    robustness: bool = True


def findings_arms(steps: int, *, synthetic: bool, augment: bool) -> tuple[Arm, ...]:
    """Return the standard arms, and what synthetic data add to augmentation.

    A training has a number of steps, whatever the number of images: real data shown twice as often are `real`, so
    `real` is also the control for the size of `mixed`.

    Args:
        steps: of each stage.
        synthetic: whether there are synthetic data; without them the real arms alone.
        augment: whether to run the arms with classical augmentation.
    """
    arms = list(standard_arms(steps, augment=augment))
    if augment:
        made, real = (Stage(data=(name,), steps=steps, augment=True) for name in (SYNTHETIC, REAL))
        both = Stage(data=(REAL, SYNTHETIC), steps=steps, augment=True)
        arms += [Arm(name=MIXED_AUGMENTED, stages=(both,)), Arm(name=FIRST_AUGMENTED, stages=(made, real))]
    return tuple(arm for arm in arms if synthetic or not any(SYNTHETIC in stage.data for stage in arm.stages))


def at_share(arm: Arm, share: float) -> Arm:
    """Return an arm on a share of the real data; one without real data stays as it is."""
    return of_any.at_share(arm, share, source_name(share))


def source_name(share: float) -> str:
    """Return the name of a share's data."""
    return f"{REAL} {percent(share)}"
