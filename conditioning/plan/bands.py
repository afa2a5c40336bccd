"""Age bands: `age_band` is a column to balance over; the plan keeps the age drawn inside the band."""

from __future__ import annotations

import re
from collections.abc import Iterable

AGE_BANDS: tuple[tuple[int, int], ...] = ((18, 39), (40, 59), (60, 79), (80, 100))
AGE_BAND = "age_band"
AGE = "age_years"


def label(band: tuple[int, int]) -> str:
    """Return a band's name, such as `18-39`; both ends belong to it."""
    return f"{band[0]}-{band[1]}"


def parse_band(text: str) -> tuple[int, int]:
    """Return the band that a name such as `18-39` stands for.

    Raises:
        ValueError: the text is not LOW-HIGH.
    """
    found = re.fullmatch(r"\s*(\d{1,3})-(\d{1,3})\s*", str(text))
    if found is None or int(found[1]) > int(found[2]):
        names = ", ".join(label(band) for band in AGE_BANDS)
        raise ValueError(f"age_band {text!r} is not LOW-HIGH in years, such as {names}")
    return int(found[1]), int(found[2])


def band_of(age_years: float | None, bands: Iterable[tuple[int, int]] = AGE_BANDS) -> str | None:
    """Return the name of the band that holds an age in years, or None (an unknown age, an age outside)."""
    if age_years is None:
        return None
    return next((label(b) for b in bands if b[0] <= age_years < b[1] + 1), None)
