"""A patient's record from an MriCondition: all contrasts that are there on one grid, or one line on what is wrong.

The contrasts lie on the grid of the first of t1, t1ce, t2, flair that is there: the same shape, and no corner of the
volume further away than a tenth of a voxel. Bringing another grid onto it is done only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from ..readers.volume_file import FileVolume, read_volume
from ..record import ImageGeometry, Record
from .condition import MriCondition
from .grids import TOLERANCE_VOXELS, affine_of, apart_voxels, onto
from .references import VOLUMES, Place, checked_sha256, place_of

UNIT = "a.u."
LABELS = (0, 1, 2, 3, 4)
LARGEST_BRAIN_ML = 2600  # of the five skull-stripped volumes at hand the largest has 1700; a head has 3500 and more
LEAST_BACKGROUND = 0.02


def subject_of(
    condition: MriCondition, *, record_id: str | None = None, resample: bool = False, whole_head: bool = False
) -> Record:
    """Return a patient's contrasts as one record: `t1`, `t1ce`, `t2`, `flair` as far as they are there, `segmentation`.

    Contrasts are float32 (x, y, z) to the right, front and head (RAS) in the scanner's own scale, what is no brain 0;
    the segmentation is uint8: 1 necrosis, 2 oedema, 3 enhancing (BraTS's old 4 becomes 3). `provenance` has `inputs`:
    name and SHA-256 of each file, and `brain_ml`, the volume of what is not 0.

    Args:
        condition: where the volumes lie.
        record_id: the record's name; the patient's when left out, else that of the first file.
        resample: bring a volume of the same space and another grid onto the first contrast's.
        whole_head: accept volumes that are not skull-stripped.

    Raises:
        ValueError: a volume that cannot be read, has changed since the plan was made, holds NaN or one value only, lies
            on another grid, or is no brain on a background of 0; in one line, naming contrast and file.
    """
    names = [name for name in VOLUMES if getattr(condition, name) is not None]
    places = {name: _named(name, "", place_of, str(getattr(condition, name))) for name in names}
    hashes = {name: _named(name, "", checked_sha256, place) for name, place in places.items()}
    read = {name: _named(name, "", _read, place) for name, place in places.items()}
    first = names[0]
    moved = {name: _on_grid(name, first, read, places, resample or places[name].resample) for name in names}
    arrays: dict[str, np.ndarray] = {}
    for name, volume in moved.items():
        check = _labels if name == "segmentation" else _intensities
        arrays[name] = _named(name, f"{places[name].name}: ", check, volume, places[name])
    brain_ml = _brain_ml(arrays, read[first], whole_head)
    matrix = tuple(tuple(float(v) for v in row) for row in affine_of(read[first]))
    patient = condition.patient_id
    provenance: dict[str, Any] = {
        "synthetic": False, "patient": patient, "patient_id": patient, "brain_ml": round(brain_ml, 1),
        "inputs": {name: {"file": places[name].name, "sha256": hashes[name]} for name in names},
        "resampled": [name for name in names if moved[name] is not read[name].volume],
    }  # fmt: skip
    geometry = ImageGeometry(read[first].spacing_mm, matrix, UNIT)
    return Record(record_id or patient or places[first].name.split(".")[0], arrays, condition, geometry, provenance)


def _named(name: str, file: str, step: Any, *given: Any) -> Any:
    """Return what a step makes of a volume; its error begins with the contrast's name."""
    try:
        return step(*given)
    except ValueError as error:
        raise ValueError(f"{name}: {file}{error}") from error


def _read(place: Place) -> FileVolume:
    if place.series is not None:
        from ..readers.dicom_slices import read_series

        return read_series(place.path, place.series)
    read = read_volume(place.path)
    try:
        affine_of(read)
    except ValueError as error:
        raise ValueError(f"{place.name}: {error}") from error
    return read


def _on_grid(
    name: str, first: str, read: Mapping[str, FileVolume], places: Mapping[str, Place], resample: bool
) -> np.ndarray:
    """Return a volume that lies on the first one's grid."""
    volume, grid = read[name], read[first]
    same_shape = volume.volume.shape == grid.volume.shape
    apart = apart_voxels(volume, grid) if same_shape else np.inf
    if apart <= TOLERANCE_VOXELS:
        return volume.volume
    if resample:
        if not np.isfinite(volume.volume).all():
            return volume.volume  # refused by its own check, with their number
        return _named(name, f"{places[name].name}: ", onto, volume, grid, name == "segmentation")
    if same_shape:
        where = f"{first} ({places[first].name})"
        said = f"its affine puts it {apart:.2f} voxels away from {where}; up to {TOLERANCE_VOXELS} pass"
    else:
        said = f"is {_shape(volume)} and {first} ({places[first].name}) {_shape(grid)}"
    advice = "contrasts of a patient lie on one grid; register them, or ask to resample one of the same space"
    raise ValueError(f"{name}: {places[name].name}: {said}; {advice}")


def _shape(volume: FileVolume) -> str:
    return " x ".join(map(str, volume.volume.shape))


def _intensities(volume: np.ndarray, place: Place) -> Float[np.ndarray, "x y z"]:
    bad = int((~np.isfinite(volume)).sum())
    if bad:
        raise ValueError(f"holds {bad} values that are NaN or infinite")
    low, high = float(volume.min()), float(volume.max())
    if low == high:
        raise ValueError(f"all {volume.size} voxels are {low:g}; there is no image in it")
    return np.ascontiguousarray(volume, dtype=np.float32)


def _labels(volume: np.ndarray, place: Place) -> UInt8[np.ndarray, "x y z"]:
    found = np.unique(volume)
    strange = [value for value in found.tolist() if value not in LABELS]
    if strange:
        raise ValueError(f"holds the value {strange[0]:g}; labels are 0, 1 necrosis, 2 oedema, 3 (or 4) enhancing")
    labels = volume.astype(np.uint8)
    # Since 2023 BraTS writes enhancing tumour as 3; a 4 beside it is the cavity of a resection, which is no tumour.
    cavity = 3 in found or place.path.name.startswith("BraTS-")
    labels[labels == 4] = 0 if cavity else 3
    return labels


def _brain_ml(arrays: Mapping[str, np.ndarray], grid: FileVolume, whole_head: bool) -> float:
    """Return the volume of what is not 0 in some contrast, if that can be a brain."""
    contrasts = {name: volume for name, volume in arrays.items() if name != "segmentation"}
    tissue = np.zeros(grid.volume.shape, bool)
    for volume in contrasts.values():
        tissue |= volume != 0
    ml = float(tissue.sum() * abs(np.linalg.det(affine_of(grid)[:3, :3])) / 1000)
    background = 1 - float(tissue.mean())
    if whole_head or (background >= LEAST_BACKGROUND and ml <= LARGEST_BRAIN_ML):
        return ml
    filled = max(contrasts, key=lambda name: int((contrasts[name] != 0).sum()))
    corner = float(contrasts[filled][0, 0, 0])
    why = f"{background:.0%} of the voxels are 0 and {ml:.0f} ml are not (its first voxel holds {corner:g})"
    limit = f"a skull-stripped brain has a background of 0 and up to {LARGEST_BRAIN_ML} ml"
    raise ValueError(f"{filled}: {why}; {limit}: strip the skull and set what is no brain to 0")
