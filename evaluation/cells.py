"""A number read back from the text of a table's cell: `0.31 [0.28 to 0.35]`, `99.1 % [98.7 to 99.4]`, `12`."""

from __future__ import annotations

import re
from dataclasses import dataclass

DASH = "–"  # a cell without a value
_NUMBER = r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"
_CELL = re.compile(
    rf"(?P<value>{_NUMBER})(?P<unit> ?%| [a-zA-Zµ/]+)?"
    rf"(?: ?[\[(](?P<low>{_NUMBER})(?: ?to |, ?| – )(?P<high>{_NUMBER})(?: ?%)?[\])])?(?P<rest> [a-z]+)?\*?"
)


@dataclass(frozen=True)
class Numeral:
    """A number as a cell shows it: rounded, in the cell's unit.

    Attributes:
        value: the number.
        low: lower end of the interval beside it; None where the cell has none.
        high: upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def apart_from(self, other: Numeral) -> bool:
        """Return whether both have intervals and these do not meet."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.high < other.low or other.high < self.low


def numeral(text: str) -> Numeral | None:
    """Return the number that a cell shows, or None where it shows none or something else."""
    found = _CELL.fullmatch(text.strip())
    if found is None:
        return None
    value, low, high = (None if found[k] is None else _float(found[k]) for k in ("value", "low", "high"))
    return None if value is None else Numeral(value, low, high)


def _float(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))
