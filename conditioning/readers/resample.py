"""A change of sampling rate: of the signal and of every annotation that counts samples."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from ..record import Table

# Columns that count samples, per table; `end` of a rhythm is the sample after its last one.
_SAMPLES = {"waves": ("onset", "peak", "offset"), "beats": ("sample",), "rhythms": ("start", "end")}
_LARGEST_RATIO = 200


def resampled(
    signal: Float[np.ndarray, "leads samples"], fs_hz: float, new_fs_hz: float
) -> Float[np.ndarray, "leads new_samples"]:
    """Return the signal at another rate by a zero-phase polyphase filter.

    The filter is linear and the same for every lead, so relations between leads survive. Ends are
    continued by a straight line, which keeps an offset from ringing there.

    Args:
        signal: (leads, samples).
        fs_hz: its rate.
        new_fs_hz: the rate wanted, 1 to 10000 Hz and within a factor of 200 of the old one.

    Raises:
        ValueError: a rate out of range.
    """
    ratio = _ratio(fs_hz, new_fs_hz)
    if ratio == 1:
        return signal
    from scipy.signal import resample_poly

    wide = resample_poly(signal.astype(np.float64), ratio.numerator, ratio.denominator, axis=-1, padtype="line")
    return np.ascontiguousarray(wide.astype(signal.dtype))


def _ratio(fs_hz: float, new_fs_hz: float) -> Fraction:
    if not 1 <= new_fs_hz <= 10_000:
        raise ValueError(f"fs_hz = {new_fs_hz:g}: a rate of 1 to 10000 Hz is needed")
    if not fs_hz / _LARGEST_RATIO <= new_fs_hz <= fs_hz * _LARGEST_RATIO:
        raise ValueError(f"is sampled at {fs_hz:g} Hz, too far from the fs_hz = {new_fs_hz:g} asked for")
    old, new = (Fraction(rate).limit_denominator(1000) for rate in (fs_hz, new_fs_hz))
    return (new / old).limit_denominator(5000)


def rescaled_tables(tables: Mapping[str, Table], fs_hz: float, new_fs_hz: float, n_samples: int) -> dict[str, Table]:
    """Return annotations whose sample numbers count at the new rate; -1 (absent) stays -1.

    Args:
        tables: `waves`, `beats`, `rhythms`; other tables pass unchanged.
        fs_hz: rate that they count at.
        new_fs_hz: rate wanted.
        n_samples: length of the resampled signal.
    """
    if fs_hz == new_fs_hz:
        return dict(tables)
    moved: dict[str, Table] = {}
    for name, table in tables.items():
        columns = dict(table)
        for column in _SAMPLES.get(name, ()):
            old = np.asarray(columns[column])
            last = n_samples if column == "end" else n_samples - 1
            new = np.minimum(np.rint(old * (new_fs_hz / fs_hz)).astype(np.int64), last)
            columns[column] = np.where(old < 0, -1, new)
        moved[name] = columns
    return moved
