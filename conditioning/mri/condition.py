"""MriCondition: the contrasts of a patient that are there, and those that are wanted."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..demographics import Sex
from ..words import listed
from .contrasts import CONTRASTS, Contrast

Reference = Annotated[str, Field(min_length=1, max_length=4096)]


def _in_order(value: tuple[Contrast, ...] | None) -> tuple[Contrast, ...] | None:
    """Return each contrast once, in the protocol's order; an empty list says nothing."""
    return tuple(contrast for contrast in CONTRASTS if contrast in value) or None if value else None


Wanted = Annotated[tuple[Contrast, ...] | None, BeforeValidator(listed), AfterValidator(_in_order)]


class MriCondition(BaseModel):
    """A patient's brain: where its contrasts lie, and which are to be made.

    Attributes:
        t1: file of the T1-weighted volume, or a reference to an embedded one; None where it is missing.
        t1ce: the same with gadolinium.
        t2: T2-weighted.
        flair: T2-weighted with the fluid nulled.
        wanted: contrasts to make; None: those that are missing.
        segmentation: file of the tumour's labels (1 necrosis, 2 oedema, 3 or 4 enhancing).
        sex: sex of the patient.
        age_years: age in years.
        patient_id: name of the patient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    t1: Reference | None = None
    t1ce: Reference | None = None
    t2: Reference | None = None
    flair: Reference | None = None
    wanted: Wanted = None
    segmentation: Reference | None = None
    sex: Sex | None = None
    age_years: float | None = Field(None, ge=0, le=110)
    patient_id: str | None = Field(None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")

    @model_validator(mode="after")
    def _something_to_do(self) -> MriCondition:
        if not self.present:
            raise ValueError("no contrast is there; one of t1, t1ce, t2, flair is needed to make the others from")
        return self

    @property
    def present(self) -> tuple[Contrast, ...]:
        """Return the contrasts that are there."""
        return tuple(contrast for contrast in CONTRASTS if getattr(self, contrast) is not None)

    @property
    def targets(self) -> tuple[Contrast, ...]:
        """Return the contrasts to make: those wanted, else those missing."""
        return self.wanted or tuple(contrast for contrast in CONTRASTS if contrast not in self.present)
