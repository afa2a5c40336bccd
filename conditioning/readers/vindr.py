"""`vindr:DIR`: VinDr-CXR as PhysioNet distributes it, DICOM files and the labels of several radiologists.

Source: Nguyen et al., "VinDr-CXR", Scientific Data 9:429 (2022).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..radiograph.states import Lists, by_vote
from ..radiograph.vocabulary import Finding
from ..record import Record
from .chest_labels import VINDR
from .csv_rows import Row, chosen, csv_rows
from .image_record import ImageOptions, each_record, image_record
from .policy import OnError, folder, inside
from .square import Resample

_SPLITS = ("train", "test")


def read_vindr(
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
    """Yield the radiographs, an image once: present if more than half of its radiologists say so, uncertain if fewer.

    Sex, age and view come from the DICOM header where it states them. No table names patients: every image counts as a
    patient of its own.

    Args:
        path: the folder with `train/`, `test/` and `annotations/`.
        split: `train` or `test`; both when None.
        size: side of the square that every image becomes; as it is when None.
        resample: `lanczos` or `area`.
        images: False reads conditions alone (the DICOM headers are read).
        limit: most records to yield.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder, table or split, or (while iterating) a faulty row or image, by name.
    """
    options = ImageOptions(size, resample, images)
    root = folder(path)
    wanted = chosen(split, _SPLITS)
    tables = {s: root / "annotations" / f"image_labels_{s}.csv" for s in ([wanted] if wanted else _SPLITS)}
    tables = {s: table for s, table in tables.items() if table.is_file()}
    if not tables:
        raise ValueError(f"{root} has no annotations/image_labels_{wanted or 'train'}.csv; is it VinDr-CXR?")
    items = [(s, image, rows) for s, table in tables.items() for image, rows in _by_image(table).items()]

    def read_one(item: tuple[str, str, Sequence[Row]]) -> Record:
        of, image, rows = item
        try:
            return _record(root, of, image, rows, options)
        except ValueError as error:
            raise ValueError(f"{tables[of].name}, {image}: {error}") from error

    return each_record(items, read_one, on_error, skipped, limit)


def _by_image(table: Path) -> Mapping[str, Sequence[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in csv_rows(table, ("image_id",)):
        rows[row["image_id"]].append(row)
    return rows


def _record(root: Path, split: str, image: str, rows: Sequence[Row], options: ImageOptions) -> Record:
    about = {
        "reader": "vindr", "source": "VinDr-CXR", "licence": "PhysioNet Credentialed Health Data License",
        "split": split, "original_record": image, "radiologists": len(rows),
        "labels": sorted({label for row in rows for label, value in row.items() if value in ("1", "1.0")}),
    }  # fmt: skip
    stem = inside(root / split, image, "image_id")
    place = next((p for s in (".dicom", ".dcm") if (p := stem.with_name(stem.name + s)).is_file()), None)
    if place is None:
        raise ValueError(f"image is not in {root / split} as .dicom or .dcm")
    facts = {"patient_id": f"vindr-{image}"[:64], **_states(rows)}
    return image_record(f"vindr_{image}", place, options, facts=facts, provenance=about)


def _states(rows: Sequence[Row]) -> Lists:
    votes: dict[Finding, list[bool]] = {}
    for row in rows:
        said: dict[Finding, bool] = {}
        for label, finding in VINDR.items():
            value = row.get(label, "")
            if value not in ("", "0", "1", "0.0", "1.0"):
                raise ValueError(f"{label} = {value!r} is not 0 or 1")
            if value:
                said[finding] = said.get(finding, False) or value in ("1", "1.0")
        for finding, yes in said.items():
            votes.setdefault(finding, []).append(yes)
    return by_vote(votes)
