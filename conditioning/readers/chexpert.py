"""`chexpert:DIR`: CheXpert and CheXpert Plus, `train.csv` and `valid.csv` beside the images.

Source: Irvin et al., "CheXpert", AAAI 2019; Chambon et al., "CheXpert Plus", 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from ..demographics import Race
from ..record import Record
from .chest_labels import VIEWS, chexpert_states, race_of
from .csv_rows import Row, chosen, csv_rows, maybe
from .image_record import ImageOptions, each_record, image_record
from .policy import OnError, folder, inside
from .square import Resample

_SPLITS = ("train", "valid", "test")
_COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
_PATIENTS = ("df_chexpert_plus*.csv", "*[Dd][Ee][Mm][Oo]*.csv", "chexpert_patients*.csv")
_PATIENT = re.compile(r"patient\d+")


def read_chexpert(
    path: str,
    *,
    split: str | None = None,
    size: int | None = None,
    resample: Resample = "lanczos",
    images: bool = True,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the radiographs in the tables' order, with race where a table of patients is present.

    Labels: 1 is present, 0 absent, -1 uncertain, blank unsaid; where they disagree with the hierarchy (cardiomegaly
    present, enlarged cardiomediastinum 0) the finding that is present wins. Race comes from `df_chexpert_plus*.csv`, or
    from the demographics table saved as CSV (`CHEXPERT DEMO.csv`: PATIENT, PRIMARY_RACE, ETHNICITY).

    Args:
        path: the folder with `train.csv` and `valid.csv`; a path in them may begin with the folder's published name.
        split: `train`, `valid` or `test`; all that there are when None.
        size: side of the square that every image becomes; as it is when None.
        resample: `lanczos` or `area`.
        images: False reads conditions alone.
        limit: most records to yield.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder, table or split, or (while iterating) a faulty row or image, by name.
    """
    options = ImageOptions(size, resample, images)
    root = folder(path)
    wanted = chosen(split, _SPLITS)
    tables = {s: root / f"{s}.csv" for s in ([wanted] if wanted else _SPLITS) if (root / f"{s}.csv").is_file()}
    if not tables:
        raise ValueError(f"{root} has no {wanted or 'train'}.csv; is it CheXpert?")
    rows = [(s, table, csv_rows(table, _COLUMNS)) for s, table in tables.items()]
    races = _races(maybe(root, _PATIENTS))

    def read_one(item: tuple[str, Path, Row]) -> Record:
        of, table, row = item
        try:
            return _record(row, of, root, races, options)
        except ValueError as error:
            raise ValueError(f"{table.name}, {row['Path']}: {error}") from error

    every = ((s, table, row) for s, table, part in rows for row in part)
    return each_record(every, read_one, on_error, skipped, limit)


def _record(row: Row, split: str, root: Path, races: Mapping[str, Race], options: ImageOptions) -> Record:
    found = _PATIENT.search(row["Path"])
    patient = found[0] if found else ""
    place = _place(root, row["Path"])
    view = VIEWS.get(row["AP/PA"].lower())
    facts = {
        "sex": {"female": "F", "male": "M"}.get(row["Sex"].lower()),
        "age_years": _age(row["Age"]),
        "race": races.get(patient),
        "view": "lateral" if row["Frontal/Lateral"].lower() == "lateral" else view if view != "lateral" else None,
        "patient_id": f"chexpert-{patient.removeprefix('patient')}" if patient else None,
        **chexpert_states(row),
    }
    about = {
        "reader": "chexpert", "source": "CheXpert", "licence": "Stanford: research use", "split": split,
        "original_record": row["Path"],
    }  # fmt: skip
    parts = PurePosixPath(row["Path"]).with_suffix("").parts
    record_id = "chexpert_" + "_".join(parts[-3:])
    return image_record(record_id, place, options, facts=facts, provenance=about)


def _place(root: Path, name: str) -> Path:
    """Return where an image lies: the name as it is, or without the folder that the download was called."""
    whole = inside(root, name, "Path")
    parts = PurePosixPath(name).parts
    return whole if whole.is_file() or len(parts) < 2 else root.joinpath(*parts[1:])


def _age(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"Age {text!r} is not a number") from None


def _races(table: Path | None) -> dict[str, Race]:
    """Return race by patient, from CheXpert Plus's table or the table of demographics."""
    if table is None:
        return {}
    races: dict[str, Race] = {}
    for row in csv_rows(table, ()):
        cells = {name.lower(): value for name, value in row.items()}
        patient = cells.get("deid_patient_id") or cells.get("patient") or cells.get("path_to_image") or ""
        found = _PATIENT.search(patient)
        race = race_of(cells.get("primary_race") or cells.get("race"), cells.get("ethnicity"))
        if found and race:
            races.setdefault(found[0], race)
    return races
