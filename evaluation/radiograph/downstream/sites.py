"""Radiographs of another site, as a folder with images and a `metadata.csv`, for tests out of distribution.

Columns: `image` (path inside the folder), `patient_id`, `findings` (separated by `|`), and where they are known `sex`
(F, M), `age` (years) and `view` (PA, AP, AP Supine). What is diagnosed stands for what is seen, which it need not be.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ....conditioning.radiograph import Finding, RadiographCondition
from ....conditioning.radiograph.vocabulary import CHEXPERT_LABELS, NIH_LABELS
from ....conditioning.record import ImageGeometry, Record
from ....conditioning.words import unknown

NEEDED = ("image", "patient_id", "findings")
NOT_SAID = frozenset({"", "not stated", "todo", "unknown"})
# Causes of pneumonia, as collections of cases name them.
_PNEUMONIA = (
    "bacterial", "bacterial pneumonia", "chlamydophila", "covid-19", "klebsiella", "legionella", "lipoid",
    "pneumocystis", "streptococcus", "varicella", "viral pneumonia",
)  # fmt: skip
WORDS: dict[str, Finding] = {
    **{label.lower().replace("_", " "): finding for label, finding in (NIH_LABELS | CHEXPERT_LABELS).items()},
    **dict.fromkeys(_PNEUMONIA, Finding.pneumonia),
    "ards": Finding.lung_opacity,
    "normal": Finding.no_finding,
}
_SIDE_MM = 350.0  # a large detector; the folders do not state it


def read_site(folder: str | Path) -> Iterator[Record]:
    """Yield a site's radiographs: `image`, float32 (rows, cols) in [0, 1].

    Findings that are not named are open, since a list of diagnoses says nothing of them; of `not stated` everything
    is. A name of a finding that is not known is refused.

    Args:
        folder: with `metadata.csv` and the images.

    Raises:
        ValueError: no such table, a column is missing, or (while iterating) a row that cannot be read.
    """
    path = Path(folder)
    table = path / "metadata.csv"
    if not table.is_file():
        raise ValueError(f"{path} has no metadata.csv")
    with table.open(newline="", encoding="utf-8-sig") as text:
        rows = list(csv.DictReader(text))
    missing = [name for name in NEEDED if not rows or name not in rows[0]]
    if missing:
        raise ValueError(f"{table} has no column {missing[0]!r}" if rows else f"{table} has no rows")
    return (_record(path, number, row) for number, row in enumerate(rows, start=1))


def _record(folder: Path, number: int, row: Mapping[str, str]) -> Record:
    try:
        image = _gray(folder / row["image"])
        condition = _condition(row)
    except (ValueError, OSError) as error:
        said = str(error).splitlines()[0]
        raise ValueError(f"{folder.name}/metadata.csv, row {number}: {said}") from error
    about = {"reader": "site", "site": folder.name, "patient_id": row["patient_id"], "synthetic": False}
    spacing = (_SIDE_MM / image.shape[0], _SIDE_MM / image.shape[1])
    return Record(
        f"{folder.name}_{Path(row['image']).stem}", {"image": image}, condition, ImageGeometry(spacing), about
    )


def _condition(row: Mapping[str, str]) -> RadiographCondition:
    words = [word.strip().lower().replace("_", " ") for word in row["findings"].split("|")]
    for word in words:
        if word not in WORDS and word not in NOT_SAID:
            raise ValueError(unknown("finding", word, WORDS))
    view = row.get("view", "").split(" ")[0].lower()
    return RadiographCondition.model_validate(
        {
            "sex": row.get("sex") or None,
            "age_years": row.get("age") or None,
            "view": view or None,
            "findings": [WORDS[word] for word in words if word in WORDS] or None,
            "patient_id": row["patient_id"],
        }
    )


def _gray(path: Path) -> Float[np.ndarray, "rows cols"]:
    from PIL import Image

    with Image.open(path) as opened:
        return np.asarray(opened.convert("L"), dtype=np.float32) / np.float32(255)
