"""`embedded:nih64`: 460 chest radiographs of NIH ChestX-ray14, 64 x 64, with sex, age, view and findings.

Source: Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised
Classification and Localization of Common Thorax Diseases", CVPR 2017. `nih64/README.md` says what was changed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from ..radiograph.condition import RadiographCondition
from ..radiograph.states import nih_states
from ..record import ImageGeometry, Record

SPLITS = ("train", "held_out")
_DATA = files(__package__ or "clinsynth.conditioning.embedded") / "nih64"
_PIXEL_MM = 1024 / 64 * 0.143  # most of the originals have pixels of 0.143 mm; it is not stated per image


def read_nih64(*, split: Literal["train", "held_out"] | None = None) -> Iterator[Record]:
    """Yield the embedded radiographs: `image`, float32 (64, 64) in [0, 1], white is dense.

    A label that the NIH does not give is absent: its labels were text-mined and are about 90 % right.
    `provenance` has `split`, `patient_id` and the NIH's `labels`.

    Args:
        split: `train` (317 images of 88 patients) or `held_out` (143 of 44, for tests alone); all 460 when None.

    Raises:
        ValueError: an unknown split.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split = {split!r} is not known (allowed: {', '.join(SPLITS)}, or none for all)")
    return (_record(k, row) for k, row in enumerate(_labels()) if split in (None, row["split"]))


def _record(k: int, row: Mapping[str, str]) -> Record:
    about = {
        "reader": "embedded", "source": "NIH ChestX-ray14, 64 x 64", "licence": "NIH: unrestricted, with attribution",
        "split": row["split"], "patient_id": row["patient"], "original_record": f"{row['image']}.png",
        "labels": row["findings"].split("|"), "follow_up": int(row["follow_up"]), "synthetic": False,
    }  # fmt: skip
    image = _images()[k].astype(np.float32) / np.float32(255)
    geometry = ImageGeometry((_PIXEL_MM, _PIXEL_MM))
    return Record(f"nih_{row['image']}", {"image": image}, _condition(row), geometry, about)


def _condition(row: Mapping[str, str]) -> RadiographCondition:
    facts = {"sex": row["sex"], "age_years": row["age_years"], "view": row["view"].lower()}
    states = nih_states(row["findings"].split("|"))
    return RadiographCondition.model_validate({**facts, "patient_id": row["patient"], **states})


@cache
def _labels() -> tuple[Mapping[str, str], ...]:
    return tuple(csv.DictReader((_DATA / "labels.csv").read_text(encoding="utf-8").splitlines()))


@cache
def _images() -> UInt8[np.ndarray, "460 64 64"]:
    with (_DATA / "images.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        images: np.ndarray = stored["images"]
    images.setflags(write=False)
    return images
