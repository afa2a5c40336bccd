"""`dicom:PATH`: radiographs (CR, DX) in DICOM files, a file or a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..record import Record
from .decoding import DICOM, file_size
from .dicom_image import read_dicom_image
from .image_record import ImageOptions, each_record, image_record
from .policy import OnError
from .square import Resample


def read_dicom(
    path: str,
    *,
    size: int | None = None,
    resample: Resample = "lanczos",
    images: bool = True,
    limit: int | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the radiographs below a folder in the order of their paths: `.dcm`, `.dicom` and files without a suffix.

    Args:
        path: a folder, or one file.
        size: side of the square that every image becomes; as it is when None.
        resample: `lanczos` or `area`.
        images: False reads conditions alone.
        limit: most records to yield.
        on_error: `raise`, or `skip` a file that is no radiograph or cannot be read.
        skipped: receives a line per file skipped.

    Raises:
        ValueError: no such path, no file in it, or (while iterating) a file that cannot be read, by name.
    """
    options = ImageOptions(size, resample, images)
    root = Path(path).expanduser()
    if not root.exists():
        raise ValueError(f"{path} does not exist; a DICOM file or a folder of them was expected")
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if _may_be_dicom(p))
    if not files:
        raise ValueError(f"{path} holds no .dcm or .dicom file")
    base = root.parent if root.is_file() else root

    def read_one(file: Path) -> Record:
        name = file.relative_to(base)
        try:
            return _record(file, name.with_suffix("").as_posix(), options)
        except ValueError as error:
            raise ValueError(f"{name.as_posix()}: {error}") from error

    return each_record(files, read_one, on_error, skipped, limit)


def _may_be_dicom(path: Path) -> bool:
    return path.is_file() and (path.suffix.lower() in DICOM or (not path.suffix and path.name != "DICOMDIR"))


def _record(file: Path, record_id: str, options: ImageOptions) -> Record:
    read = read_dicom_image(file, file_size(file), pixels=options.images)
    return image_record(record_id, file, options, facts={}, provenance={"reader": "dicom"}, read=read)
