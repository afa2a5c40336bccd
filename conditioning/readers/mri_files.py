"""Which files below a folder are the volumes of which patient."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .mri_record import Patient

NIFTI = (".nii", ".nii.gz")
# What a file's name may call a contrast, the last word of it.
WORDS = {
    "t1": "t1", "t1n": "t1", "t1w": "t1",
    "t1ce": "t1ce", "t1c": "t1ce", "t1gd": "t1ce",
    "t2": "t2", "t2w": "t2",
    "flair": "flair", "t2f": "flair",
    "seg": "segmentation", "segmentation": "segmentation",
}  # fmt: skip
Found = dict[str, dict[str, list[str]]]  # record -> volume -> references


def nifti_files(root: Path) -> Iterator[Path]:
    """Yield the NIfTI files below a folder in the order of their paths, hidden ones left out.

    Links are followed; one whose file is not there (an annex that was not fetched) is no missing contrast, so it is
    yielded as well, and reading it fails.
    """
    found, seen = [], set()
    for folder, below, names in os.walk(root, followlinks=True):
        below[:] = [name for name in below if not name.startswith(".")]
        if os.path.realpath(folder) in seen:
            below.clear()
            continue
        seen.add(os.path.realpath(folder))
        found += [Path(folder, name) for name in names if name.lower().endswith(NIFTI) and not name.startswith(".")]
    yield from sorted(found)


def stem(path: Path) -> str:
    """Return a NIfTI file's name without `.nii` or `.nii.gz`."""
    name = path.name
    return next((name[: -len(end)] for end in (".nii.gz", ".nii") if name.lower().endswith(end)), name)


def add(found: Found, record: str, volume: str | None, reference: str) -> None:
    """Note that a reference is a record's volume; with volume None that there is such a record."""
    volumes = found.setdefault(record, {})
    if volume is not None:
        volumes.setdefault(volume, []).append(reference)


def filled(found: Found) -> set[Path]:
    """Return the folders in which, or below which, a volume lies."""
    return {above for volumes in found.values() for rs in volumes.values() for r in rs for above in Path(r).parents}


def patients(found: Found, about: Mapping[str, Any], facts: Callable[[str], Mapping[str, Any]]) -> Iterable[Patient]:
    """Return the patients in the order of their names.

    Args:
        found: references by record and volume.
        about: provenance that all share.
        facts: what is known of a record's patient.
    """
    return [_patient(record, found[record], about, facts(record)) for record in sorted(found)]


def _patient(
    record: str, volumes: Mapping[str, list[str]], about: Mapping[str, Any], facts: Mapping[str, Any]
) -> Patient:
    fault = None
    for volume, references in volumes.items():
        if len(references) > 1:
            names = " and ".join(Path(reference).name for reference in references[:2])
            fault = f"{len(references)} files are its {volume} ({names}); one is needed"
    first = {volume: references[0] for volume, references in volumes.items()}
    return Patient(record, first, facts, {**about, "original_record": record}, fault)
