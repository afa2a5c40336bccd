"""The tissues of a phantom brain, whose shares add up to 1 in every voxel."""

from __future__ import annotations

from enum import StrEnum


class Tissue(StrEnum):
    """What a voxel can hold a share of."""

    grey = "grey"
    white = "white"
    fluid = "fluid"
    hyperintensity = "hyperintensity"
    oedema = "oedema"
    tumour = "tumour"
    necrosis = "necrosis"
    enhancing = "enhancing"
    blood = "blood"
    plexus = "plexus"


TISSUES: tuple[Tissue, ...] = tuple(Tissue)
INDEX: dict[Tissue, int] = {tissue: k for k, tissue in enumerate(TISSUES)}
