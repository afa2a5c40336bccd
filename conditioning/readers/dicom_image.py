"""A radiograph in a DICOM file: shown as its own header says, dense is white.

Source: DICOM PS3.3, C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT, linear and sigmoid windows).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ..words import first_line
from .decoding import check_size, file_size
from .image_file import FileImage, checked_values

MODALITIES = ("CR", "DX")
_VIEWS = {"AP": "ap", "PA": "pa", "LATERAL": "lateral", "LL": "lateral", "RL": "lateral", "LAT": "lateral"}
_AGE = re.compile(r"(\d{1,3})([YMWD])")
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_NEEDED = ["Modality", "Rows", "Columns", "PixelData"]


def read_dicom_image(
    path: Path, size: int, *, pixels: bool = True, modalities: Collection[str] | None = MODALITIES
) -> FileImage:
    """Return a radiograph: rescaled, windowed (its full range where no window is given), MONOCHROME1 inverted.

    Args:
        path: the file.
        size: its bytes.
        pixels: also decode the image; without it `image` is empty.
        modalities: those that are read; None reads any, colour (rows, cols, 3) too.

    Raises:
        ValueError: no DICOM file, another modality than CR and DX, or an image that cannot be shown.
    """
    with _quiet():
        head = _header(path, pixels, modalities)
        facts, about = patient_of(head), _about(head)
        spacing = _spacing(head)
        if not pixels:
            return FileImage(np.zeros((0, 0), np.float32), spacing, about, facts, (0, 0))
        _check(head, size, colour=modalities is None)
        image = _colour(head) if int(head.get("SamplesPerPixel") or 1) == 3 else _shown(head, _decoded(head))
        return FileImage(image, spacing, about, facts, (image.shape[0], image.shape[1]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pydicom's remarks on values that break the standard out of the user's sight: they are checked here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # pydicom's are of this kind
        yield


def _header(path: Path, pixels: bool, modalities: Collection[str] | None) -> Any:
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError:
        raise ValueError("needs pydicom (pip install pydicom)") from None
    file_size(path)
    try:
        head = pydicom.dcmread(path, stop_before_pixels=not pixels)
    except InvalidDicomError:
        raise ValueError("is no DICOM file: its header lacks DICM") from None
    except Exception as error:  # what a broken header makes pydicom raise is not foreseeable
        raise ValueError(f"cannot be read as DICOM, it is cut or damaged: {first_line(error)}") from error
    modality = str(head.get("Modality", "")).strip()
    if modalities is not None and modality not in modalities:
        advice = "; series of MR are read by dicom-series:" if modality == "MR" else ""
        raise ValueError(f"has modality {modality or 'none'}; a radiograph has {' or '.join(modalities)}{advice}")
    return head


def _check(head: Any, size: int, colour: bool) -> None:
    missing = [name for name in _NEEDED if head.get(name) is None]
    if missing:
        raise ValueError(f"has no {missing[0]}")
    if int(head.get("NumberOfFrames") or 1) > 1:
        raise ValueError(f"holds {head.NumberOfFrames} frames; one is needed")
    photometric, samples = str(head.get("PhotometricInterpretation", "")), int(head.get("SamplesPerPixel") or 1)
    colourful = colour and samples == 3 and photometric.startswith(("RGB", "YBR"))
    if not colourful and (samples != 1 or not photometric.startswith("MONOCHROME")):
        raise ValueError(
            f"is {photometric or 'of unknown colour'} with {samples} samples a pixel; MONOCHROME1 or 2 is needed"
        )
    rows, cols, wide = int(head.Rows), int(head.Columns), int(head.get("BitsAllocated") or 16) // 8
    check_size(rows, cols, max(1, wide) * samples, size)
    packed = "422" in photometric  # two pixels share their colours
    if not _compressed(head) and not packed and len(head.PixelData) < rows * cols * wide * samples:
        raise ValueError(
            f"claims {rows} x {cols} pixels of {wide} bytes, and holds {len(head.PixelData)} bytes of them"
        )


def _compressed(head: Any) -> bool:
    syntax = getattr(getattr(head, "file_meta", None), "TransferSyntaxUID", None)
    return bool(syntax is not None and syntax.is_compressed)


def _decoded(head: Any) -> Shaped[np.ndarray, "rows cols"]:
    try:
        stored = np.asarray(head.pixel_array)
    except Exception as error:  # decoders raise what they like
        name = getattr(getattr(head.file_meta, "TransferSyntaxUID", None), "name", "unknown")
        raise ValueError(f"cannot be decoded ({name}): {first_line(error)}") from error
    if stored.ndim != 2:
        raise ValueError(f"holds an array {stored.shape}; (rows, cols) is needed")
    return stored


def _colour(head: Any) -> Float[np.ndarray, "rows cols 3"]:
    """Return the red, green and blue of a colour image, 0 to 1."""
    from pydicom.pixels import pixel_array

    try:
        values = np.asarray(pixel_array(head))
    except Exception as error:  # decoders raise what they like
        raise ValueError(f"cannot be decoded: {first_line(error)}") from error
    if values.ndim != 3 or values.shape[2] != 3:
        raise ValueError(f"holds an array {values.shape}; (rows, cols, 3) is needed")
    bits = int(head.get("BitsStored") or 8 * values.dtype.itemsize)
    return (values / np.float32(2**bits - 1)).astype(np.float32)


def _shown(head: Any, stored: Shaped[np.ndarray, "rows cols"]) -> Float[np.ndarray, "rows cols"]:
    """Return stored values as they are to be seen, 0 to 1, white dense."""
    padding = _padding(head, stored)
    kept = stored if padding is None else np.where(padding, stored[~padding].min() if not padding.all() else 0, stored)
    checked_values(kept)
    slope, intercept = _number(head, "RescaleSlope", 1.0), _number(head, "RescaleIntercept", 0.0)
    precise = np.float32 if kept.dtype.itemsize <= 2 else np.float64  # 16 bits fit into float32 exactly
    values = np.asarray(np.multiply(kept, slope, dtype=precise) + precise(intercept))
    image = _windowed(head, kept, values)
    if str(head.PhotometricInterpretation) == "MONOCHROME1":
        image = 1 - image
    if padding is not None:
        image = np.where(padding, 0.0, image)
    checked_values(image)
    return image.astype(np.float32)


def _padding(head: Any, stored: Shaped[np.ndarray, "rows cols"]) -> np.ndarray | None:
    """Return where the pixels are outside the picture, if the header says so and there are any."""
    value = head.get("PixelPaddingValue")
    if value is None:
        return None
    limit = head.get("PixelPaddingRangeLimit", value)
    low, high = sorted((int(value), int(limit)))
    outside = (stored >= low) & (stored <= high)
    return outside if outside.any() else None


def _windowed(
    head: Any, stored: Shaped[np.ndarray, "rows cols"], values: Float[np.ndarray, "rows cols"]
) -> Float[np.ndarray, "rows cols"]:
    if head.get("VOILUTSequence"):
        return _by_table(head, stored)
    centre, width = _first(head.get("WindowCenter")), _first(head.get("WindowWidth"))
    if centre is None or width is None:
        low, high = float(values.min()), float(values.max())
        return (values - low) / (high - low)
    function = str(head.get("VOILUTFunction") or "LINEAR").upper()
    if width < 1 and (function != "LINEAR_EXACT" or width <= 0):
        raise ValueError(f"WindowWidth = {width:g}; it must be 1 or more")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -60, 60)))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _by_table(head: Any, stored: Shaped[np.ndarray, "rows cols"]) -> Float[np.ndarray, "rows cols"]:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    try:
        shown = apply_voi_lut(apply_modality_lut(stored, head).astype(np.int64), head, prefer_lut=True)
        bits = int(head.VOILUTSequence[0].LUTDescriptor[2])
    except Exception as error:
        raise ValueError(f"its VOI LUT cannot be applied: {first_line(error)}") from error
    return np.clip(shown.astype(np.float64) / (2**bits - 1), 0, 1)


def _spacing(head: Any) -> tuple[float, float] | None:
    """Return the size of a pixel in the patient's plane if it is known, else at the detector."""
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        value = head.get(name)
        try:
            dy, dx = float(value[0]), float(value[1])
        except (TypeError, ValueError, IndexError):
            continue
        if 0 < dy < 10 and 0 < dx < 10:
            return dy, dx
    return None


