"""What the gate found: each check with its count, its share and the first records that fail it, by name."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

from .. import statistics
from ..comparison import Interval, interval

_FROZEN = ConfigDict(frozen=True, extra="forbid")


def wilson(passed: int, n: int) -> Interval:
    """Return the share passed / n with Wilson's interval of 95 %; None where n is 0.

    Args:
        passed: how many of them, 0 to n.
        n: how many there are.
    """
    return interval(statistics.wilson(passed / n if n else math.nan, n))


class Check(BaseModel):
    """One question asked of every record.

    Attributes:
        name: of the check, such as `finite`.
        asks: what every record must be, in words.
        n: synthetic records that it was asked of; 0 where it could not be asked.
        failed: those that fail it.
        share: share that passes, with Wilson's interval.
        real_n: real records that it was asked of.
        real_failed: those that fail it: what these checks say of data that nobody doubts.
        offenders: the first that fail, by name and with the reason.
        leaves_out: whether a record that fails is left out of what is measured further on.
        unasked: why it could not be asked; empty where it was.
    """

    model_config = _FROZEN
    name: str
    asks: str
    n: int
    failed: int
    share: Interval
    real_n: int
    real_failed: int
    offenders: tuple[str, ...] = ()
    leaves_out: bool = False
    unasked: str = ""


class Validity(BaseModel):
    """What the gate found.

    Attributes:
        n: synthetic records, those that could not be read included.
        valid: those that pass every check.
        measured: those that are measured further on: readable, finite, in range, of the right shape, not constant.
        share: share that is valid, with Wilson's interval.
        checks: each question.
        notes: what differs between the sides without being a fault, such as size or sampling rate.
        left_out_real: real and training records that are left out likewise.
    """

    model_config = _FROZEN
    n: int
    valid: int
    measured: int
    share: Interval
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    left_out_real: int = 0

    @property
    def whole(self) -> bool:
        """Whether every record passes every check."""
        return self.valid == self.n > 0
