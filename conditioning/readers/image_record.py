"""One real radiograph as a Record: squared if asked for, its condition checked, its patient named."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from ..radiograph.condition import RadiographCondition
from ..record import ImageGeometry, Record
from ..words import one_line
from .decoding import DICOM, file_size
from .dicom_image import read_dicom_image
from .image_file import FileImage, read_image
from .policy import OnError, each
from .square import Resample, check_square, squared

T = TypeVar("T")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_OVERSAMPLED = 2  # a JPEG is decoded small where twice the size wanted is left to resize from
_UNKNOWN_MM = (float("nan"), float("nan"))


@dataclass(frozen=True)
class ImageOptions:
    """How images are read.

    Attributes:
        size: side of the square that every image becomes; None leaves it as it is.
        resample: how it is resized.
        images: False reads the conditions alone, which takes a table's time and no image's.
        bits: depth of 16-bit values; None takes the least that holds an image's own.
    """

    size: int | None = None
    resample: Resample = "lanczos"
    images: bool = True
    bits: int | None = None

    def __post_init__(self) -> None:
        check_square(self.size, self.resample)


def image_record(
    record_id: str,
    path: Path,
    options: ImageOptions,
    *,
    facts: Mapping[str, Any],
    provenance: Mapping[str, Any],
    spacing_mm: tuple[float, float] | None = None,
    inverted: bool = False,
    read: FileImage | None = None,
) -> Record:
    """Return a real radiograph; `image` is float32 (rows, cols) in [0, 1], white dense.

    The spacing is NaN where neither the source nor the file states it.

    Args:
        record_id: name unique in its source.
        path: the image's file.
        options: size and what is read.
        facts: condition fields that the source states; they win over those of a DICOM header. None is not stated.
        provenance: where the record comes from.
        spacing_mm: (dy, dx) of a pixel, if the source states it.
        inverted: the file shows dense as black.
        read: the file, where the reader has read it already.

    Raises:
        ValueError: a file that cannot be read, or a fact that a condition cannot hold.
    """
    read = read or _file(path, options, inverted)
    header = {**read.facts, "patient_id": patient_name("dicom", str(read.facts.get("patient_id", "")))}
    stated = {**header, **{name: value for name, value in facts.items() if value is not None}}
    condition = checked_condition(stated)
    spacing = spacing_mm or read.spacing_mm or _UNKNOWN_MM
    about = {"synthetic": False, **provenance, **read.about, "patient_id": condition.patient_id}
    if not options.images:
        return Record(record_id, {}, condition, ImageGeometry(spacing), about)
    image = read.image
    if options.size is not None:
        about["rows"], about["cols"] = read.shape
        image = squared(image, options.size, options.resample)
        step = max(read.shape) / options.size
        spacing = (spacing[0] * step, spacing[1] * step)
    return Record(record_id, {"image": image}, condition, ImageGeometry(spacing), about)


def _file(path: Path, options: ImageOptions, inverted: bool) -> FileImage:
    if options.images:
        least = None if options.size is None else _OVERSAMPLED * options.size
        return read_image(path, bits=options.bits, inverted=inverted, at_least=least)
    if path.suffix.lower() not in DICOM:
        return FileImage(np.zeros((0, 0), np.float32), None, {}, {}, (0, 0))
    try:
        return read_dicom_image(path, file_size(path), pixels=False)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def checked_condition(facts: Mapping[str, Any]) -> RadiographCondition:
    """Return facts as a condition.

    Raises:
        ValueError: one that a condition cannot hold, such as an age of 430, in one line.
    """
    try:
        return RadiographCondition.model_validate(dict(facts))
    except ValidationError as error:
        raise ValueError(one_line(error, RadiographCondition)) from error


def patient_name(prefix: str, name: str) -> str | None:
    """Return a patient's id with its source before it, in the letters that a condition takes; None if there is none.

    An id that must be changed for that gets a piece of its hash, so that two never become one.
    """
    if not name.strip():
        return None
    plain = _NOT_IN_A_NAME.sub("-", name.strip())
    if plain != name.strip() or len(prefix) + 1 + len(plain) > 64:
        plain = f"{plain[: 50 - len(prefix)]}-{hashlib.sha256(name.strip().encode()).hexdigest()[:8]}"
    return f"{prefix}-{plain}"


def each_record(
    rows: Iterable[T], read_one: Callable[[T], Record], on_error: OnError, skipped: list[str] | None, limit: int | None
) -> Iterator[Record]:
    """Yield records as `each` does, at most `limit` of them.

    Raises:
        ValueError: a limit below 1 or an unknown `on_error`, at once.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit = {limit}; at least 1 record is needed")
    return itertools.islice(each(rows, read_one, on_error, skipped), limit)
