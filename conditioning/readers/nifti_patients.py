"""`nifti:PATH`: patients in a table with a column per contrast, or in files `<patient>_<contrast>.nii.gz`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..mri.condition import MriCondition
from ..mri.references import VOLUMES
from ..plan.columns import columns_of
from ..record import Record
from ..words import unknown
from .image_record import patient_name
from .mri_files import WORDS, Found, add, filled, nifti_files, patients, stem
from .mri_record import MriOptions, Patient, mri_records
from .policy import OnError
from .table_rows import Row, file_of, stated, table_rows

FACTS = ("sex", "age_years", "patient_id", "wanted")
COLUMNS = ("record_id", *VOLUMES, *FACTS)


def read_nifti(
    path: str,
    *,
    images: bool = True,
    resample: bool = False,
    whole_head: bool = False,
    allow_absolute: bool = False,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield patients with what is there of t1, t1ce, t2, flair and segmentation.

    Of a table (.csv or .parquet): columns `t1`, `t1ce`, `t2`, `flair`, `segmentation` hold files, relative to the
    table, an empty cell what is missing; `record_id`, `patient_id`, `sex`, `age_years`, `wanted`, and free columns that
    begin with `meta_`. Of a folder: files `<patient>_<contrast>.nii.gz` in it or below, contrasts called as above or
    as BraTS and BIDS do (t1n, t1w, t1c, t1gd, t2w, t2f, seg).

    Args:
        path: the table or the folder.
        images: False reads conditions alone.
        resample: bring a contrast of another grid onto the first one's.
        whole_head: accept volumes that are not skull-stripped.
        allow_absolute: accept absolute paths in a table of one's own.
        limit: most records to yield.
        on_error: `raise`, or `skip` a patient that cannot be read.
        skipped: receives a line per patient skipped.

    Raises:
        ValueError: no such path, an unknown column, no patient in it, or (while iterating) a patient that cannot be
            read, by name.
    """
    root = Path(path).expanduser()
    options = MriOptions(images, resample, whole_head, limit, on_error, skipped)
    if root.is_file():
        return mri_records(_of_table(root, allow_absolute), options)
    if not root.is_dir():
        raise ValueError(f"{path} does not exist; a table or a folder of NIfTI files was expected")
    return mri_records(_of_folder(root), options)


def _of_folder(root: Path) -> list[Patient]:
    found: Found = {}
    for file in nifti_files(root):
        record, _, word = stem(file).rpartition("_")
        if word.lower() in WORDS and record:
            add(found, record, WORDS[word.lower()], str(file))
    if not found:
        raise ValueError(f"{root} holds no file with a name like sub-01/sub-01_t1.nii.gz")
    somewhere = filled(found)
    for below in root.iterdir():
        if below.is_dir() and not below.name.startswith(".") and below not in somewhere:
            add(found, below.name, None, "")  # a patient without any contrast
    return list(patients(found, {"reader": "nifti"}, lambda record: {"patient_id": patient_name("nifti", record)}))


def _of_table(table: Path, allow_absolute: bool) -> list[Patient]:
    rows = table_rows(table)
    if not rows:
        raise ValueError(f"{table} has no rows")
    for name in rows[0]:
        if name not in COLUMNS and not name.startswith("meta_"):
            raise ValueError(f"{table}: {unknown('column', name, COLUMNS)}; a free column begins with 'meta_'")
    found = [_of_row(table, number, row, allow_absolute) for number, row in enumerate(rows, start=1)]
    names = [patient.record_id for patient in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{table.name}: record_id {twice!r} stands there twice; give each row one of its own")
    return found


def _of_row(table: Path, number: int, row: Row, allow_absolute: bool) -> Patient:
    cells = {name: value for name, value in row.items() if stated(value)}
    record = str(cells.get("record_id") or cells.get("patient_id") or f"row-{number}")
    about = {"reader": "nifti", **{name: value for name, value in cells.items() if name.startswith("meta_")}}
    columns = columns_of(MriCondition)
    try:
        volumes = {name: _file(table, cells[name], allow_absolute) for name in VOLUMES if name in cells}
        facts: dict[str, Any] = {name: columns[name].parse(cells[name]) for name in FACTS if name in cells}
    except ValueError as error:
        return Patient(record, {}, {}, about, f"row {number}: {error}")
    return Patient(record, volumes, facts, about)


def _file(table: Path, cell: Any, allow_absolute: bool) -> str:
    text = str(cell)
    return text if text.startswith("embedded:") else str(file_of(table, text, allow_absolute))
