"""`embedded:tcga_lgg`: two patients of TCGA-LGG with t1, t1ce, t2, flair and the tumour's labels at 2 mm.

Source: Pedano et al., "The Cancer Genome Atlas Low Grade Glioma Collection (TCGA-LGG)", The Cancer Imaging Archive
(2016). `tcga_lgg/README.md` says what was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

from ..record import Record
from ..words import unknown

SET = "tcga_lgg"
SPLITS = ("train", "held_out")
_SUBJECTS = {"sub-01": ("held_out", "TCGA-DU-7294"), "sub-02": ("train", "TCGA-FG-6692")}
_ENDINGS = {"t1": "t1", "t1ce": "t1ce", "t2": "t2", "flair": "flair", "segmentation": "seg"}
_DATA = Path(str(files(__package__ or "clinsynth.conditioning.embedded"))) / SET


def read_tcga_lgg(*, split: Literal["train", "held_out"] | None = None, images: bool = True) -> Iterator[Record]:
    """Yield the embedded patients: `t1`, `t1ce`, `t2`, `flair`, float32 (x, y, z), and `segmentation`, uint8.

    `provenance` has `split`, `patient` and the collection's own name of the patient.

    Args:
        split: `train` (sub-02) or `held_out` (sub-01, which nothing may be trained on); both when None.
        images: False reads conditions alone.

    Raises:
        ValueError: an unknown split.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split = {split!r} is not known (allowed: {', '.join(SPLITS)}, or none for both)")
    return (_record(name, images) for name, (of, _) in _SUBJECTS.items() if split in (None, of))


def embedded_path(subject: str, volume: str) -> Path:
    """Return the file of an embedded volume.

    Args:
        subject: `sub-01` or `sub-02`.
        volume: a contrast, or `segmentation`.

    Raises:
        ValueError: no such patient or volume, with the nearest word.
    """
    if subject not in _SUBJECTS:
        raise ValueError(unknown("embedded patient", subject, _SUBJECTS))
    if volume not in _ENDINGS:
        raise ValueError(unknown("embedded volume", volume, _ENDINGS))
    return _DATA / subject / f"{subject}_{_ENDINGS[volume]}.nii.gz"


def _record(name: str, images: bool) -> Record:
    from ..readers.mri_record import Patient, mri_record

    split, original = _SUBJECTS[name]
    about = {
        "reader": "embedded", "source": "TCGA-LGG, 2 mm", "licence": "CC BY 3.0", "split": split,
        "original_record": original,
    }  # fmt: skip
    volumes = {volume: f"embedded:{SET}/{name}/{volume}" for volume in _ENDINGS}
    return mri_record(Patient(name, volumes, {"patient_id": original}, about), images=images)
