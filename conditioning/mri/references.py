"""Where a volume lies, as a condition names it: a file, a DICOM series in a folder, an embedded one; and its SHA-256.

`PATH`, `embedded:SET/PATIENT/CONTRAST`, or `FOLDER#series=UID`. Behind the `#` may also stand `resample=true` (may be
brought onto the grid of the first contrast) and `sha256=...`, the content that a plan was made from: a file that has
changed since is refused. Several are joined by `&`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from .condition import MriCondition
from .contrasts import CONTRASTS

VOLUMES = (*(str(contrast) for contrast in CONTRASTS), "segmentation")
_EMBEDDED = "embedded:"
_ONE = r"(?:series=[0-9.]{1,64}|resample=true|sha256=[0-9a-f]{64})"
_BEHIND = re.compile(rf"#({_ONE}(?:&{_ONE})*)$")


@dataclass(frozen=True)
class Place:
    """Where a volume lies.

    Attributes:
        path: of the file, or of the folder of a DICOM series.
        series: Series Instance UID; None for a file.
        resample: whether it may be brought onto another grid.
        sha256: what its content was when the plan was made; None where nothing was said.
    """

    path: Path
    series: str | None = None
    resample: bool = False
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Return what a message calls it: the file's name, without the folders of somebody's machine."""
        return f"{self.path.name}, series {self.series}" if self.series else self.path.name


def place_of(reference: str) -> Place:
    """Return where a reference points to; nothing is opened.

    Raises:
        ValueError: an embedded volume that there is not.
    """
    behind = _BEHIND.search(reference)
    parts = dict(part.split("=") for part in behind[1].split("&")) if behind else {}
    base = reference[: behind.start()] if behind else reference
    path = _embedded(base) if base.startswith(_EMBEDDED) else Path(base).expanduser()
    return Place(path, parts.get("series"), "resample" in parts, parts.get("sha256"))


def _embedded(reference: str) -> Path:
    from ..embedded.tcga_lgg_brains import SET, embedded_path

    parts = reference.removeprefix(_EMBEDDED).split("/")
    if len(parts) != 3 or parts[0] != SET:
        raise ValueError(f"{reference!r} is no embedded volume; one is named like embedded:{SET}/sub-01/t1")
    return embedded_path(parts[1], parts[2])


def content_sha256(place: Place) -> str:
    """Return the SHA-256 of a file's bytes; of a DICOM series that of the digests of its files, in their order.

    Raises:
        ValueError: it cannot be read, in one line that begins with its name.
    """
    try:
        if place.series is None:
            with place.path.open("rb", buffering=0) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{place.name}: {_why(place.path, error)}") from error
    from ..readers.dicom_slices import series_files

    digests = [content_sha256(Place(path)) for path in series_files(place.path, place.series)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _why(path: Path, error: OSError) -> str:
    if not path.exists():
        where = "" if path.is_absolute() else " (a path that does not begin with / counts from the working folder)"
        return f"does not exist{where}"
    return "is a folder; a file was expected" if path.is_dir() else f"cannot be read: {error.strerror}"


def checked_sha256(place: Place) -> str:
    """Return the SHA-256 of what lies there, held against the one that the reference states.

    Raises:
        ValueError: it cannot be read, or has changed since the plan was made.
    """
    found = content_sha256(place)
    if place.sha256 not in (None, found):
        was = str(place.sha256)[:12]
        raise ValueError(f"{place.name}: has changed since the plan was made (sha256 {found[:12]}..., it was {was}...)")
    return found


def sealed(condition: MriCondition) -> MriCondition:
    """Return a condition whose references hold the SHA-256 of what they point to; a plan's hash then covers it.

    Raises:
        ValueError: a volume that cannot be read, or that has changed since its reference was sealed.
    """
    found = {name: str(getattr(condition, name)) for name in VOLUMES if getattr(condition, name) is not None}
    return condition.model_copy(update={name: _sealed(reference) for name, reference in found.items()})


def _sealed(reference: str) -> str:
    place = place_of(reference)
    digest = checked_sha256(place)
    return reference if place.sha256 is not None else _with(reference, f"sha256={digest}")


def resampling(reference: str) -> str:
    """Return a reference to a volume that may be brought onto the grid of the first contrast."""
    return reference if place_of(reference).resample else _with(reference, "resample=true")


def _with(reference: str, part: str) -> str:
    return f"{reference}{'&' if _BEHIND.search(reference) else '#'}{part}"
