"""A metric with its floor as plain JSON values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..comparison import Interval, interval
from .floors import Measured


class MeasuredRow(BaseModel):
    """One metric of real against synthetic.

    Attributes:
        name: the metric.
        whole: all rows, with an interval over patients.
        matched: a real half against as many synthetic rows: middle and central 95 % over random halves.
        floor: one real half against the other, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    whole: Interval
    matched: Interval
    floor: Interval

    @property
    def beyond_floor(self) -> bool:
        """Whether the middle of the matched halves lies above all but 2.5 % of the floors."""
        matched, high = self.matched.value, self.floor.high
        return matched is not None and high is not None and matched > high


def measured_row(m: Measured) -> MeasuredRow:
    """Return a metric as JSON values."""
    return MeasuredRow(name=m.name, whole=interval(m.whole), matched=interval(m.matched), floor=interval(m.floor))
