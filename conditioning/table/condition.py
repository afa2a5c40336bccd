"""TableCondition: what a row of a table says of an image, a volume or a signal of any kind."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ..demographics import Sex

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Box(BaseModel):
    """Where something lies in an image, in pixels of the array: columns x and rows y, edges included at 0.

    Attributes:
        x0: left edge.
        y0: upper edge.
        x1: right edge, beyond `x0`.
        y1: lower edge, beyond `y0`.
        label: what lies there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    x0: Number
    y0: Number
    x1: Number
    y1: Number
    label: Word

    @model_validator(mode="after")
    def _has_an_area(self) -> Box:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            said = f"{self.x0:g} {self.y0:g} {self.x1:g} {self.y1:g}"
            raise ValueError(f"box {said}: x0 < x1 and y0 < y1 is needed")
        return self


class TableCondition(BaseModel):
    """What is known of a sample of a table; a field that is None was not stated.

    Attributes:
        label: its class, in the table's own words.
        labels: its classes, where it can have several.
        target: a number to be told from it.
        mask: path of its segmentation, as the table names it; the labels themselves are the array `mask`.
        boxes: what lies where in it, in pixels of the array that was read.
        sex: sex as recorded.
        age_years: age.
        race: in the table's own words.
        site: hospital, scanner or study, in the table's own words.
        patient_id: whose it is; rows of one patient are never split.
        split: the part of the data that the table puts it in.
        other: all other columns, as text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Word | None = None
    labels: tuple[Word, ...] | None = None
    target: Number | None = None
    mask: str | None = None
    boxes: tuple[Box, ...] | None = None
    sex: Sex | None = None
    age_years: float | None = Field(default=None, ge=0, le=130)
    race: Word | None = None
    site: Word | None = None
    patient_id: Word | None = None
    split: Word | None = None
    other: dict[str, str] = Field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Return the classes that the row states, in whichever column; None where it states none."""
        if self.label is None and self.labels is None:
            return None
        both = (*(() if self.label is None else (self.label,)), *(self.labels or ()))
        return tuple(dict.fromkeys(both))


def parse_boxes(text: str) -> tuple[Box, ...]:
    """Return the boxes of a cell `x0 y0 x1 y1 class;...`; `none` is a picture with nothing in it.

    Args:
        text: the cell; a class may hold spaces.

    Raises:
        ValueError: it is not of that form, or a box without an area.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(_box(part) for part in text.split(";") if part.strip())


def _box(text: str) -> Box:
    cells = text.split(None, 4)
    try:
        edges = [float(cell) for cell in cells[:4]]
    except ValueError:
        edges = []
    if len(cells) != 5 or len(edges) != 4 or not all(math.isfinite(edge) for edge in edges):
        raise ValueError(f"boxes: {text.strip()!r} is not x0 y0 x1 y1 class, such as 12 30 64 80 nodule")
    x0, y0, x1, y1 = edges
    if not (x0 < x1 and y0 < y1):
        raise ValueError(f"boxes: {text.strip()!r} has no area; x0 < x1 and y0 < y1 is needed")
    return Box(x0=x0, y0=y0, x1=x1, y1=y1, label=cells[4].strip())
