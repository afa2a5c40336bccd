"""Values of a volume brought to about [0, 1] and back.

MRI has no unit, so a contrast is measured by a percentile of its own foreground. A contrast that is to be made has no
foreground yet: its scale is taken from the training subjects' (`Scales`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field, model_validator


class Robust(BaseModel):
    """A percentile of the foreground becomes a level; 0 stays 0.

    The 75th percentile is in tissue. Higher ones are fluid in T2 and lesions in FLAIR, of which patients have more and
    less, and then the same tissue is not as bright in one patient as in the next.

    Attributes:
        kind: names this scaling.
        percentile: the percentile.
        level: what it becomes.
        ceiling: larger values become this.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["robust"] = "robust"
    percentile: float = Field(75.0, gt=0, le=100)
    level: float = Field(0.5, gt=0)
    ceiling: float = Field(1.6, gt=0)

    @property
    def top(self) -> float:
        """Return the largest value there can be."""
        return self.ceiling


class Window(BaseModel):
    """A fixed range becomes [0, 1], for values that have a unit, such as HU.

    Attributes:
        kind: names this scaling.
        low: becomes 0, and so does what is lower.
        high: becomes 1, and so does what is higher.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["window"] = "window"
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _rises(self) -> Window:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low:g} is not below high = {self.high:g}")
        return self

    @property
    def top(self) -> float:
        """Return the largest value there can be."""
        return 1.0


Intensity = Annotated[Robust | Window, Field(discriminator="kind")]


@dataclass(frozen=True)
class Scale:
    """What a volume's own values are of those that the network has: own = offset + size * value."""

    size: float
    offset: float = 0.0

    def scaled(self, own: Float[np.ndarray, "x y z"], top: float) -> Float[np.ndarray, "x y z"]:
        """Return values as the network has them, in [0, top]."""
        return np.clip((own - self.offset) / self.size, 0.0, top).astype(np.float32)

    def own(self, value: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return values in the volume's own unit."""
        return (value * self.size + self.offset).astype(np.float32)

    def spread(self, value: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
        """Return a standard deviation in the volume's own unit."""
        return (value * self.size).astype(np.float32)


def scale_of(
    name: str, volume: Float[np.ndarray, "x y z"], inside: Bool[np.ndarray, "x y z"], intensity: Robust | Window
) -> Scale:
    """Return a volume's scale.

    Raises:
        ValueError: values that are not finite, or a foreground of which the percentile is not above 0.
    """
    if not np.isfinite(volume).all():
        raise ValueError(f"{name} has {int((~np.isfinite(volume)).sum())} voxels that are no numbers")
    if isinstance(intensity, Window):
        return Scale(intensity.high - intensity.low, intensity.low)
    own = volume[inside]
    size = float(np.percentile(own, intensity.percentile)) if own.size else 0.0
    if size <= 0:
        raise ValueError(
            f"{name} has no foreground: its percentile {intensity.percentile:g} is {size:g}, above 0 is needed"
        )
    return Scale(size / intensity.level)


class Scales(BaseModel):
    """The training subjects' scales, by which a contrast that is not there gets one.

    Scanners' units differ by a factor that contrasts of one patient share in part. A new contrast's scale is the
    training subjects' geometric mean of it, times the geometric mean over the inputs of how far each is from its own.

    Attributes:
        log_size: mean natural logarithm of the scale of each array.
        subjects: how many training subjects had it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    log_size: dict[str, float] = Field(default_factory=dict)
    subjects: dict[str, int] = Field(default_factory=dict)

    @classmethod
    def of(cls, each: Sequence[Mapping[str, Scale]]) -> Scales:
        """Return the scales of training subjects."""
        names = sorted({name for scales in each for name in scales})
        logs = {name: [np.log(scales[name].size) for scales in each if name in scales] for name in names}
        means = {name: float(np.mean(values)) for name, values in logs.items()}
        return cls(log_size=means, subjects={name: len(values) for name, values in logs.items()})

    def scale_for(self, name: str, inputs: Mapping[str, Scale], intensity: Robust | Window) -> Scale:
        """Return the scale of an array that is to be made.

        Args:
            name: its name.
            inputs: scales of the arrays that are there.
            intensity: how it is scaled; a window says all.
        """
        if isinstance(intensity, Window):
            return Scale(intensity.high - intensity.low, intensity.low)
        known = [np.log(scale.size) - self.log_size[n] for n, scale in inputs.items() if n in self.log_size]
        return Scale(float(np.exp(self.log_size.get(name, 0.0) + (np.mean(known) if known else 0.0))))
