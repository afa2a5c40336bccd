"""What was found of realism: every group's metrics, and the figures that have no equal halves."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..comparison import Interval
from .groupwise import GroupRow

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class FigureRow(BaseModel):
    """One figure that has no equal halves.

    Attributes:
        name: of the figure.
        value: it, with its interval.
        floor: what real records give; None where 0 is what they give.
        reason: why it is not known; empty where it is.
    """

    model_config = _FROZEN
    name: str
    value: Interval
    floor: Interval | None = None
    reason: str = ""


class RealismResult(BaseModel):
    """All that was found.

    Attributes:
        eyes: whose features were compared; empty without any.
        n: real and synthetic records.
        patients: whose they are.
        n_training: records that the generator was trained on; 0 when not given.
        groups: the first is everyone.
        figures: what has no halves: at infinitely many records, over subsets, against training records.
        remarks: what was left out, drawn at random or could not be told, and why.
    """

    model_config = _FROZEN
    eyes: str
    n: tuple[int, int]
    patients: tuple[int, int]
    n_training: int = 0
    groups: tuple[GroupRow, ...]
    figures: tuple[FigureRow, ...]
    remarks: tuple[str, ...] = ()
