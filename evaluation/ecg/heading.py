"""What stands above an ECG sheet: who, rate and intervals, rhythm and findings, and whether it is real."""

from __future__ import annotations

from typing import Any

from ...conditioning.record import Record

NUMBERS = (
    ("Rate", "heart_rate_bpm", "bpm"),
    ("PR", "pr_ms", "ms"),
    ("QRS", "qrs_ms", "ms"),
    ("QTc", "qtc_ms", "ms"),
    ("Axis", "axis_deg", "°"),
)
LINE = 115  # characters that fit beside the mark


def heading(record: Record) -> tuple[str, str, str]:
    """Return the three lines above a sheet; what is not known is left out or said to be so.

    Intervals are the truth of an artificial record, or else what its condition states.
    """
    who = f"{record.record_id} · {_sex(record)}, {_age(record)}"
    values = [(label, _known(record, name), unit) for label, name, unit in NUMBERS]
    numbers = " · ".join(f"{label} {value:.0f} {unit}" for label, value, unit in values if value is not None)
    return _cut(who), numbers.replace(" °", "°") or "rate and intervals not stated", _cut(_said(record))


def mark(record: Record) -> tuple[str, str]:
    """Return the word at the top and the note at the bottom that say whether a patient stands behind it."""
    if not record.synthetic:
        return "real record", str(record.provenance.get("source", ""))[:80]
    made = " ".join(f"{k} {record.provenance[k]}" for k in ("generator", "seed") if k in record.provenance)
    return "SYNTHETIC", f"SYNTHETIC: not from a patient · {made}"


def _said(record: Record) -> str:
    rhythm = _field(record, "rhythm")
    findings = _field(record, "findings") or ()
    words = [str(w).replace("_", " ") for w in (rhythm, *findings) if w is not None]
    return ", ".join(words) if words else "rhythm and findings not stated"


def _known(record: Record, name: str) -> Any:
    value = record.truth.get(name)
    return _field(record, name) if value is None else value


def _field(record: Record, name: str) -> Any:
    return getattr(record.condition, name, None)


def _sex(record: Record) -> str:
    sex = _field(record, "sex")
    return "sex not stated" if sex is None else str(sex)


def _age(record: Record) -> str:
    age = _field(record, "age_years")
    return "age not stated" if age is None else f"{age:.0f} years"


def _cut(text: str) -> str:
    return text if len(text) <= LINE else text[: LINE - 1] + "…"
