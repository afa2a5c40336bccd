"""Who the patient is: words that conditions of every modality share."""

from __future__ import annotations

from enum import StrEnum


class Sex(StrEnum):
    """Sex as recorded."""

    F = "F"
    M = "M"


class Race(StrEnum):
    """Race and ethnicity as hospitals record them in one field; what else they write has no word here."""

    asian = "asian"
    black = "black"
    hispanic = "hispanic"
    native_american = "native_american"
    pacific_islander = "pacific_islander"
    white = "white"
