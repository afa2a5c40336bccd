"""The contrasts of a brain tumour protocol, in the order in which arrays and channels hold them."""

from __future__ import annotations

from enum import StrEnum


class Contrast(StrEnum):
    """One image contrast of the brain."""

    t1 = "t1"
    t1ce = "t1ce"
    t2 = "t2"
    flair = "flair"


CONTRASTS: tuple[Contrast, ...] = tuple(Contrast)
