"""BrainPhantomCondition: whose brain a phantom is, what grows in it, and how the scanner is set."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..demographics import Sex


class Tumour(StrEnum):
    """What grows: nothing, a diffuse glioma that takes up no contrast agent, one that does, or metastases."""

    none = "none"
    low_grade = "low_grade"
    high_grade = "high_grade"
    metastasis = "metastasis"


class TumourLocation(StrEnum):
    """Part of the brain in which the (largest) tumour has its centre."""

    frontal = "frontal"
    temporal = "temporal"
    parietal = "parietal"
    occipital = "occipital"
    deep = "deep"
    cerebellum = "cerebellum"


class Side(StrEnum):
    """The patient's own left or right."""

    left = "left"
    right = "right"


class FieldStrength(float, Enum):
    """Field of the scanner in tesla."""

    low = 1.5
    high = 3.0


class Protocol(StrEnum):
    """From where what is left out of the scanner's settings is drawn."""

    clinical = "clinical"
    randomised = "randomised"


class T1Sequence(StrEnum):
    """How T1 weighting is made."""

    spin_echo = "spin_echo"
    gradient_echo = "gradient_echo"
    inversion_recovery = "inversion_recovery"


_Tr = Annotated[float | None, Field(ge=5, le=20_000)]
_Te = Annotated[float | None, Field(ge=1, le=300)]
_Ti = Annotated[float | None, Field(ge=50, le=5_000)]
_Flip = Annotated[float | None, Field(ge=1, le=90)]
_Slice = Annotated[float | None, Field(ge=0.5, le=10)]


