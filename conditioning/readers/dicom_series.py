"""`dicom-series:DIR`: brain MRI in DICOM series, a record per patient and study; headers tell the contrast."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..record import Record
from .dicom_image import patient_of
from .dicom_slices import dicom_files, read_head
from .image_record import patient_name
from .mr_contrast import contrast_of
from .mri_files import patients
from .mri_record import MriOptions, mri_records
from .policy import OnError, folder

FEWEST_SLICES = 5  # a series of less shows where others lie
_TAGS = (
    "PatientID", "PatientSex", "PatientAge", "PatientBirthDate", "StudyDate", "StudyInstanceUID", "SeriesInstanceUID",
    "SeriesDescription", "ProtocolName", "ImageType", "Modality", "ScanningSequence", "RepetitionTime", "EchoTime",
    "InversionTime", "ContrastBolusAgent",
)  # fmt: skip


@dataclass
class _Series:
    head: Any
    files: list[Path]


def read_dicom_series(
    path: str,
    *,
    images: bool = True,
    resample: bool = False,
    whole_head: bool = False,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield a record per patient and study with what is there of t1, t1ce, t2 and flair, sex and age from the headers.

    Which contrast a series shows is told by its description, else by repetition, echo and inversion time; T1 after
    a contrast agent is t1ce. Diffusion, perfusion, angiography and series of less than five slices are left.
    Series as they leave the scanner lie on grids of their own and show the whole head, so `resample` and `whole_head`
    are needed unless they have been registered and stripped.

    Args:
        path: a folder; files lie in it or below, sorted or not.
        images: False reads conditions alone.
        resample: bring a contrast of another grid onto the first one's.
        whole_head: accept volumes that are not skull-stripped.
        limit: most records to yield.
        on_error: `raise`, or `skip` a study that cannot be read.
        skipped: receives a line per study skipped.

    Raises:
        ValueError: no such folder, no MR series in it, or (while iterating) a study that cannot be read, by name.
    """
    root = folder(path)
    studies = _studies(root)
    if not studies:
        raise ValueError(f"{path} holds no DICOM files of MR; files end in .dcm or .dicom or have no suffix")
    found: dict[str, dict[str, list[str]]] = {}
    heads: dict[str, Any] = {}
    for name, series in _by_name(studies).items():
        heads[name] = next(iter(series.values())).head
        found[name] = {}
        for uid, one in series.items():
            volume = contrast_of(one.head) if len(one.files) >= FEWEST_SLICES else None
            if volume is not None:
                found[name].setdefault(volume, []).append(f"{_above(one.files)}#series={uid}")
    options = MriOptions(images, resample, whole_head, limit, on_error, skipped)
    return mri_records(patients(found, {"reader": "dicom-series"}, lambda record: _facts(heads[record])), options)


def _studies(root: Path) -> dict[tuple[str, str], dict[str, _Series]]:
    """Return the MR series of a folder by (patient, study) and UID."""
    found: dict[tuple[str, str], dict[str, _Series]] = defaultdict(dict)
    for path in dicom_files(root):
        head = read_head(path, _TAGS)
        if head is None or str(head.get("Modality", "")) != "MR":
            continue
        study = (str(head.get("PatientID") or "unknown"), str(head.get("StudyInstanceUID") or ""))
        uid = str(head.get("SeriesInstanceUID") or "")
        found[study].setdefault(uid, _Series(head, [])).files.append(path)
    return dict(found)


def _by_name(studies: dict[tuple[str, str], dict[str, _Series]]) -> dict[str, dict[str, _Series]]:
    """Return studies by the record's name: the patient's, and the study's number where a patient has several."""
    of_patient: dict[str, list[str]] = defaultdict(list)
    for patient, study in sorted(studies):
        of_patient[patient].append(study)
    return {
        patient if len(uids) == 1 else f"{patient}_{k}": studies[patient, uid]
        for patient, uids in of_patient.items()
        for k, uid in enumerate(uids, start=1)
    }


def _above(files: list[Path]) -> str:
    """Return the folder that holds all files of a series."""
    return os.path.commonpath([str(path.parent) for path in files])


def _facts(head: Any) -> dict[str, Any]:
    known = patient_of(head)
    known.pop("view", None)
    return {**known, "patient_id": patient_name("dicom", str(known.get("patient_id", "")))}
