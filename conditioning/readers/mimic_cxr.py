"""`mimic-cxr:DIR`: MIMIC-CXR-JPG, with race, sex and age where MIMIC-IV's patients and admissions lie beside it.

Source: Johnson et al., "MIMIC-CXR-JPG", PhysioNet 2.0.0 and later; "MIMIC-IV", PhysioNet 2.2 and later.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..demographics import Race
from ..record import Record
from .chest_labels import VIEWS, chexpert_states, race_of
from .csv_rows import Row, chosen, csv_rows, maybe, one_of
from .image_record import ImageOptions, each_record, image_record
from .policy import OnError, folder
from .square import Resample

_SPLITS = ("train", "validate", "test")
_KEYS = ("dicom_id", "subject_id", "study_id")
_LABELLERS = ("chexpert", "negbio")


@dataclass(frozen=True)
class _Tables:
    """What stands beside the images, by study, image or patient."""

    labels: Mapping[str, Row]
    splits: Mapping[str, str]
    patients: Mapping[str, Row]
    races: Mapping[str, Race]


def read_mimic_cxr(
    path: str,
    *,
    split: str | None = None,
    labeller: str | None = None,
    patients: str | None = None,
    size: int | None = None,
    resample: Resample = "lanczos",
    images: bool = True,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the radiographs in the order of the metadata table.

    Age is `anchor_age` plus the years from `anchor_year` to the study; race is what most of a patient's admissions say.

    Args:
        path: the folder with `files/` and the tables (`mimic-cxr-2.0.0-metadata.csv.gz`, `-split`, `-chexpert`).
        split: `train`, `validate` or `test`; all when None.
        labeller: `chexpert` or `negbio`; the first that there is when None.
        patients: folder of MIMIC-IV's `patients` and `admissions`; the folder itself or its `hosp/` when None.
        size: side of the square that every image becomes; as it is when None.
        resample: `lanczos` or `area`.
        images: False reads conditions alone.
        limit: most records to yield.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder, table, split or labeller, or (while iterating) a faulty row or image, by name.
    """
    options = ImageOptions(size, resample, images)
    root = folder(path)
    wanted = chosen(split, _SPLITS)
    if labeller is not None and labeller not in _LABELLERS:
        raise ValueError(f"labeller = {labeller!r} is not known (allowed: {', '.join(_LABELLERS)})")
    meta = one_of(root, _names("metadata"), "MIMIC-CXR-JPG")
    rows = csv_rows(meta, (*_KEYS, "ViewPosition", "StudyDate"))
    tables = _tables(root, wanted, labeller, folder(patients) if patients else None)

    def read_one(row: Row) -> Record:
        try:
            return _record(row, root, tables, options)
        except ValueError as error:
            raise ValueError(f"{meta.name}, {row['dicom_id']}: {error}") from error

    some = (row for row in rows if wanted is None or tables.splits.get(row["dicom_id"]) == wanted)
    return each_record(some, read_one, on_error, skipped, limit)


def _names(part: str) -> tuple[str, ...]:
    return (f"mimic-cxr-*-{part}.csv.gz", f"mimic-cxr-*-{part}.csv")


def _tables(root: Path, split: str | None, labeller: str | None, hospital: Path | None) -> _Tables:
    kinds = [labeller] if labeller else list(_LABELLERS)
    labels = maybe(root, [name for kind in kinds for name in _names(kind)])
    if labeller and labels is None:
        raise ValueError(f"{root} has no {_names(labeller)[0]}")
    splits = one_of(root, _names("split"), "MIMIC-CXR-JPG") if split else maybe(root, _names("split"))
    places = [hospital] if hospital else [root, root / "hosp"]
    people, visits = (
        next((p for place in places if (p := maybe(place, (f"{n}.csv.gz", f"{n}.csv")))), None)
        for n in ("patients", "admissions")
    )
    return _Tables(
        {row["study_id"]: row for row in csv_rows(labels, ("study_id",))} if labels else {},
        {row["dicom_id"]: row["split"] for row in csv_rows(splits, ("dicom_id", "split"))} if splits else {},
        _patients(people),
        _races(visits),
    )


def _patients(table: Path | None) -> dict[str, Row]:
    if table is None:
        return {}
    return {row["subject_id"]: row for row in csv_rows(table, ("subject_id", "gender", "anchor_age", "anchor_year"))}


def _races(table: Path | None) -> dict[str, Race]:
    """Return the race that most of a patient's admissions say; two that are as frequent say none."""
    if table is None:
        return {}
    said: dict[str, Counter[Race]] = defaultdict(Counter)
    for row in csv_rows(table, ("subject_id",)):
        race = race_of(row.get("race") or row.get("ethnicity"))  # `ethnicity` before MIMIC-IV 2.0
        if race is not None:
            said[row["subject_id"]][race] += 1
    first = {patient: counts.most_common(2) for patient, counts in said.items()}
    return {p: most[0][0] for p, most in first.items() if len(most) == 1 or most[0][1] > most[1][1]}


def _record(row: Row, root: Path, tables: _Tables, options: ImageOptions) -> Record:
    image, patient, study = (row[key] for key in _KEYS)
    if not (patient.isdigit() and study.isdigit() and image.replace("-", "").isalnum()):
        raise ValueError(f"subject_id {patient!r} and study_id {study!r} must be numbers")
    person = tables.patients.get(patient)
    facts: dict[str, Any] = {
        "sex": person["gender"] if person and person["gender"] in ("F", "M") else None,
        "age_years": _age(person, row["StudyDate"]) if person else None,
        "race": tables.races.get(patient),
        "view": VIEWS.get(row["ViewPosition"].lower()),
        "patient_id": f"mimic-{patient}",
        **(chexpert_states(tables.labels[study]) if study in tables.labels else {}),
    }
    about = {
        "reader": "mimic-cxr", "source": "MIMIC-CXR-JPG", "licence": "PhysioNet Credentialed Health Data License",
        "split": tables.splits.get(image), "study_id": study, "original_record": image,
        "view_position": row["ViewPosition"],
    }  # fmt: skip
    place = root / "files" / f"p{patient[:2]}" / f"p{patient}" / f"s{study}" / f"{image}.jpg"
    return image_record(f"mimic_{image}", place, options, facts=facts, provenance=about)


def _age(person: Mapping[str, str], study_date: str) -> float | None:
    """Return the age at the study, in years; dates are shifted per patient, and their differences are true."""
    try:
        return float(person["anchor_age"]) + int(study_date[:4]) - int(person["anchor_year"])
    except ValueError:
        return None
