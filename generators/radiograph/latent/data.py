"""Which radiographs are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.readers import read
from ....conditioning.record import Record
from ....conditioning.seeds import stream
from .images import AugmentConfig, squared, varied


class DataConfig(BaseModel):
    """What to train on.

    Attributes:
        source: `READER:PATH`, `embedded:NAME` or a data set's folder.
        copies: rows per image in the mean: the image itself, then copies that are a little changed. A patient with
            many images has fewer copies of each, so that one patient does not fill the data: an image has
            copies in proportion to 1 / sqrt(images of its patient).
        augment: how far copies lie from the image.
        validation_share: of the patients, about, that are held out.
        seed: of copies and split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = "embedded:nih64?split=train"
    copies: int = Field(24, ge=1)
    augment: AugmentConfig = AugmentConfig()
    validation_share: float = Field(0.1, gt=0, lt=1)
    seed: int = Field(0, ge=0)


class Images:
    """All images of a source in memory, and the rows that copies make of them."""

    def __init__(self, data: DataConfig, size: int) -> None:
        """Read the source.

        Raises:
            ValueError: it has no records, or a record holds no radiograph; the message names it.
        """
        self.data, self.size = data, size
        self.records: tuple[Record, ...] = tuple(_without_pixels(r, size) for r in read(data.source))
        if not self.records:
            raise ValueError(f"{data.source} holds no records to train on")
        self.row_of = _rows([patient_of(record) for record in self.records], data.copies)
        self.patients: Sequence[str] = [patient_of(self.records[image]) for image, _ in self.row_of]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row_of)

    def grey(self, row: int) -> Float[np.ndarray, "size size"]:
        """Return the image of a row: the first row of an image is the image itself."""
        image, copy = self.row_of[row]
        whole: np.ndarray = self.records[image].arrays["image"]
        if copy == 0:
            return whole
        return varied(whole, self.data.augment, stream(self.data.seed, f"radiograph.copy/{image}/{copy}"))


@lru_cache(maxsize=2)
def images_of(data: DataConfig, size: int) -> Images:
    """Return a source's images; the autoencoder and the denoiser of one run share them."""
    return Images(data, size)


def patient_of(record: Record) -> str:
    """Return whose image it is; an image without a patient's name is a patient of its own."""
    named = record.provenance.get("patient_id") or getattr(record.condition, "patient_id", None)
    return str(named or f"image {record.record_id}")


def _without_pixels(record: Record, size: int) -> Record:
    arrays = {"image": squared(record, size)}
    return Record(record.record_id, arrays, record.condition, record.geometry, record.provenance)


def _rows(patients: Sequence[str], copies: int) -> list[tuple[int, int]]:
    """Return (image, copy) of each row."""
    counts = {name: patients.count(name) for name in set(patients)}
    share = np.array([1 / np.sqrt(counts[name]) for name in patients])
    of_image = np.maximum(1, np.rint(copies * share / share.mean())).astype(int)
    return [(image, copy) for image, n in enumerate(of_image) for copy in range(n)]
