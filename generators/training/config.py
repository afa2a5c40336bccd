"""What decides a training run, and which of it may change when the run goes on."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Every = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]

# These decide when to look and how to cut, not what is learned; every other field is fixed for the life of a run.
MAY_CHANGE = frozenset(
    {
        "steps",
        "accumulation",
        "log_every",
        "validate_every",
        "sample_every",
        "checkpoint_every",
        "keep_checkpoints",
        "trackers",
    }
)


class TrainingConfig(BaseModel):
    """How a generator is trained.

    Attributes:
        seed: of the order of rows and of every random number.
        steps: optimiser steps in all, those before a resume included.
        batch_size: examples per step over all processes and accumulation.
        accumulation: parts that a process cuts its share of a batch into, to save memory.
        learning_rate: of AdamW, its peak.
        schedule: `constant` keeps it after the warm-up; `cosine` lets it fall from there to 0 along half a cosine.
        warmup_steps: steps over which the learning rate rises from 0 in a line.
        weight_decay: of AdamW.
        betas: of AdamW.
        clip_norm: largest 2-norm of a phase's gradient; None clips nothing.
        ema_decay: of the average of the weights, after step t at most (1 + t) / (10 + t); None averages nothing.
        mixed_precision: the precision of the networks' passes; fp16 needs a GPU.
        log_every: steps between lines of metrics.
        validate_every: steps between validations; the last step is always validated.
        sample_every: steps between sample grids; the last step always has one.
        checkpoint_every: steps between checkpoints; the last step always has one.
        keep_checkpoints: how many of the newest checkpoints stay.
        trackers: experiment trackers by Accelerate's names, such as "tensorboard".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Annotated[int, Field(ge=0)] = 0
    steps: Every
    batch_size: Every
    accumulation: Every = 1
    learning_rate: Positive
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    clip_norm: Positive | None = 1.0
    ema_decay: Fraction | None = 0.999
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    log_every: Every = 50
    validate_every: Every = 500
    sample_every: Every = 1000
    checkpoint_every: Every = 500
    keep_checkpoints: Every = 2
    trackers: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _batch_can_be_cut(self) -> TrainingConfig:
        if self.batch_size < self.accumulation:
            raise ValueError(f"accumulation {self.accumulation} is more than batch_size {self.batch_size}")
        return self

    def rate(self, step: int) -> float:
        """Return the learning rate of step `step`, counted from 0."""
        warm = self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup_steps))
        if self.schedule == "constant" or step < self.warmup_steps:
            return warm
        gone = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, gone)))

    @property
    def may_change(self) -> frozenset[str]:
        """Return the fields that may change when the run goes on; where the rate falls, its end is one of its own."""
        return MAY_CHANGE - {"steps"} if self.schedule == "cosine" else MAY_CHANGE
