"""Decides whether a record may be written, and measures it: a record that fails is quarantined, with the reason."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...conditioning.record import Record, SignalGeometry

FLAT_SD_MV = 0.001  # below the 1 uV step of the file: the lead would be written as a constant


class Unfit(Exception):
    """A record that must not be written.

    Attributes:
        reason: `nan`, `flat`, `clipped` or `shape`.
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
        Unfit: a value is NaN or infinite, a lead is flat, or the array does not have the declared shape.
    """
    for name, array in record.arrays.items():
        if not np.isfinite(array).all():
            raise Unfit("nan", f"{name} has {int((~np.isfinite(array)).sum())} values that are NaN or infinite")
    if isinstance(record.geometry, SignalGeometry):
        return _signal(record.arrays["signal"], record.geometry) | _told(record)
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
