"""`nih:DIR`: NIH ChestX-ray14 as its box folder holds it, `Data_Entry_2017*.csv` beside the images.

Source: Wang et al., "ChestX-ray8", CVPR 2017.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..radiograph.states import nih_states
from ..record import Record
from .chest_labels import VIEWS
from .csv_rows import Row, chosen, csv_rows, one_of
from .image_record import ImageOptions, each_record, image_record
from .policy import OnError, folder, inside
from .square import Resample

_TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017*.csv")
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position")
_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
_SIDE = 1024  # of the distributed images
_AGE = re.compile(r"0*(\d+(?:\.\d+)?)([YMD]?)")
_YEARS = {"": 1.0, "Y": 1.0, "M": 1 / 12, "D": 1 / 365.25}


def read_nih(
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
    """Yield the radiographs in the table's order; a label that the NIH does not give is absent.

    Args:
        path: the folder with the table; images lie in `images/` or `images_001/images/` and so on, or beside it.
        split: `train_val` or `test`, by the official lists; all when None.
        size: side of the square that every image becomes; as it is when None.
        resample: `lanczos` or `area`.
        images: False reads conditions alone.
        limit: most records to yield.
        on_error: `raise`, or `skip` a record that cannot be read (an age of 430, a cut file).
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder, table, list or split, or (while iterating) a faulty row or image, by name.
    """
    options = ImageOptions(size, resample, images)
    root = folder(path)
    table = one_of(root, _TABLES, "NIH ChestX-ray14")
    listed = _listed(root, chosen(split, tuple(_LISTS)))
    rows = (row for row in csv_rows(table, _COLUMNS) if listed is None or row["Image Index"] in listed)
    places = _Places(root)

    def read_one(row: Row) -> Record:
        try:
            return _record(row, places, options, split)
        except ValueError as error:
            raise ValueError(f"{table.name}, {row['Image Index']}: {error}") from error

    return each_record(rows, read_one, on_error, skipped, limit)


class _Places:
    """Where the images lie; the folders are looked through once, when the first image is asked for."""

    def __init__(self, root: Path) -> None:
        self.root, self._of = root, {}  # type: Path, dict[str, Path]
        self._looked = False

    def find(self, name: str) -> Path:
        inside(self.root, name, "Image Index")
        if not self._looked:
            folders = [self.root, *sorted(self.root.glob("images*")), *sorted(self.root.glob("images*/images"))]
            self._of = {p.name: p for f in folders if f.is_dir() for p in f.iterdir() if p.suffix.lower() == ".png"}
            self._looked = True
        if name not in self._of:
            raise ValueError(f"image is in none of images/, images_001/images/, ... of {self.root}")
        return self._of[name]


def _listed(root: Path, split: str | None) -> frozenset[str] | None:
    if split is None:
        return None
    names = one_of(root, (_LISTS[split],), f"a copy with the official list of {split}")
    return frozenset(names.read_text(encoding="utf-8").split())


def _record(row: Row, places: _Places, options: ImageOptions, split: str | None) -> Record:
    name, patient = row["Image Index"], row["Patient ID"]
    labels = row["Finding Labels"].split("|")
    facts: dict[str, Any] = {
        "sex": row["Patient Gender"] if row["Patient Gender"] in ("F", "M") else None,
        "age_years": _age(row["Patient Age"]),
        "view": VIEWS.get(row["View Position"].lower()),
        "patient_id": f"nih-{int(patient):05d}" if patient.isdigit() else None,
        **nih_states(labels),
    }
    about = {
        "reader": "nih", "source": "NIH ChestX-ray14", "licence": "NIH: unrestricted, with attribution",
        "original_record": name, "labels": labels, "follow_up": row.get("Follow-up #", ""), "split": split,
    }  # fmt: skip
    where = places.find(name) if options.images else places.root / name
    spacing = _spacing(row)
    return image_record(f"nih_{Path(name).stem}", where, options, facts=facts, provenance=about, spacing_mm=spacing)


def _age(text: str) -> float | None:
    """Return years from `58`, or `058Y`, `011M`, `003D` as the first release had it."""
    if not text:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f"Patient Age {text!r} is not a number of years")
    return round(float(found[1]) * _YEARS[found[2]], 4)


def _spacing(row: Row) -> tuple[float, float] | None:
    """Return (dy, dx) of the distributed 1024 x 1024 image; the table states that of the original."""
    try:
        width, height = float(row["OriginalImage[Width"]), float(row["Height]"])
        dx, dy = float(row["OriginalImagePixelSpacing[x"]), float(row["y]"])
    except (KeyError, ValueError):
        return None
    return (dy * height / _SIDE, dx * width / _SIDE) if min(width, height, dx, dy) > 0 else None
