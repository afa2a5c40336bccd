"""The Record: what one sample is, real or synthetic alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel


@dataclass(frozen=True)
class SignalGeometry:
    """How a signal was sampled.

    Attributes:
        fs_hz: sampling rate in Hz.
        leads: lead names, one per row of the signal.
        unit: physical unit of the signal.
    """

    fs_hz: float
    leads: tuple[str, ...]
    unit: str = "mV"


@dataclass(frozen=True)
class ImageGeometry:
    """How an image or volume lies in space.

    Attributes:
        spacing_mm: pixel or voxel spacing per axis.
        affine: 4 x 4 voxel-to-world matrix as nested tuples, or None for plain images.
        unit: unit of the values ("1", "HU", ...).
    """

    spacing_mm: tuple[float, ...]
    affine: tuple[tuple[float, ...], ...] | None = None
    unit: str = "1"


Table = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Record:
    """One sample: arrays, condition, geometry, provenance, and the truth that is known about it.

    Attributes:
        record_id: name unique in its source.
        arrays: named arrays; an ECG has `signal`, float (leads, samples), in the geometry's unit.
        condition: what is known of the sample, complete (a generator fills in what it drew).
        geometry: sampling or spacing.
        provenance: where it comes from; JSON values; `synthetic` is always there.
        tables: ground truth or annotation as columns of equal length. An ECG may carry
            `waves` (lead, wave, beat, onset, peak, offset; samples, -1 where absent),
            `beats` (sample, label, rr_s) and `rhythms` (start, end, rhythm).
        truth: realised scalars (JSON values), such as `snr_db` or `twa_uv`.
    """

    record_id: str
    arrays: Mapping[str, np.ndarray]
    condition: BaseModel | None
    geometry: SignalGeometry | ImageGeometry
    provenance: Mapping[str, Any]
    tables: Mapping[str, Table] = field(default_factory=dict)
    truth: Mapping[str, Any] = field(default_factory=dict)

    @property
    def synthetic(self) -> bool:
        """Whether a generator made this record."""
        return bool(self.provenance.get("synthetic", False))
