"""`bids:DIR`: Brain Imaging Data Structure, sub-*/[ses-*/]anat/ with T1w, ce-gadolinium T1w, T2w and FLAIR.

Source: Gorgolewski et al., "The brain imaging data structure", Scientific Data 3:160044 (2016); BIDS 1.10.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..record import Record
from .mri_files import Found, add, nifti_files, patients, stem
from .mri_record import MriOptions, mri_records
from .policy import OnError, folder
from .stated import age_years, sex_letter

_SUFFIXES = {"T1w": "t1", "T2w": "t2", "FLAIR": "flair"}
_TUMOUR = ("tumor", "tumour", "lesion", "glioma")
_PARTICIPANTS = "participants.tsv"


def read_bids(
    path: str,
    *,
    having: Sequence[str] | str | None = None,
    segmentation: str | None = None,
    images: bool = True,
    resample: bool = False,
    whole_head: bool = False,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield a record per subject and session, sex and age from `participants.tsv`.

    A T1w file with an entity `ce-` (but `ce-none`) is t1ce. The segmentation is the `_dseg` file in `derivatives/`
    with a label or description of a tumour or lesion; tissue segmentations, which have the same suffix, are left.

    Args:
        path: the folder; one of `derivatives/` is named itself to read what is in it.
        having: entities that a contrast's file must have, such as `desc-brain`, where a subject has several.
        segmentation: pattern of the segmentation's file name below `derivatives/`, such as `*_dseg.nii.gz`.
        images: False reads conditions alone.
        resample: bring a contrast of another grid onto the first one's.
        whole_head: accept volumes that are not skull-stripped.
        limit: most records to yield.
        on_error: `raise`, or `skip` a subject that cannot be read.
        skipped: receives a line per subject skipped.

    Raises:
        ValueError: no such folder, no subject in it, a table that cannot be read, or (while iterating) a subject that
            cannot be read, by name.
    """
    root = folder(path)
    wanted = {having} if isinstance(having, str) else set(having or ())
    found: Found = {}
    for anat in sorted([*root.glob("sub-*"), *root.glob("sub-*/ses-*")]):
        inside = anat / "anat"
        if inside.is_dir() or (anat.is_dir() and not list(anat.glob("ses-*"))):
            add(found, "_".join(anat.relative_to(root).parts), None, "")
        for file in nifti_files(inside) if inside.is_dir() else ():
            entities, suffix = _entities(file)
            if suffix in _SUFFIXES and wanted <= {f"{key}-{value}" for key, value in entities.items()}:
                add(found, _record(entities), _volume(entities, suffix), str(file))
    if not found:
        raise ValueError(f"{path} has no folder sub-*; is it a BIDS data set?")
    for file in nifti_files(root / "derivatives"):
        entities, suffix = _entities(file)
        if _record(entities) in found and _is_tumour(file, entities, suffix, segmentation):
            add(found, _record(entities), "segmentation", str(file))
    people = _participants(root)
    options = MriOptions(images, resample, whole_head, limit, on_error, skipped)
    return mri_records(patients(found, {"reader": "bids"}, lambda record: _facts(record, people)), options)


def _entities(file: Path) -> tuple[dict[str, str], str]:
    """Return the entities of a file's name, such as sub and ce, and its suffix."""
    *pairs, suffix = stem(file).split("_")
    return dict(pair.split("-", 1) for pair in pairs if "-" in pair), suffix


def _record(entities: Mapping[str, str]) -> str:
    return "_".join(f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities)


def _volume(entities: Mapping[str, str], suffix: str) -> str:
    enhanced = suffix == "T1w" and entities.get("ce", "none") != "none"
    return "t1ce" if enhanced else _SUFFIXES[suffix]


def _is_tumour(file: Path, entities: Mapping[str, str], suffix: str, pattern: str | None) -> bool:
    if pattern is not None:
        return file.match(pattern)
    told = " ".join(entities.get(key, "") for key in ("label", "desc", "seg")).lower()
    return suffix == "dseg" and any(word in told for word in _TUMOUR)


def _participants(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the rows of participants.tsv by subject; none where there is no such file."""
    table = root / _PARTICIPANTS
    if not table.is_file():
        return {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as text:
            rows = [{str(k): v or "" for k, v in row.items()} for row in csv.DictReader(text, delimiter="\t")]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{table} cannot be read: {str(error).splitlines()[0]}") from error
    if rows and "participant_id" not in rows[0]:
        raise ValueError(f"{_PARTICIPANTS} has no column participant_id (columns: {', '.join(rows[0])})")
    return {row["participant_id"]: row for row in rows}


def _facts(record: str, people: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    subject = record.split("_")[0]
    row = people.get(subject) or people.get(subject.removeprefix("sub-")) or {}
    sex = sex_letter(row.get("sex") or row.get("gender"))
    return {"patient_id": subject, "sex": sex, "age_years": age_years(row.get("age"))}
