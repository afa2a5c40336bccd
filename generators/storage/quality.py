"""Decides whether a record may be written, and measures it: a record that fails is quarantined, with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.record import ImageGeometry, Record, SignalGeometry

FLAT_SD_MV = 0.001  # below the 1 uV step of the file: the lead would be written as a constant

# Of 749 real radiographs (NIH ChestX-ray14, a COVID-19 and a paediatric collection) the flattest has a standard
# deviation of 0.094, and the one with most pixels at 0 or 1 has 26%; squaring a 5:6 picture by a black border adds 17%.
FLAT_SD = 0.01
SATURATED_SHARE = 0.5
# Columns that are measured here; a generator's own score may not take their names.
_OWN = (
    *("qc_mean", "qc_sd", "qc_saturated_share", "qc_snr_db"),
    *("qc_peak_to_peak_min_mv", "qc_peak_to_peak_max_mv", "qc_sd_min_mv"),
)
_SCORE = re.compile(r"[a-z][a-z0-9_]{0,40}")


class Unfit(Exception):
    """A record that must not be written.

    Attributes:
        reason: `nan`, `flat`, `clipped`, `range`, `shape` or `quality`.
        detail: the sentence with the value.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """Say why."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def check(record: Record) -> dict[str, float]:
    """Return a record's quality scores.

    Args:
        record: what a generator yielded.

    Returns:
        Scores by name; they become the `qc_...` columns of the manifest.

    Raises:
        Unfit: a value is NaN or infinite, a lead or an image is flat, an image is outside [0, 1] or mostly black and
            white, the array does not have the declared shape, or the generator's own quality control refused it.
        ValueError: a score of the generator has a name that cannot be a column's.
    """
    for name, array in record.arrays.items():
        if not np.isfinite(array).all():
            raise Unfit("nan", f"{name} has {int((~np.isfinite(array)).sum())} values that are NaN or infinite")
    scores = _measured(record) | _control(record.truth)
    if record.truth.get("qc_passed") is False:
        raise Unfit("quality", str(record.truth.get("qc_failed") or "the generator's quality control refused it"))
    return scores


def _measured(record: Record) -> dict[str, float]:
    if isinstance(record.geometry, SignalGeometry):
        return _signal(record.arrays["signal"], record.geometry) | _told(record)
    if "image" in record.arrays:
        return _image(record.arrays["image"], record.geometry)
    if len(record.geometry.spacing_mm) == 3:
        return _volumes(record.arrays, record.geometry)
    return _told(record)


def _signal(signal: Float[np.ndarray, "leads samples"], geometry: SignalGeometry) -> dict[str, float]:
    if signal.ndim != 2 or len(signal) != len(geometry.leads) or signal.shape[1] == 0:
        raise Unfit("shape", f"signal has shape {signal.shape}; {len(geometry.leads)} leads are declared")
    sd = signal.std(axis=1, dtype=np.float64)
    if sd.min() < FLAT_SD_MV:
        worst = int(np.argmin(sd))
        raise Unfit("flat", f"lead {geometry.leads[worst]} is flat: its standard deviation is {sd[worst]:.2g} mV")
    span = np.ptp(signal, axis=1)
    return {
        "qc_peak_to_peak_min_mv": float(span.min()),
        "qc_peak_to_peak_max_mv": float(span.max()),
        "qc_sd_min_mv": float(sd.min()),
    }


def _told(record: Record) -> dict[str, float]:
    snr_db = record.truth.get("snr_db")
    return {"qc_snr_db": float("nan") if snr_db is None else float(snr_db)}


def _image(image: np.ndarray, geometry: ImageGeometry) -> dict[str, float]:
    """Check a radiograph, (rows, columns) in [0, 1], and return its mean, standard deviation and saturated share."""
    spacing = geometry.spacing_mm
    if image.ndim != 2 or image.size == 0 or len(spacing) != 2:
        raise Unfit("shape", f"image has shape {image.shape}; rows and columns with a spacing each ({spacing}) are due")
    if not all(0 < mm < math.inf for mm in spacing):
        raise Unfit("shape", f"image has a pixel spacing of {spacing} mm; two lengths above 0 are due")
    if image.min() < 0 or image.max() > 1:
        raise Unfit("range", f"image has values from {image.min():.6g} to {image.max():.6g}; [0, 1] is due")
    sd = float(image.std(dtype=np.float64))
    if sd < FLAT_SD:
        raise Unfit("flat", f"image is flat: its standard deviation is {sd:.2g} of the range, real ones' 0.09 or more")
    share = float(np.mean((image == 0) | (image == 1)))
    if share > SATURATED_SHARE:
        limit = f"up to {SATURATED_SHARE:.0%} pass"
        raise Unfit("clipped", f"image is clipped: {share:.0%} of its pixels are 0 or 1, {limit}")
    return {"qc_mean": float(image.mean(dtype=np.float64)), "qc_sd": sd, "qc_saturated_share": share}


def _volumes(arrays: Mapping[str, np.ndarray], geometry: ImageGeometry) -> dict[str, float]:
    """Check volumes (x, y, z) of one shape and return the standard deviation of each that is an image."""
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3 or 0 in next(iter(shapes)):
        raise Unfit("shape", f"volumes have the shapes {sorted(shapes)}; one of (x, y, z) is due")
    if not all(0 < mm < math.inf for mm in geometry.spacing_mm):
        raise Unfit("shape", f"volumes have voxels of {geometry.spacing_mm} mm; three lengths above 0 are due")
    scores = {}
    for name, array in arrays.items():
        if array.dtype.kind != "f" or name.endswith("_uncertainty"):  # labels and a certain volume may be constant
            continue
        if float(array.min()) == float(array.max()):
            raise Unfit("flat", f"{name} is flat: all its voxels are {float(array.flat[0]):.6g}")
        scores[f"qc_sd_{name}"[:44]] = float(array.std(dtype=np.float64))
    return scores


def _control(truth: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores of the generator's own quality control, NaN where it has none."""
    found = {}
    for name, value in (truth.get("qc_scores") or {}).items():
        if not _SCORE.fullmatch(str(name)) or f"qc_{name}" in _OWN:
            raise ValueError(f"quality score {name!r}: a lower-case word is due, and not one of {', '.join(_OWN)}")
        found[f"qc_{name}"] = math.nan if value is None else float(value)
    return found
