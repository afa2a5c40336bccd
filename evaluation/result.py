"""A number with its interval: what every metric returns."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One measured value.

    Attributes:
        value: the estimate; NaN where it could not be made.
        low: lower end of its interval.
        high: upper end of its interval.
        n: how many finite observations it rests on.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return math.isfinite(self.value)

    def as_dict(self) -> dict[str, float | int | None]:
        """Return JSON values; NaN becomes None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {k: float(v) if math.isfinite(v) else None for k, v in numbers.items()} | {"n": self.n}


def unknown_result(n: int = 0) -> Result:
    """Return the Result of something that could not be computed from `n` observations."""
    return Result(math.nan, math.nan, math.nan, n)
