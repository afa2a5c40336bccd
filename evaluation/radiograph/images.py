"""Radiographs of all sides as arrays of one size, with what their conditions say; constant ones are set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from ...conditioning.radiograph import RadiographCondition
from ...conditioning.record import Record
from ..downstream import content_sha256

SMALLEST, LARGEST = 16, 512  # pixels along an edge that the metrics are made for
FLAT_SD = 1e-4  # below it an image shows nothing


@dataclass(frozen=True)
class Images:
    """Radiographs of one side.

    Attributes:
        name: of the side, such as `held-out real`.
        x: (n, size, size), 0 to 1, white is dense.
        ids: of the records.
        patients: whose each one is.
        conditions: what is asked or known of each.
        flat: how many records were set aside since they are constant.
        shapes: the shapes that the records came in, with how many each.
    """

    name: str
    x: Float[np.ndarray, "n h w"]
    ids: tuple[str, ...]
    patients: tuple[str, ...]
    conditions: tuple[RadiographCondition, ...]
    flat: int = 0
    shapes: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.x)

    @property
    def n_patients(self) -> int:
        """Return how many patients there are."""
        return len(set(self.patients))

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of pixels, names and conditions."""
        said = [c.model_dump_json(exclude_none=True) for c in self.conditions]
        return content_sha256(self.x, self.ids, self.patients, said)


def picked(names: Sequence[str], rows: Bool[np.ndarray, " n"]) -> list[str]:
    """Return the names of the rows that a mask marks."""
    return [name for name, marked in zip(names, rows.tolist(), strict=True) if marked]


def patient_of(record: Record) -> str:
    """Return the patient of a record; each one without a name is a patient of its own."""
    named = getattr(record.condition, "patient_id", None) or record.provenance.get("patient_id")
    return str(named) if named else f"record {record.record_id}"


def image_of(record: Record) -> Float[np.ndarray, "h w"]:
    """Return a record's image as float32.

    Raises:
        ValueError: it has none, or one that is not (rows, columns) in [0, 1].
    """
    image = record.arrays.get("image")
    if image is None or image.ndim != 2 or min(image.shape) < SMALLEST:
        shape = "none" if image is None else " x ".join(map(str, image.shape))
        raise ValueError(
            f"record {record.record_id}: image is {shape}; rows x columns of {SMALLEST} or more are needed"
        )
    x = np.asarray(image, dtype=np.float32)
    if not np.isfinite(x).all() or x.min() < -1e-3 or x.max() > 1 + 1e-3:
        raise ValueError(f"record {record.record_id}: pixels from {x.min():g} to {x.max():g}; they must be in 0 to 1")
    return x


def common_size(*sides: Sequence[Record]) -> int:
    """Return the edge in pixels that all images are brought to: the least of the sides' commonest, at most 512."""
    commonest = []
    for records in sides:
        edges = Counter(max(image_of(r).shape) for r in records)
        if edges:
            commonest.append(min(edges, key=lambda e: (-edges[e], e)))
    if not commonest:
        raise ValueError("no radiograph was given")
    return min([*commonest, LARGEST])


def images(name: str, records: Sequence[Record], size: int) -> Images:
    """Return a side's images at one size.

    Args:
        name: of the side.
        records: radiographs.
        size: edge in pixels.

    Raises:
        ValueError: a record that is no radiograph.
    """
    raw = [image_of(r) for r in records]
    good = [i for i, x in enumerate(raw) if x.std(dtype=np.float64) > FLAT_SD]
    x = np.stack([resized(raw[i], size) for i in good]) if good else np.empty((0, size, size), np.float32)
    shapes = Counter(" x ".join(map(str, image.shape)) for image in raw)
    return Images(
        name,
        x,
        tuple(records[i].record_id for i in good),
        tuple(patient_of(records[i]) for i in good),
        tuple(_condition(records[i]) for i in good),
        len(raw) - len(good),
        tuple(shapes.most_common()),
    )


def resized(image: Float[np.ndarray, "h w"], size: int) -> Float[np.ndarray, "size size"]:
    """Return an image at another size: padded with black to a square, then bicubic with antialiasing, in float.

    Args:
        image: 0 to 1.
        size: edge in pixels.
    """
    edge = max(image.shape)
    top, left = ((edge - n) // 2 for n in image.shape)
    square = np.zeros((edge, edge), np.float32)
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    if edge == size:
        return np.clip(square, 0, 1)
    from PIL import Image

    small = Image.fromarray(square, mode="F").resize((size, size), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(small, dtype=np.float32), 0, 1)


def sizes_said(sides: Sequence[Images], size: int) -> str:
    """Say in a sentence which sizes came in and what was done to them."""
    came = "; ".join(
        f"{side.name} {', '.join(f'{shape} ({n})' for shape, n in side.shapes[:3])}"
        + (f" and {len(side.shapes) - 3} other sizes" if len(side.shapes) > 3 else "")
        for side in sides
    )
    if all(shape == f"{size} x {size}" for side in sides for shape, _ in side.shapes):
        return f"All images are {size} x {size} and were not resized."
    return (
        f"Images came as {came}. All were brought to {size} x {size}: padded with black to a square, then bicubic with "
        "antialiasing, in float."
    )


def _condition(record: Record) -> RadiographCondition:
    return record.condition if isinstance(record.condition, RadiographCondition) else RadiographCondition()
