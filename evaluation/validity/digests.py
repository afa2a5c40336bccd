"""What tells two records to be the same: a hash of the values, and one of the values in 256 steps."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Shaped

from ...conditioning.record import Record

MAIN = ("image", "volume", "signal")  # arrays that say what a record is of
LEVELS = 255


def main_array(record: Record) -> tuple[str, np.ndarray]:
    """Return a record's image, volume or signal, with its name.

    Raises:
        ValueError: it has none.
    """
    for name in MAIN:
        if name in record.arrays:
            return name, np.asarray(record.arrays[name])
    raise ValueError(f"record {record.record_id}: has none of {', '.join(MAIN)}")


def exact_sha256(array: Shaped[np.ndarray, "*shape"]) -> str:
    """Return a hash of shape and values; the same for the same values in another type of number."""
    values = np.ascontiguousarray(array, dtype=np.float32) + np.float32(0)  # -0 and 0 are one
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()


def rounded_sha256(array: Shaped[np.ndarray, "*shape"]) -> str:
    """Return a hash of shape and values in 256 steps from the least to the greatest.

    A record that was stored anew with another depth, gain or offset keeps it, unless a value falls on the
    edge of a step. A constant or broken array gives a hash of its own bytes.
    """
    values = np.asarray(array, dtype=np.float64)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high) and high > low):
        return exact_sha256(array)
    steps = np.rint((values - low) * (LEVELS / (high - low))).astype(np.uint8)
    return hashlib.sha256(b"8 bit" + repr(steps.shape).encode() + steps.tobytes()).hexdigest()
