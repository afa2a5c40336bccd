"""One patient's brain MRI as a Record, from the places of its volumes; what all readers of brains share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from ..mri.condition import MriCondition
from ..mri.contrasts import CONTRASTS
from ..mri.references import resampling
from ..mri.subject import UNIT, subject_of
from ..record import ImageGeometry, Record
from ..words import one_line
from .image_record import each_record
from .policy import OnError

_UNKNOWN_MM = (float("nan"),) * 3
NO_CONTRAST = "has none of t1, t1ce, t2 and flair"


@dataclass(frozen=True)
class Patient:
    """Where a patient's volumes lie, and what is known of the patient.

    Attributes:
        record_id: name of the record.
        volumes: reference by contrast, and of the `segmentation`.
        facts: further fields of the condition; None is not stated.
        about: provenance.
        fault: why the patient cannot be read, where finding the volumes told it.
    """

    record_id: str
    volumes: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None


def mri_record(patient: Patient, *, images: bool = True, resample: bool = False, whole_head: bool = False) -> Record:
    """Return a patient's record.

    Args:
        patient: its volumes and facts.
        images: False reads no volume.
        resample: bring a volume of another grid onto the first contrast's.
        whole_head: accept volumes that are not skull-stripped.

    Raises:
        ValueError: no contrast, a fact that a condition cannot hold, or a volume that cannot be used, by name.
    """
    condition = condition_of(patient)
    if resample:  # whoever takes the condition may do so, too
        volumes = {name: resampling(str(getattr(condition, name))) for name in patient.volumes}
        condition = condition.model_copy(update=volumes)
    stated = {"synthetic": False, **patient.about, "patient": condition.patient_id, "patient_id": condition.patient_id}
    if not images:
        return Record(patient.record_id, {}, condition, ImageGeometry(_UNKNOWN_MM, unit=UNIT), stated)
    record = subject_of(condition, record_id=patient.record_id, resample=resample, whole_head=whole_head)
    return replace(record, provenance={**stated, **record.provenance})


def condition_of(patient: Patient) -> MriCondition:
    """Return a patient's condition.

    Raises:
        ValueError: no contrast is there, or a fact that a condition cannot hold.
    """
    if patient.fault is not None:
        raise ValueError(patient.fault)
    if not any(contrast in patient.volumes for contrast in CONTRASTS):
        raise ValueError(NO_CONTRAST)
    facts = {name: value for name, value in patient.facts.items() if value is not None}
    try:
        return MriCondition.model_validate({**facts, **patient.volumes})
    except ValidationError as error:
        raise ValueError(one_line(error, MriCondition)) from error


@dataclass(frozen=True)
class MriOptions:
    """The options that all readers of brains have.

    Attributes:
        images: False reads conditions alone.
        resample: bring a contrast of another grid onto the first one's.
        whole_head: accept volumes that are not skull-stripped.
        limit: most records to yield.
        on_error: `raise`, or `skip` a patient that cannot be read.
        skipped: receives a line per patient skipped.
    """

    images: bool = True
    resample: bool = False
    whole_head: bool = False
    limit: int | None = None
    on_error: OnError = "raise"
    skipped: list[str] | None = None


def mri_records(patients: Iterable[Patient], options: MriOptions) -> Iterator[Record]:
    """Yield the records of patients, each read when it is asked for; an error begins with the patient's name.

    Raises:
        ValueError: a limit below 1 or an unknown `on_error` at once; while iterating, what `mri_record` raises.
    """

    def read_one(patient: Patient) -> Record:
        try:
            return mri_record(patient, images=options.images, resample=options.resample, whole_head=options.whole_head)
        except ValueError as error:
            raise ValueError(f"{patient.record_id}: {error}") from error

    return each_record(patients, read_one, options.on_error, options.skipped, options.limit)
