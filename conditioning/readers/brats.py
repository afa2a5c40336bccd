"""`brats:DIR`: patients as BraTS distributes them, `BraTS2021_00000_t1ce.nii.gz` until 2021 and
`BraTS-GLI-00000-000-t1c.nii.gz` since 2023, each in a folder of its own or all in one.

Source: Baid et al., arXiv:2107.02314 (2021); de Verdier et al., arXiv:2405.18368 (2024).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..record import Record
from .mri_files import WORDS, Found, add, filled, nifti_files, patients, stem
from .mri_record import MriOptions, mri_records
from .policy import OnError, folder

_SINCE = re.compile(r"(BraTS-[A-Za-z]+-\d+)-\d+")  # patient and visit
_BEFORE = re.compile(r"BraTS\w+", re.ASCII)
_SHOWN = "BraTS2021_00000_t1.nii.gz or BraTS-GLI-00000-000-t1n.nii.gz"


def read_brats(
    path: str,
    *,
    images: bool = True,
    resample: bool = False,
    whole_head: bool = False,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the patients in the order of their names, with what is there of t1, t1ce, t2, flair and segmentation.

    The old label 4 of enhancing tumour becomes 3. Visits of one patient (the last number since 2023) are records of
    one `patient_id`.

    Args:
        path: the folder; patients' folders lie in it or deeper.
        images: False reads conditions alone.
        resample: bring a contrast of another grid onto the first one's.
        whole_head: accept volumes that are not skull-stripped.
        limit: most records to yield.
        on_error: `raise`, or `skip` a patient that cannot be read.
        skipped: receives a line per patient skipped.

    Raises:
        ValueError: no such folder, no file of such a name, or (while iterating) a patient that cannot be read, by name.
    """
    root = folder(path)
    found: Found = {}
    for file in nifti_files(root):
        record, _, word = _cut(stem(file))
        if word in WORDS and _is_record(record):
            add(found, record, WORDS[word], str(file))
    if not found:
        raise ValueError(f"{path} holds no file with a name like {_SHOWN}; nifti:{path} reads other names")
    somewhere = filled(found)
    for below in sorted(root.rglob("BraTS*")):
        if below.is_dir() and _is_record(below.name) and below not in somewhere:
            add(found, below.name, None, "")
    about = {"reader": "brats"}
    options = MriOptions(images, resample, whole_head, limit, on_error, skipped)
    return mri_records(patients(found, about, lambda record: {"patient_id": _patient(record)}), options)


def _cut(name: str) -> tuple[str, str, str]:
    """Return a name as (record, separator, last word)."""
    since = name.rpartition("-")
    return since if since[2] in WORDS else name.rpartition("_")


def _is_record(name: str) -> bool:
    return bool(_SINCE.fullmatch(name) or _BEFORE.fullmatch(name))


def _patient(record: str) -> str:
    since = _SINCE.fullmatch(record)
    return since[1] if since else record