def patient_of(head: Any) -> dict[str, Any]:
    """Return sex, age, view and patient's id that a header states, as condition fields (the id without a prefix).

    Raises:
        ValueError: an age that is no DICOM age.
    """
    sex, view = str(head.get("PatientSex") or "").strip().upper(), str(head.get("ViewPosition") or "").strip().upper()
    facts = {
        "sex": sex if sex in ("F", "M") else None,
        "age_years": _age(head),
        "view": _VIEWS.get(view),
        "patient_id": str(head.get("PatientID") or "").strip() or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _age(head: Any) -> float | None:
    said = str(head.get("PatientAge") or "").strip().upper()
    if said:
        found = _AGE.fullmatch(said)
        if found is None:
            raise ValueError(f"PatientAge {said!r} is not like 045Y, 006M, 003W or 010D")
        return round(int(found[1]) * _YEARS[found[2]], 4)
    born, taken = (str(head.get(name) or "")[:4] for name in ("PatientBirthDate", "StudyDate"))
    return float(int(taken) - int(born)) if born.isdigit() and taken.isdigit() else None


def _about(head: Any) -> dict[str, Any]:
    names = ("Modality", "Manufacturer", "PhotometricInterpretation", "BodyPartExamined", "BitsStored")
    stated = {name: head.get(name) for name in names}
    return {name: (int(v) if isinstance(v, int) else str(v)) for name, v in stated.items() if v not in (None, "")}


def _number(head: Any, name: str, otherwise: float) -> float:
    value = _first(head.get(name))
    return otherwise if value is None else value


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0]) if hasattr(value, "__len__") and not isinstance(value, str) else float(value)