class BrainPhantomCondition(BaseModel):
    """A brain and its scanner; what is left out is drawn from the sample's own streams.

    Attributes:
        sex: sex of the patient.
        age_years: age in years; the phantom knows adults.
        tumour: what grows in the brain.
        tumour_count: number of tumours; more than one of metastases alone.
        tumour_size_mm: diameter of a ball with the volume of the largest tumour's core (labels 1 and 3), in mm.
        tumour_location: where the largest tumour has its centre.
        tumour_side: on which of the patient's sides that is.
        necrosis_share: share of the core's volume that is necrotic (or, in a low grade glioma, cystic).
        oedema_mm: how far oedema reaches into white matter from the core, in mm; less into grey.
        ventricles_ml: volume of the ventricles in mL, before a tumour presses on them.
        hyperintensities_ml: volume of the white matter hyperintensities of age, in mL.
        field_tesla: field of the scanner.
        protocol: from where settings that are left out are drawn, of clinical routine or far beyond it.
        t1_sequence: how T1 weighting is made.
        t1ce_sequence: the same after the contrast agent.
        t1_tr_ms: repetition time of T1 in ms.
        t1_te_ms: echo time of T1 in ms.
        t1_ti_ms: inversion time of T1 in ms, where it is an inversion recovery.
        t1_flip_deg: flip angle of T1 in degrees, where it is a gradient echo.
        t1ce_tr_ms: repetition time of T1 with contrast agent in ms.
        t1ce_te_ms: its echo time in ms.
        t1ce_ti_ms: its inversion time in ms.
        t1ce_flip_deg: its flip angle in degrees.
        gadolinium_mm: contrast agent in the blood when T1 with contrast agent is taken, in mmol/L.
        t2_tr_ms: repetition time of T2 in ms.
        t2_te_ms: effective echo time of T2 in ms.
        flair_tr_ms: repetition time of FLAIR in ms.
        flair_te_ms: effective echo time of FLAIR in ms.
        flair_ti_ms: inversion time of FLAIR in ms.
        t1_slice_mm: thickness of T1's axial slices in mm.
        t1ce_slice_mm: the same of T1 with contrast agent.
        t2_slice_mm: the same of T2.
        flair_slice_mm: the same of FLAIR.
        noise_percent: standard deviation of the noise in percent of white matter's mean in T1, grey matter's in
            T2 and FLAIR.
        bias_percent: range of the coil's sensitivity over the brain in percent of its mean.
        spacing_mm: size of the voxels that all contrasts are brought to, in mm.
        patient_seed: whole number that the patient's brain is drawn from; records with the same one are of the same
            brain, whatever the scanner.
        patient_id: name of the patient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sex: Sex | None = None
    age_years: float | None = Field(None, ge=18, le=100)
    tumour: Tumour | None = None
    tumour_count: int | None = Field(None, ge=1, le=8)
    tumour_size_mm: float | None = Field(None, ge=6, le=80)
    tumour_location: TumourLocation | None = None
    tumour_side: Side | None = None
    necrosis_share: float | None = Field(None, ge=0, le=0.9)
    oedema_mm: float | None = Field(None, ge=0, le=40)
    ventricles_ml: float | None = Field(None, ge=8, le=120)
    hyperintensities_ml: float | None = Field(None, ge=0, le=80)
    field_tesla: FieldStrength | None = None
    protocol: Protocol = Protocol.clinical
    t1_sequence: T1Sequence | None = None
    t1ce_sequence: T1Sequence | None = None
    t1_tr_ms: _Tr = None
    t1_te_ms: _Te = None
    t1_ti_ms: _Ti = None
    t1_flip_deg: _Flip = None
    t1ce_tr_ms: _Tr = None
    t1ce_te_ms: _Te = None
    t1ce_ti_ms: _Ti = None
    t1ce_flip_deg: _Flip = None
    gadolinium_mm: float | None = Field(None, ge=0, le=5)
    t2_tr_ms: _Tr = None
    t2_te_ms: _Te = None
    flair_tr_ms: _Tr = None
    flair_te_ms: _Te = None
    flair_ti_ms: _Ti = None
    t1_slice_mm: _Slice = None
    t1ce_slice_mm: _Slice = None
    t2_slice_mm: _Slice = None
    flair_slice_mm: _Slice = None
    noise_percent: float | None = Field(None, ge=0, le=30)
    bias_percent: float | None = Field(None, ge=0, le=100)
    spacing_mm: float = Field(2.0, ge=1, le=4)
    patient_seed: int | None = Field(None, ge=0, lt=2**63)
    patient_id: str | None = Field(None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")

    @model_validator(mode="after")
    def _agrees(self) -> BrainPhantomCondition:
        self._tumour_agrees()
        for contrast in ("t1", "t1ce"):
            self._sequence_agrees(contrast)
        for contrast in ("t1", "t1ce", "flair"):
            ti, tr = getattr(self, f"{contrast}_ti_ms"), getattr(self, f"{contrast}_tr_ms")
            if ti is not None and tr is not None and ti >= tr:
                raise ValueError(f"{contrast}_ti_ms = {ti:g} is not below {contrast}_tr_ms = {tr:g}")
        return self

    def _tumour_agrees(self) -> None:
        parts = ("tumour_count", "tumour_size_mm", "tumour_location", "tumour_side", "necrosis_share", "oedema_mm")
        stated = [name for name in parts if getattr(self, name) is not None]
        if self.tumour is Tumour.none and stated:
            raise ValueError(f"{stated[0]} = {getattr(self, stated[0])} and tumour = none; a part needs a tumour")
        if (self.tumour_count or 1) > 1 and self.tumour not in (None, Tumour.metastasis):
            raise ValueError(f"tumour_count = {self.tumour_count} and tumour = {self.tumour}; metastases can be many")

    def _sequence_agrees(self, contrast: str) -> None:
        sequence = getattr(self, f"{contrast}_sequence")
        needs = {"ti_ms": T1Sequence.inversion_recovery, "flip_deg": T1Sequence.gradient_echo}
        for name, needed in needs.items():
            value = getattr(self, f"{contrast}_{name}")
            if value is not None and sequence is not needed:
                raise ValueError(f"{contrast}_{name} = {value:g} needs {contrast}_sequence = {needed}")
