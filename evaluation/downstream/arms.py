"""What is compared: each arm is a list of stages, and a stage is some data and a number of steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

REAL, SYNTHETIC = "real", "synthetic"
SAME_COMPUTE = "real, same compute"


class Stage(BaseModel):
    """One training.

    Attributes:
        data: names of the sources whose rows are put together.
        steps: how much to train.
        augment: whether to use the task's classical augmentation.
        method: how to train where the task knows more than one way (its `train_by`); empty for `train`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    data: Annotated[tuple[str, ...], Field(min_length=1)]
    steps: Annotated[int, Field(ge=1)]
    augment: bool = False
    method: str = ""


class Arm(BaseModel):
    """A way to train a model; every arm starts from the same weights at the same seed.

    Attributes:
        name: shown in tables.
        stages: trainings one after another, each from the weights of the one before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, Field(min_length=1)]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]

    @property
    def steps(self) -> int:
        """Return the steps of all stages."""
        return sum(stage.steps for stage in self.stages)


def standard_arms(steps: int, first_steps: int | None = None, *, augment: bool = True) -> tuple[Arm, ...]:
    """Return the arms that show what synthetic data add, and the controls that make a gain believable.

    The controls: same weights at the start (all arms), same compute (`real` twice, with the steps of both stages of
    `synthetic -> real`), and classical augmentation of the real data, with the steps of `real` and of the sum.

    Args:
        steps: of a training on real data, on synthetic or on both.
        first_steps: of the stage on synthetic data that comes before real data; `steps` when left out.
        augment: whether the task has classical augmentation.
    """
    first = steps if first_steps is None else first_steps
    real, synthetic = Stage(data=(REAL,), steps=steps), Stage(data=(SYNTHETIC,), steps=steps)
    arms = {
        REAL: (real,),
        SYNTHETIC: (synthetic,),
        "mixed": (Stage(data=(REAL, SYNTHETIC), steps=steps),),
        "synthetic -> real": (Stage(data=(SYNTHETIC,), steps=first), real),
        SAME_COMPUTE: (Stage(data=(REAL,), steps=first), real),
    }
    if augment:
        augmented = Stage(data=(REAL,), steps=steps, augment=True)
        arms["real, augmented"] = (augmented,)
        arms["real, augmented, same compute"] = (Stage(data=(REAL,), steps=first, augment=True), augmented)
    return tuple(Arm(name=name, stages=stages) for name, stages in arms.items())


def check_arms(arms: Sequence[Arm], sources: Sequence[str], seeds: Sequence[int]) -> None:
    """Refuse arms that cannot be run or told apart.

    Raises:
        ValueError: no arm, two of one name, a source that is not there, or fewer than three different seeds.
    """
    names = [arm.name for arm in arms]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"arms are named {names}; give one or more, each with its own name")
    for arm in arms:
        missing = sorted({source for stage in arm.stages for source in stage.data} - set(sources))
        if missing:
            raise ValueError(f"arm {arm.name!r} trains on {missing[0]!r}; the data are {', '.join(sorted(sources))}")
    if len(set(seeds)) < 3 or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds are {list(seeds)}; give at least three, all different")


def file_stem(arm: Arm, seed: int, fingerprint: str) -> str:
    """Return the name under which the result of one arm and seed is kept."""
    slug = re.sub(r"[^a-z0-9]+", "-", arm.name.lower()).strip("-")[:60]
    return f"{slug}-seed{seed}-{fingerprint[:16]}"


def percent(share: float) -> str:
    """Return a share in words, such as `5 %`."""
    return f"{100 * share:g} %"


def at_share(arm: Arm, share: float, name: str, whole: Sequence[str] = ()) -> Arm:
    """Return an arm on a share of the real data; one without real data stays as it is.

    Args:
        arm: on all of them.
        share: above 0 to 1.
        name: of the share's data.
        whole: methods that learn on all real data all the same, since they need no labels.
    """
    if not any(REAL in stage.data for stage in arm.stages):
        return arm
    stages = [
        stage if stage.method in whole
        else stage.model_copy(update={"data": tuple(name if d == REAL else d for d in stage.data)})
        for stage in arm.stages
    ]  # fmt: skip
    return Arm(name=f"{arm.name}, {percent(share)}", stages=tuple(stages))
