"""Encodes an ECG record as WFDB: `.hea`, `.dat` in format 16, `.atr`.

Our own encoder because `wfdb.wrsamp` takes longer per record than the whole budget of a sample;
tests hold it against `wfdb.rdrecord` and `wfdb.rdann`. No date is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
from jaxtyping import Float, Int16

from ...conditioning.record import Record, SignalGeometry
from .origin import Origin
from .quality import Unfit
from .wfdb_annotation import annotation_file

GAIN = 1000  # digital units per mV: 1 uV a step
_LARGEST = 32767  # -32768 means "no value" in format 16


def encode(record: Record, origin: Origin | None = None) -> dict[str, bytes]:
    """Return the files of an ECG record as bytes per suffix: `hea`, `dat`, and `atr` if there are annotations.

    Args:
        record: `signal` (leads, samples) in mV, a `SignalGeometry`, any truth tables.
        origin: left unsaid: a header has no place for it.

    Raises:
        ValueError: the record is not a signal in mV, or has no name that WFDB can hold.
        Unfit: a value is beyond what 16 bits hold at 1 uV a step.
    """
    geometry = record.geometry
    if not isinstance(geometry, SignalGeometry) or geometry.unit != "mV":
        raise ValueError(f"record {record.record_id!r} is not a signal in mV and cannot be written as WFDB")
    digital = quantise(record.arrays["signal"], geometry.leads)
    files = {
        "hea": header(record, geometry, digital).encode("ascii", "replace"),
        "dat": digital.astype("<i2", copy=False).tobytes(),
    }
    findings = {str(f) for f in getattr(record.condition, "findings", None) or ()}
    atr = annotation_file(record.tables, pre_excited="wolff_parkinson_white" in findings)
    return files if atr is None else files | {"atr": atr}


def quantise(signal: Float[np.ndarray, "leads samples"], leads: Iterable[str]) -> Int16[np.ndarray, "samples leads"]:
    """Round a signal in mV to steps of 1 uV, sample by sample as the file interleaves it.

    Args:
        signal: finite values in mV.
        leads: lead names, for the message.

    Raises:
        Unfit: a lead is clipped; values are never wrapped.
    """
    steps = np.rint(signal * GAIN)
    reach = np.abs(steps).max(axis=1, initial=0)
    if (reach > _LARGEST).any():
        worst = int(np.argmax(reach))
        name = list(leads)[worst]
        raise Unfit("clipped", f"lead {name} reaches {reach[worst] / GAIN:.3f} mV; the file holds {_LARGEST / GAIN} mV")
    return np.ascontiguousarray(steps.T.astype(np.int16))


def header(record: Record, geometry: SignalGeometry, digital: Int16[np.ndarray, "samples leads"]) -> str:
    """Return the text of a `.hea`: gain, baseline, unit, first value and checksum per lead, and the comments."""
    name = record.record_id
    samples, n_leads = digital.shape
    total = digital.sum(axis=0, dtype=np.int64)
    checksum = (total + 32768) % 65536 - 32768  # header(5): a signed 16-bit sum
    first = digital[0] if samples else np.zeros(n_leads, dtype=np.int16)
    lines = [f"{name} {n_leads} {_number(geometry.fs_hz)} {samples}"]
    for i, lead in enumerate(geometry.leads):
        lines.append(f"{name}.dat 16 {GAIN}(0)/{geometry.unit} 16 0 {first[i]} {checksum[i]} 0 {lead}")
    return "\n".join([*lines, *(f"# {line}" for line in comments(record, geometry))]) + "\n"


def comments(record: Record, geometry: SignalGeometry) -> list[str]:
    """Return the header's comments; the first says SYNTHETIC if a generator made the record."""
    source, condition = record.provenance, record.condition
    told: list[tuple[str, Any]] = [("generator", source.get("generator")), ("seed", source.get("seed"))]
    told += [(name, getattr(condition, field, None)) for name, field in _TOLD]
    told += [("lead unit", geometry.unit)]
    first = ["SYNTHETIC electrocardiogram: computed, not recorded from a person"] if record.synthetic else []
    return first + [f"{name}: {_word(value)}" for name, value in told if value is not None]


_TOLD = (("age", "age_years"), ("sex", "sex"), ("rhythm", "rhythm"), ("findings", "findings"))


def _word(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(_word(v) for v in value) or "none"
    if isinstance(value, float):
        return _number(round(value, 6))
    return str(value.value if isinstance(value, Enum) else value).replace("\n", " ").replace("\r", " ")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
