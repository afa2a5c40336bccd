"""`padchest:DIR`: PadChest, its table of labels beside 16-bit PNG images.

Source: Bustos et al., "PadChest", Medical Image Analysis 66 (2020).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..record import Record
from .chest_labels import VIEWS, padchest_states
from .csv_rows import Row, csv_rows, one_of
from .image_record import ImageOptions, each_record, image_record, patient_name
from .policy import OnError, folder, inside
from .square import Resample

_TABLES = ("PADCHEST_chest_x_ray_images_labels*.csv.gz", "PADCHEST_chest_x_ray_images_labels*.csv", "PADCHEST*.csv")
_COLUMNS = ("ImageID", "PatientID", "Labels", "Projection")
_BITS = 16
_LONGEST = 10_000


def read_padchest(
    path: str,
    *,
    size: int | None = None,
    resample: Resample = "lanczos",
    images: bool = True,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the radiographs in the table's order; a finding that the labels could name and do not is absent.

    Terms without a word in our vocabulary stay in `provenance["labels"]`; PadChest has no official split. White is
    65535. Age is the year of the study less that of birth.

    Args:
        path: the folder with the table; images lie in the folder that `ImageDir` names, or beside the table.
        size: side of the square that every image becomes; as it is when None.
        resample: `lanczos` or `area`.
        images: False reads conditions alone.
        limit: most records to yield.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder or table, or (while iterating) a faulty row or image, by name.
    """
    options = ImageOptions(size, resample, images, _BITS)
    root = folder(path)
    table = one_of(root, _TABLES, "PadChest")

    def read_one(row: Row) -> Record:
        try:
            return _record(row, root, options)
        except ValueError as error:
            raise ValueError(f"{table.name}, {row['ImageID']}: {error}") from error

    return each_record(csv_rows(table, _COLUMNS), read_one, on_error, skipped, limit)


def _record(row: Row, root: Path, options: ImageOptions) -> Record:
    labels = parse_labels(row["Labels"])
    lists, strange = padchest_states(labels)
    facts: dict[str, Any] = {
        "sex": row.get("PatientSex_DICOM") if row.get("PatientSex_DICOM") in ("F", "M") else None,
        "age_years": _age(row.get("StudyDate_DICOM", ""), row.get("PatientBirth", "")),
        "view": VIEWS.get(row["Projection"].lower()),
        "patient_id": patient_name("padchest", row["PatientID"]),
        **lists,
    }
    about = {
        "reader": "padchest", "source": "PadChest", "licence": "PadChest Dataset Research Use Agreement",
        "original_record": row["ImageID"], "labels": labels, "labels_not_translated": strange,
        "projection": row["Projection"], "study_id": row.get("StudyID", ""),
    }  # fmt: skip
    name = f"padchest_{Path(row['ImageID']).stem}"
    return image_record(name, _place(root, row), options, facts=facts, provenance=about)


def _place(root: Path, row: Row) -> Path:
    name = row["ImageID"]
    beside = inside(root, name, "ImageID")
    below = inside(root, f"{row.get('ImageDir', '').removesuffix('.0') or '.'}/{name}", "ImageDir")
    return beside if beside.is_file() and not below.is_file() else below


def parse_labels(text: str) -> list[str]:
    """Return the terms of a label cell, a Python list as the table has it, such as `['pneumonia', 'unchanged']`.

    Raises:
        ValueError: anything but a list of words.
    """
    if text in ("", "nan"):
        return []
    try:
        value = ast.literal_eval(text) if len(text) <= _LONGEST else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(term, str) for term in value):
        raise ValueError(f"Labels {text[:60]!r} is not a list of words")
    return [term.strip() for term in value if term.strip()]


def _age(study: str, birth: str) -> float | None:
    taken, born = study[:4], birth[:4]
    return float(int(taken) - int(born)) if taken.isdigit() and born.isdigit() else None
