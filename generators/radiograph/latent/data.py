"""Which radiographs are trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.readers import read
from ....conditioning.record import ImageGeometry, Record
from ....conditioning.seeds import stream
from ..table import table_of
from .images import AugmentConfig, squared, varied

_MOST = 20_000  # images that an inspector learns from


class DataConfig(BaseModel):
    """What to train on.

    Attributes:
        source: `READER:PATH`, `embedded:NAME` or a data set's folder.
        copies: rows per image in the mean: the image itself, then copies that are a little changed. A patient with
            many images has fewer copies of each, so that one patient does not fill the data: an image has
            copies in proportion to 1 / sqrt(images of its patient).
        augment: how far copies lie from the image.
        validation_share: of the patients, about, that are held out.
        cache: folder in which prepared images and latents are kept, read from the disk by every process of a run and
            by the next run; in memory when None.
        seed: of copies and split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = "embedded:nih64?split=train"
    copies: int = Field(24, ge=1)
    augment: AugmentConfig = AugmentConfig()
    validation_share: float = Field(0.1, gt=0, lt=1)
    cache: Path | None = None
    seed: int = Field(0, ge=0)

    def kept(self, kind: str) -> Path | None:
        """Return the folder in which one kind of numbers is kept."""
        return None if self.cache is None else self.cache / kind


class Images:
    """All images of a source, and the rows that copies make of them.

    Attributes:
        conditions: one per image.
        row_of: image and copy of each row.
        patients: whose each row is.
    """

    def __init__(self, data: DataConfig, size: int) -> None:
        """Read the source.

        Raises:
            ValueError: it has no records, or a record holds no radiograph; the message names it.
        """
        self.data, self.size = data, size
        made = {"source": data.source, "size": size}
        self._table = table_of(lambda: _squares(data.source, size), made, data.kept("images"))
        self.conditions: tuple[RadiographCondition, ...] = self._table.conditions
        self.row_of = _rows(self._table.patients, data.copies)
        self.patients: Sequence[str] = [self._table.patients[image] for image, _ in self.row_of]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row_of)

    def grey(self, row: int) -> Float[np.ndarray, "size size"]:
        """Return the image of a row: the first row of an image is the image itself."""
        image, copy = self.row_of[row]
        whole = np.asarray(self._table.rows[image], np.float32)
        if copy == 0:
            return whole
        return varied(whole, self.data.augment, stream(self.data.seed, f"radiograph.copy/{image}/{copy}"))

    def records(self) -> list[Record]:
        """Return the images as records; of very many, 20,000 spread over all."""
        n = len(self.conditions)
        return [self._record(int(k)) for k in np.unique(np.linspace(0, n - 1, min(n, _MOST)).astype(int))]

    def _record(self, k: int) -> Record:
        image, about = np.asarray(self._table.rows[k], np.float32), {"patient_id": self._table.patients[k]}
        return Record(f"image-{k}", {"image": image}, self.conditions[k], ImageGeometry((1.0, 1.0)), about)


@lru_cache(maxsize=2)
def images_of(data: DataConfig, size: int) -> Images:
    """Return a source's images; the autoencoder and the denoiser of one run share them."""
    return Images(data, size)


def _squares(source: str, size: int) -> Iterator[tuple[Record, np.ndarray]]:
    for record in read(source):
        yield record, squared(record, size)


def _rows(patients: Sequence[str], copies: int) -> list[tuple[int, int]]:
    """Return (image, copy) of each row."""
    names, which, counts = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    share = 1 / np.sqrt(counts[which])
    of_image = np.maximum(1, np.rint(copies * share / share.mean())).astype(int)
    return [(image, copy) for image, n in enumerate(of_image) for copy in range(n)]
