"""Between records and what the network works on: eight leads, 10 s at 125 Hz, in units of each lead's spread.

The change of rate is a zero-phase polyphase filter of scipy: what the generator makes has no content above 62.5 Hz,
whatever rate it is written at.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ....conditioning.ecg import INDEPENDENT_LEADS, LEADS, EcgCondition
from ....conditioning.readers.resample import resampled
from ....conditioning.record import Record, SignalGeometry

FS_HZ = 125.0
SAMPLES = 1250
_LARGEST_MV = 8.0  # what lies beyond is a loose electrode


class ScaleConfig(BaseModel):
    """The network's unit in each lead.

    Attributes:
        sigma_data: standard deviation of the data as the network has them.
        lead_mv: what that is in mV, for I, II, V1-V6: about the spread of a lead over adults at rest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sigma_data: float = Field(0.5, gt=0)
    lead_mv: tuple[float, ...] = (0.15, 0.19, 0.22, 0.30, 0.29, 0.28, 0.25, 0.21)

    @field_validator("lead_mv")
    @classmethod
    def _one_per_lead(cls, lead_mv: tuple[float, ...]) -> tuple[float, ...]:
        if len(lead_mv) != len(INDEPENDENT_LEADS) or min(lead_mv) <= 0:
            raise ValueError(f"lead_mv = {list(lead_mv)}: eight numbers above 0 are needed, for I, II, V1-V6")
        return lead_mv

    def to_network(self, mv: Float[np.ndarray, "*b 8 n"]) -> Float[np.ndarray, "*b 8 n"]:
        """Return leads in the network's unit, each about its own median."""
        centred = np.clip(mv - np.median(mv, axis=-1, keepdims=True), -_LARGEST_MV, _LARGEST_MV)
        return (centred * self._gain).astype(np.float32)

    def to_mv(self, x: Float[np.ndarray, "*b 8 n"]) -> Float[np.ndarray, "*b 8 n"]:
        """Return leads in mV."""
        return (x / self._gain).astype(np.float32)

    @property
    def _gain(self) -> Float[np.ndarray, "8 1"]:
        return (self.sigma_data / np.array(self.lead_mv, np.float64))[:, None]


def eight_leads(record: Record) -> Float[np.ndarray, "8 1250"]:
    """Return I, II, V1-V6 of a record in mV at 125 Hz, its first 10 s.

    Raises:
        ValueError: a lead is missing, the record is shorter than 10 s, or a sample is not a number.
    """
    geometry = record.geometry
    assert isinstance(geometry, SignalGeometry)
    missing = [lead for lead in INDEPENDENT_LEADS if lead not in geometry.leads]
    if missing:
        raise ValueError(f"record {record.record_id} lacks lead {missing[0]}; I, II and V1-V6 are needed")
    mv = np.asarray(record.arrays["signal"])[[geometry.leads.index(lead) for lead in INDEPENDENT_LEADS]]
    if not np.isfinite(mv).all():
        raise ValueError(f"record {record.record_id} has samples that are not numbers")
    low = resampled(mv.astype(np.float32), geometry.fs_hz, FS_HZ)
    if low.shape[-1] < SAMPLES:
        seconds = mv.shape[-1] / geometry.fs_hz
        raise ValueError(f"record {record.record_id} lasts {seconds:g} s; {SAMPLES / FS_HZ:g} s are needed")
    return low[:, :SAMPLES]


def written(mv: Float[np.ndarray, "8 1250"], condition: EcgCondition) -> Float[np.ndarray, "leads n"]:
    """Return the leads asked for, at the rate and of the duration asked for, in mV.

    III, aVR, aVL and aVF follow from I and II, so that Einthoven's and Goldberger's laws hold.
    """
    n = round(condition.duration_s * condition.fs_hz)
    eight = resampled(mv, FS_HZ, condition.fs_hz)[:, :n]
    eight = np.pad(eight, ((0, 0), (0, n - eight.shape[-1])), mode="edge")
    i, ii = eight[0].astype(np.float64), eight[1].astype(np.float64)
    limb = np.stack([i, ii, ii - i, -0.5 * (i + ii), i - 0.5 * ii, ii - 0.5 * i]).astype(np.float32)
    twelve = np.concatenate([limb, eight[2:]])
    return np.ascontiguousarray(twelve[[LEADS.index(lead) for lead in condition.leads]])
